// The door: e-mail and password, or a one-time login from the address, which is taken out of it at once.

import { html, useEffect, useRef, useState } from "../vendor/vendor.js";
import { api } from "../api.js";
import { begin } from "../feed.js";
import { knows, say, term } from "../i18n.js";
import { Icon } from "./icons.js";
import { LanguageChoice } from "./top.js";

function takeToken() {
  const address = new URL(location.href);
  const token = address.searchParams.get("login");
  if (token === null) return null;
  address.searchParams.delete("login");
  history.replaceState(null, "", address);
  return token;
}

async function enter(body, fail) {
  try {
    await api.login(body);
  } catch (fault) {
    return fail(fault);
  }
  return begin({ fresh: true });
}

/** Use a login token that stands in the address; true when there was one. */
export async function enterByAddress(fail) {
  const token = takeToken();
  if (token === null) return false;
  await enter({ token }, fail);
  return true;
}

export function Login({ fault }) {
  const [problem, setProblem] = useState(fault);
  const [busy, setBusy] = useState(false);
  const left = useSecondsOf(problem);
  const first = useRef(null);
  useEffect(() => first.current?.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    const { email, password } = Object.fromEntries(new FormData(event.target));
    await enter({ email: email.trim(), password }, setProblem);
    setBusy(false);
  };
  return html`<main class="login">
    <form onSubmit=${submit}>
      <img src="favicon.svg" alt="" width="48" height="48" />
      <h1>${say("login.title")}</h1>
      <p class="quiet">${say("login.lead")}</p>
      <label>${say("login.email")}<input ref=${first} name="email" type="email" autocomplete="username" required /></label>
      <label>${say("login.password")}<input name="password" type="password" autocomplete="current-password" required /></label>
      <p role="alert" class="bad">${problem ? loginWords(problem) : ""}</p>
      <p class="quiet" role="timer">${left ? waitWords(left) : ""}</p>
      <button class="main" disabled=${busy || left > 0}>${say("login.enter")}</button>
      <div class="foot"><${LanguageChoice} /></div>
    </form>
  </main>`;
}

// How long is left of the wait that was asked for: what is tried sooner would only be refused.
function useSecondsOf(problem) {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const end = Date.now() + (problem?.wait ?? 0) * 1_000;
    const tick = () => setLeft(Math.max(0, Math.ceil((end - Date.now()) / 1_000)));
    tick();
    if (!problem?.wait) return undefined;
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }, [problem]);
  return left;
}

const waitWords = (left) => (left < 120 ? say("login.wait", { seconds: left }) : say("login.wait_long", { minutes: Math.ceil(left / 60) }));

function loginWords(fault) {
  if (fault.status === 401 || fault.status === 422) return say("login.wrong");
  return knows(`error.${fault.code}`) ? term("error", fault.code) : fault.detail || say("error.other");
}

export const Down = () => html`<main class="login"><p role="status"><${Icon} name="clock" /> ${say("down")}</p></main>`;
