// Questions asked over the page: transfer, snooze, label, note, closing by key, a call in its way, a message to try, the help with all keys.

import { html, useState } from "../vendor/vendor.js";
import { close, keysOf, move, send } from "../actions.js";
import { draftOf, keepDraft } from "../drafts.js";
import { LANGUAGES, languageName, say, term, titled, weekday } from "../i18n.js";
import { chooseLetters, letters } from "../letters.js";
import * as store from "../store.js";
import { CallOpen } from "./call.js";
import { queueTitle, who } from "./list.js";
import { Sheet, dismiss } from "./sheet.js";
import { Try } from "./try.js";

const valuesOf = (event) => (event.preventDefault(), Object.fromEntries(new FormData(event.target)));

async function moveAndLeave(id, verb, body) {
  if (await move(id, verb, body)) dismiss();
}

const Buttons = ({ label }) => html`<div class="buttons"><button class="main">${label}</button><button type="button" onClick=${dismiss}>${say("cancel")}</button></div>`;

function Transfer({ it }) {
  const colleagues = [...store.people.value.values()].filter((agent) => agent.id !== store.me.value.id && !agent.disabled);
  const submit = (event) => {
    const { to, note } = valuesOf(event);
    const [kind, name] = [to.slice(0, 5), to.slice(6)];
    moveAndLeave(it.id, "transfer", { [kind]: name, ...(note.trim() && { note: note.trim() }) });
  };
  return html`<${Sheet} title=${say("transfer.title")}>
    <form onSubmit=${submit}>
      <label>${say("transfer.to")}<select name="to" required>
        <optgroup label=${say("queues")}>${store.queues.value.map((queue) => html`<option value=${`queue:${queue.name}`} disabled=${queue.name === it.queue}>${queueTitle(queue.name)}</option>`)}</optgroup>
        ${colleagues.length > 0 && html`<optgroup label=${say("people")}>${colleagues.map((agent) => html`<option value=${`agent:${agent.id}`}>${agent.name} · ${term("presence", agent.presence ?? "offline")}</option>`)}</optgroup>`}
      </select></label>
      <label>${say("transfer.note")}<textarea name="note" rows="3"></textarea></label>
      <${Buttons} label=${say("transfer")} />
    </form>
  <//>`;
}

function at(days, hour) {
  const when = new Date();
  when.setDate(when.getDate() + days);
  when.setHours(hour, 0, 0, 0);
  return when;
}

function snoozeTimes() {
  const later = (hours) => new Date(Date.now() + hours * 3_600_000);
  const monday = (8 - new Date().getDay()) % 7 || 7;
  return [["snooze.hour", later(1)], ["snooze.hours", later(3)], ["snooze.tomorrow", at(1, 9)], ["snooze.monday", at(monday, 9)]];
}

