// "Try a message": what would happen to words that nobody sent, and why. Nothing is stored, nobody is told.

import { html, useEffect, useRef, useState } from "../vendor/vendor.js";
import { api } from "../api.js";
import { LANGUAGES, languageName, say } from "../i18n.js";
import * as store from "../store.js";
import { Sheet } from "./sheet.js";
import { Reasons } from "./why.js";

const literal = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** `vip = true`, a line each, as the facts of the API: `{"customer.vip": true}`; null where a line is none. Pure. */
export function factsOf(written) {
  const lines = written.split("\n").map((line) => line.trim()).filter(Boolean);
  const pairs = lines.map((line) => /^([^\s=]+)\s*=\s*(.+)$/.exec(line));
  if (pairs.includes(null)) return null;
  return Object.fromEntries(pairs.map(([, name, value]) => [name.includes(".") ? name : `customer.${name}`, literal(value)]));
}

function asked(form) {
  const { text, channel, language, at, facts } = Object.fromEntries(new FormData(form));
  const set = factsOf(facts);
  return set && { text, channel, ...(language && { language }), ...(at && { at: new Date(at).toISOString() }), set };
}

const Fields = ({ bad }) => html`
  <label>${say("try.text")}<textarea name="text" rows="3" required maxlength="20000" autofocus></textarea></label>
  <div class="pair">
    <label>${say("try.channel")}<select name="channel" required>${[...store.accounts.value.keys()].map((name) => html`<option value=${name}>${name}</option>`)}</select></label>
    <label>${say("language")}<select name="language"><option value="">${say("try.detect")}</option>${languages().map((tag) => html`<option value=${tag}>${languageName(tag)}</option>`)}</select></label>
  </div>
  <label>${say("try.at")}<input name="at" type="datetime-local" /></label>
  <label>${say("try.facts")}<textarea name="facts" rows="2" placeholder="vip = true" spellcheck="false" aria-invalid=${bad} aria-describedby="try-facts"></textarea><span class=${bad ? "bad" : "quiet"} id="try-facts">${say("try.facts.how")}</span></label>`;

const languages = () => (store.vocabulary.value.languages.length ? store.vocabulary.value.languages : Object.keys(LANGUAGES));

export function Try() {
  const [answer, set] = useState(null);
  const [fault, fail] = useState(null);
  const told = useRef(null);
  useEffect(() => answer && told.current?.focus(), [answer]);
  const submit = async (event) => {
    event.preventDefault();
    const message = asked(event.target);
    fail(message ? null : "facts");
    set(null);
    if (message) await api.tryMessage(message).then(set, (problem) => fail(problem.detail || say("error.other")));
  };
  const keys = (event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && event.currentTarget.requestSubmit();
  return html`<${Sheet} title=${say("try.title")} wide>
    <form onSubmit=${submit} onKeyDown=${keys}>
      <p class="quiet">${say("try.lead")}</p>
      <${Fields} bad=${fault === "facts"} />
      <div class="buttons"><button class="main">${say("try.go")}</button></div>
      ${fault && fault !== "facts" && html`<p class="bad" role="alert">${fault}</p>`}
    </form>
    ${answer && html`<section class="tried" tabindex="-1" ref=${told} aria-label=${say("try.result")}><${Reasons} answer=${answer} /></section>`}
  <//>`;
}
