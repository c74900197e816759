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
      <button class="main" disabled=${busy}>${say("login.enter")}</button>
      <div class="foot"><${LanguageChoice} /></div>
    </form>
  </main>`;
}

function loginWords(fault) {
  if (fault.status === 401 || fault.status === 422) return say("login.wrong");
  return knows(`error.${fault.code}`) ? term("error", fault.code) : fault.detail || say("error.other");
}

export const Down = () => html`<main class="login"><p role="status"><${Icon} name="clock" /> ${say("down")}</p></main>`;