const local = (when) => new Date(when.getTime() - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

function Snooze({ it }) {
  const until = (when) => moveAndLeave(it.id, "snooze", { until: when.toISOString() });
  const submit = (event) => until(new Date(valuesOf(event).until));
  return html`<${Sheet} title=${say("snooze.title")}>
    <ul class="choices">${snoozeTimes().map(([key, when]) => html`<li><button type="button" onClick=${() => until(when)}><span>${say(key)}</span><span class="quiet">${weekday(when)}</span></button></li>`)}</ul>
    <form onSubmit=${submit}>
      <label>${say("snooze.at")}<input name="until" type="datetime-local" required min=${local(new Date())} value=${local(at(1, 9))} /></label>
      <${Buttons} label=${say("snooze")} />
    </form>
  <//>`;
}

function Label({ it }) {
  const languages = store.vocabulary.value.languages.length ? store.vocabulary.value.languages : Object.keys(LANGUAGES);
  const submit = (event) => {
    const { language, issue, labels } = valuesOf(event);
    const words = labels.split(/[,，]/).map((label) => label.trim()).filter(Boolean);
    const body = {};
    if (language && language !== it.language) body.language = language;
    if (issue && issue !== it.issue) body.issue = issue;
    if (words.join() !== (it.labels ?? []).join()) body.labels = words;
    if (Object.keys(body).length) moveAndLeave(it.id, "label", body);
    else dismiss();
  };
  return html`<${Sheet} title=${say("label.title")}>
    <form onSubmit=${submit}>
      <label>${say("language")}<select name="language"><option value="">–</option>${languages.map((tag) => html`<option value=${tag} selected=${tag === it.language}>${languageName(tag)}</option>`)}</select></label>
      <label>${say("issue")}<select name="issue"><option value="">–</option>${store.vocabulary.value.issues.map((issue) => html`<option value=${issue.id} selected=${issue.id === it.issue}>${titled(issue.title, issue.id)}</option>`)}</select></label>
      <label>${say("labels")}<input name="labels" value=${(it.labels ?? []).join(", ")} autocomplete="off" /></label>
      <p class="quiet">${say("label.lead")}</p>
      <${Buttons} label=${say("save")} />
    </form>
  <//>`;
}

/** A note begun by its key: it is written by a button, and the draft of a reply stays one. */
function Note({ it }) {
  const draft = `${it.id}.note`;
  const write = (event) => keepDraft(draft, { text: event.target.value });
  const submit = (event) => {
    const text = valuesOf(event).text.trim();
    if (!text) return;
    send(it.id, { text, note: true, attachments: [] });
    keepDraft(draft, { text: "" });
    dismiss();
  };
  const keys = (event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && event.currentTarget.requestSubmit();
  return html`<${Sheet} title=${`${say("note")} · ${who(it)}`}>
    <form onSubmit=${submit} onKeyDown=${keys}>
      <label>${say("write.note")}<textarea name="text" rows="4" dir="auto" required onInput=${write} autofocus>${draftOf(draft).text}</textarea></label>
      <${Buttons} label=${say("add.note")} />
    </form>
  <//>`;
}

/** A single key closes nothing without this. */
function Close({ it }) {
  const submit = (event) => {
    event.preventDefault();
    dismiss();
    close(it);
  };
  return html`<${Sheet} title=${say("close.go")}>
    <form onSubmit=${submit}>
      <p tabindex="-1" autofocus>${say("close.sure", { name: who(it) })}</p>
      <${Buttons} label=${say("close.go")} />
    </form>
  <//>`;
}

const Help = () => html`<${Sheet} title=${say("help.title")}>
  <label class="tick"><input type="checkbox" checked=${letters.value} onChange=${(event) => chooseLetters(event.target.checked)} /><span>${say("letters")}</span></label>
  <dl class="keys">
    ${letters.value && keysOf().map(({ key }) => html`<div><dt><kbd>${key}</kbd></dt><dd>${say(`key.${key}`)}</dd></div>`)}
    <div><dt><kbd>Enter</kbd></dt><dd>${say("key.Enter")}</dd></div>
    <div><dt><kbd>Shift</kbd> <kbd>Enter</kbd></dt><dd>${say("key.ShiftEnter")}</dd></div>
    <div><dt><kbd>Esc</kbd></dt><dd>${say("key.Escape")}</dd></div>
  </dl>
<//>`;

const Call = ({ it }) => html`<${Sheet} title=${say("call.title")}><${CallOpen} it=${it} leave=${dismiss} /><//>`;

const ASKED = { transfer: Transfer, snooze: Snooze, label: Label, note: Note, close: Close, call: Call };

export function Dialogs() {
  const [open] = useState(store.dialog);
  const asked = open.value;
  if (!asked) return null;
  if (asked.name === "help") return html`<${Help} />`;
  if (asked.name === "try") return html`<${Try} />`;
  const it = store.conversations.value.get(asked.id);
  const Asked = ASKED[asked.name];
  return it ? html`<${Asked} it=${it} />` : null;
}
