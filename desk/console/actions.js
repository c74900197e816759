// What an agent can do: one registry for buttons, keys and the help.

import { api } from "./api.js";
import { keepDraft } from "./drafts.js";
import { openConversation, show, tell } from "./feed.js";
import { say } from "./i18n.js";
import * as store from "./store.js";

export const newId = () => crypto.randomUUID?.() ?? `${Date.now().toString(16)}-${Math.random().toString(16).slice(2)}`;

/**
 * One move of a conversation; true when it succeeded. A lost race is told, and what really is the case comes in.
 * Where a call is still asked for, what can be done about it is asked.
 */
export async function move(id, verb, body) {
  try {
    const after = await api.move(id, verb, body);
    if (after?.id) store.keepConversations([after]);
    else store.keepConversations([await api.conversation(id)]);
    return true;
  } catch (fault) {
    if (fault.code === "call_open") store.dialog.value = { name: "call", id };
    else tell(fault);
    if (fault.status === 409) api.conversation(id).then((it) => store.keepConversations([it]), tell);
    return false;
  }
}

export async function accept(id) {
  if (await move(id, "take")) openConversation(id);
}

export async function close(it) {
  if (!(await move(it.id, "close"))) return;
  const undo = () => move(it.id, "reopen");
  store.toast(say("closed_toast", { reference: it.reference }), { undo, label: say("undo") });
}

// -- saying ------------------------------------------------------------------------------------------------------------

export function send(id, { text, note, channel, attachments, template, parameters }) {
  const message = {
    id: newId(),
    direction: note ? "note" : "out",
    author: { kind: "agent", id: store.me.value.id, name: store.me.value.name },
    text,
    channel: note ? null : channel,
    attachments,
    template,
    parameters,
    status: "posting",
    sent_at: new Date().toISOString(),
  };
  store.keepMessages(id, [message]);
  keepDraft(id, { text: "", note, channel: "" });
  return post(id, message);
}

async function post(id, message) {
  const { text, direction, channel, attachments, template, parameters } = message;
  const body = { id: message.id, text, note: direction === "note" };
  if (channel) body.channel = channel;
  if (template) Object.assign(body, { template, parameters, text: "" });
  if (attachments.length) body.attachments = attachments.map((file) => file.id);
  try {
    const kept = await api.say(id, body);
    if (kept.id !== message.id) store.dropMessage(id, message.id);
    store.keepMessages(id, [kept]);
  } catch (fault) {
    store.keepMessages(id, [{ ...message, status: "unsent" }]);
    tell(fault);
  }
}

/** The same id goes out again, so that a message that did arrive is not said twice. */
export function sendAgain(id, message) {
  store.keepMessages(id, [{ ...message, status: "posting" }]);
  return post(id, message);
}

export async function resolve(id, message, as) {
  try {
    const kept = await api.resolve(id, message.id, as);
    if (kept?.id) store.keepMessages(id, [kept]);
  } catch (fault) {
    tell(fault);
  }
}

// -- keys --------------------------------------------------------------------------------------------------------------

function step(by) {
  const list = [...store.offers.value, ...store.listed.value];
  const at = list.findIndex((it) => it.id === store.selected.value);
  const next = list[Math.min(list.length - 1, Math.max(0, at + by))];
  if (!next) return;
  openConversation(next.id);
  requestAnimationFrame(() => document.querySelector(`[data-row="${next.id}"]`)?.scrollIntoView({ block: "nearest" }));
}

const focus = (selector) => document.querySelector(selector)?.focus();
const withCurrent = (act) => () => store.current.value && act(store.current.value);

function compose(note) {
  document.querySelector(note ? "#mode-note" : "#mode-reply")?.click();
  // at once: what is typed in the next milliseconds is text, not keys
  focus("#compose");
  if (note) requestAnimationFrame(() => focus("#compose"));
}

function takeFirst() {
  const it = store.current.value;
  const offered = store.offers.value[0];
  if (it && ["waiting", "offered", "snoozed"].includes(it.state)) return accept(it.id);
  return offered && accept(offered.id);
}

const KEYS = [
  { key: "j", does: () => step(1) },
  { key: "k", does: () => step(-1) },
  { key: "a", does: takeFirst },
  { key: "r", does: withCurrent(() => compose(false)) },
  { key: "n", does: withCurrent(() => compose(true)) },
  { key: "e", does: withCurrent((it) => it.state !== "closed" && close(it)) },
  { key: "s", does: withCurrent((it) => it.state !== "closed" && (store.dialog.value = { name: "snooze", id: it.id })) },
  { key: "t", does: withCurrent((it) => it.state !== "closed" && (store.dialog.value = { name: "transfer", id: it.id })) },
  { key: "l", does: withCurrent((it) => (store.dialog.value = { name: "label", id: it.id })) },
  { key: "w", does: withCurrent(() => (store.aside.value = store.aside.value === "why" ? "customer" : "why")) },
  { key: "m", lead: true, does: () => (store.dialog.value = { name: "try" }) },
  { key: "/", does: () => focus("#search") },
  { key: "1", does: () => show({ filter: "mine" }) },
  { key: "2", does: () => show({ filter: "waiting" }) },
  { key: "3", does: () => show({ filter: "all" }) },
  { key: "4", does: () => show({ filter: "closed" }) },
  { key: "?", does: () => (store.dialog.value = { name: "help" }) },
];

/** The keys of this agent: what is for leads alone is not there for others. */
export const keysOf = () => KEYS.filter((entry) => !entry.lead || store.leads.value);

const writing = (node) => node.closest?.("input, textarea, select, [contenteditable], dialog[open]");

export function pressed(event) {
  if (store.phase.value !== "desk" || event.isComposing || event.keyCode === 229) return;
  if (event.key === "Escape" && writing(event.target) && !store.dialog.value) return event.target.blur();
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
  const found = keysOf().find((entry) => entry.key === event.key);
  if (!found) return;
  event.preventDefault();
  found.does();
}
