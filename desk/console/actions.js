// What an agent can do: one registry for buttons, keys and the help.

import { api } from "./api.js";
import { openConversation, show, tell } from "./feed.js";
import { inList, rowInFocus, showsList, showsThread, toList, toThread, toWriting } from "./focus.js";
import { say } from "./i18n.js";
import { letters } from "./letters.js";
import { takeable } from "./states.js";
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

/** Open a conversation to write in it: from here on what is typed is text. */
export function open(id) {
  openConversation(id);
  queueMicrotask(toWriting); // after the redraw, before the next key
}

/** From the conversation to its row, where only one of both is shown. */
export function back() {
  const id = store.selected.value;
  openConversation(null);
  queueMicrotask(() => toList(id));
}

/** Opened at once: what is typed before the answer comes is text too. */
export function accept(id) {
  open(id);
  return move(id, "take");
}

/** Undone, it is with whoever closed it again, if they held it: reopened alone it would wait, and go to others. */
export async function close(it) {
  const held = store.mine(it);
  if (!(await move(it.id, "close"))) return;
  const undo = async () => (await move(it.id, "reopen")) && held && move(it.id, "take");
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
  const here = rowInFocus() ?? store.selected.value;
  const at = list.findIndex((it) => it.id === here);
  const opens = showsThread(); // else the row would go with the list
  const first = opens && by > 0 && at >= 0 && here !== store.selected.value; // it has the focus and was not opened yet
  const next = list[Math.min(list.length - 1, Math.max(0, at + (first ? 0 : by)))];
  if (!next) return;
  if (opens) openConversation(next.id);
  toList(next.id);
}

// What has the focus is meant; it is opened, so that everybody sees whom the key is about.
const withRow = (act) => () => {
  const it = store.conversations.value.get(rowInFocus() ?? store.selected.value);
  if (!it) return;
  if (it.id !== store.selected.value) openConversation(it.id);
  act(it);
};

const ask = (name) => withRow((it) => (store.dialog.value = { name, id: it.id }));
const askOpen = (name) => withRow((it) => it.state !== "closed" && (store.dialog.value = { name, id: it.id }));

function reply(it) {
  open(it.id);
  // what was written for colleagues stays a note
  queueMicrotask(() => document.querySelector("#compose")?.value || document.querySelector("#mode-reply")?.click());
}

async function takeFirst() {
  const it = store.conversations.value.get(rowInFocus() ?? store.selected.value);
  const free = it && (takeable(it) || store.offeredTo(it) === store.me.value.id);
  const wanted = free ? it : store.offers.value[0];
  if (!wanted || !(await accept(wanted.id))) return;
  const undo = () => move(wanted.id, "release");
  store.toast(say("taken_toast", { reference: wanted.reference }), { undo, label: say("undo") });
}

const KEYS = [
  { key: "j", again: true, does: () => step(1) },
  { key: "k", again: true, does: () => step(-1) },
  { key: "a", does: takeFirst },
  { key: "r", does: withRow(reply) },
  { key: "n", does: ask("note") },
  { key: "e", does: askOpen("close") },
  { key: "s", does: askOpen("snooze") },
  { key: "t", does: askOpen("transfer") },
  { key: "l", does: ask("label") },
  { key: "w", does: withRow(() => (store.aside.value = store.aside.value === "why" ? "customer" : "why")) },
  { key: "m", lead: true, does: () => (store.dialog.value = { name: "try" }) },
  { key: "/", does: () => document.querySelector("#search").focus() },
  { key: "1", does: () => show({ filter: "mine" }) },
  { key: "2", does: () => show({ filter: "waiting" }) },
  { key: "3", does: () => show({ filter: "all" }) },
  { key: "4", does: () => show({ filter: "closed" }) },
  { key: "?", does: () => (store.dialog.value = { name: "help" }) },
];

/** The keys of this agent: what is for leads alone is not there for others. */
export const keysOf = () => KEYS.filter((entry) => !entry.lead || store.leads.value);

// To the list. Where the conversation hides it: out of a field first, then back. A select may have been open: that Escape is its own.
function escaped(node) {
  if (node.localName === "select" || inList(node)) return;
  if (showsList()) toList();
  else if (node.matches("input, textarea")) toThread();
  else back();
}

export function pressed(event) {
  if (store.phase.value !== "desk" || store.dialog.value || event.isComposing || event.keyCode === 229) return;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return escaped(event.target);
  if (!letters.value || !inList(event.target)) return;
  const found = keysOf().find((entry) => entry.key === event.key);
  if (!found) return;
  event.preventDefault();
  if (found.again || !event.repeat) found.does();
}
