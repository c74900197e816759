// What the console knows: signals, and the pure steps that fold events and answers into them.

import { computed, signal } from "./vendor/vendor.js";

export const me = signal(null);
export const phase = signal("starting");
export const presence = signal({ state: "offline" });
export const line = signal("connecting");
export const queues = signal([]);
export const people = signal(new Map());
export const accounts = signal(new Map());
export const vocabulary = signal({ languages: [], issues: [], calls: [] });
export const conversations = signal(new Map());
export const threads = signal(new Map());
export const customers = signal(new Map());
export const selected = signal(null);
export const view = signal({ filter: "all", queue: "", q: "" });
export const found = signal(null);
export const pages = signal({ next: null, loading: false });
export const typing = signal(new Map());
export const toasts = signal([]);
export const dialog = signal(null);
export const aside = signal("customer");
export const now = signal(Date.now());

/** Whether this agent may see everything and try the rules. */
export const leads = computed(() => ["lead", "admin"].includes(me.value?.role));

export const idOf = (thing) => (thing && typeof thing === "object" ? thing.id : (thing ?? null));
export const nameOf = (thing) => (thing && typeof thing === "object" ? (thing.name ?? thing.email ?? null) : null);
export const ownerOf = (it) => idOf(it.assignee);
export const offeredTo = (it) => (it.state === "offered" ? idOf(it.offered_to) : null);
export const customerOf = (it) => idOf(it.customer);
export const mine = (it) => ownerOf(it) === me.value?.id && it.state !== "closed" && it.state !== "offered";
/** Over which the customer was in this conversation, and of these the ones that carry words. */
export const channelsOf = (it) => [...new Set([...(it.channels ?? []), it.channel].filter(Boolean))];
export const writable = (it) => channelsOf(it).filter((name) => !vocabulary.value.calls?.includes(name));

/** An agent's name, wherever it was heard. */
export function personName(thing) {
  const id = idOf(thing);
  return nameOf(thing) ?? (id === me.value?.id ? me.value?.name : people.value.get(id)?.name) ?? null;
}

/** What to call the customer of a conversation. */
export function customerName(it) {
  const known = customers.value.get(customerOf(it))?.customer;
  return nameOf(it.customer) ?? known?.name ?? null;
}

const FILTERS = {
  mine: (it) => mine(it),
  waiting: (it) => it.state === "waiting",
  all: (it) => it.state !== "closed",
  closed: (it) => it.state === "closed",
};

const moved = (it) => Date.parse(it.updated_at ?? it.created_at) || 0;

export const offers = computed(() => [...conversations.value.values()].filter((it) => offeredTo(it) === me.value?.id));

export const listed = computed(() => {
  const { filter, queue } = view.value;
  const hits = found.value;
  const fits = (it) => (hits ? hits.has(it.id) : FILTERS[filter](it)) && (!queue || it.queue === queue);
  return [...conversations.value.values()]
    .filter((it) => fits(it) && offeredTo(it) !== me.value?.id)
    .sort((a, b) => moved(b) - moved(a) || (a.id < b.id ? 1 : -1));
});

export const current = computed(() => conversations.value.get(selected.value) ?? null);

/** What asks for this agent's eyes: unread words in their own work, and offers. */
export const unreadTotal = computed(() => {
  let total = offers.value.length;
  for (const it of conversations.value.values()) if (mine(it)) total += it.unread ?? 0;
  return total;
});

export const counts = computed(() => {
  const total = { mine: 0, waiting: 0 };
  for (const it of conversations.value.values()) for (const name of Object.keys(total)) total[name] += FILTERS[name](it) ? 1 : 0;
  return total;
});

/** Fold conversations into what is known; the newer `updated_at` wins, so a late answer undoes nothing. */
export function keepConversations(items) {
  if (!items.length) return;
  const known = new Map(conversations.value);
  for (const it of items) {
    const before = known.get(it.id);
    // an answer from the list carries this agent's own count, an event does not
    const counts = typeof it.unread === "number";
    const own = { unread: (counts ? it : before)?.unread ?? 0, counted: counts ? it.last_seq : before?.counted };
    own.preview = it.preview ?? before?.preview;
    if (!before || moved(it) >= moved(before)) known.set(it.id, { ...before, ...it, ...own });
  }
  conversations.value = known;
}

export function changeConversation(id, change) {
  const it = conversations.value.get(id);
  if (!it) return;
  conversations.value = new Map(conversations.value).set(id, { ...it, ...change });
}

export function forgetConversation(id) {
  const known = new Map(conversations.value);
  known.delete(id);
  conversations.value = known;
}

// `missed` is what was told while the thread was on its way
export const threadOf = (id) => threads.value.get(id) ?? { messages: [], state: "none", earlier: false, missed: [] };

export function changeThread(id, change) {
  threads.value = new Map(threads.value).set(id, { ...threadOf(id), ...change });
}

/** Threads are fetched anew; only what this page has not delivered yet is nowhere else. */
export function forgetThreads() {
  const own = [...threads.value].map(([id, thread]) => [id, thread.messages.filter((message) => !message.seq)]);
  threads.value = new Map(own.filter(([, messages]) => messages.length).map(([id, messages]) => [id, { ...threadOf(), messages }]));
}

const LADDER = { queued: 0, sending: 0, sent: 1, delivered: 2, read: 3 };

// An answer may be older than an event that overtook it: nothing steps back on the ladder. What a message answers is told by pages only.
const newer = (before, message) => {
  const status = LADDER[before?.status] > LADDER[message.status] ? before.status : message.status;
  return { ...message, status, reply_to: message.reply_to ?? before?.reply_to ?? null };
};

const LAST = Number.MAX_SAFE_INTEGER;
const place = (message) => message.seq ?? LAST;
const same = (a, b) => a.id === b.id || (a.client_id && a.client_id === b.id) || (b.client_id && b.client_id === a.id);

/** Fold messages into a thread: by id, in order of seq, own unsent ones last. */
export function keepMessages(id, items) {
  let messages = threadOf(id).messages;
  for (const message of items) {
    const before = messages.find((other) => same(other, message));
    messages = [...messages.filter((other) => !same(other, message)), { ...(before?.seq ? before : {}), ...newer(before, message) }];
  }
  messages.sort((a, b) => place(a) - place(b));
  changeThread(id, { messages });
}

export function dropMessage(id, message) {
  changeThread(id, { messages: threadOf(id).messages.filter((other) => other.id !== message) });
}

export const lastSeq = (id) => threadOf(id).messages.reduce((seq, message) => Math.max(seq, message.seq ?? 0), 0);

export function setTyping(id, who, on) {
  const all = new Map(typing.value);
  if (on) all.set(id, { who, until: Date.now() + 6_000 });
  else all.delete(id);
  typing.value = all;
}

let lastToast = 0;

/** A short word at the edge of the screen; `undo` puts a button beside it. */
export function toast(text, { kind = "info", undo = null, label = "" } = {}) {
  const entry = { id: ++lastToast, text, kind, undo, label };
  toasts.value = [...toasts.value.slice(-3), entry];
  setTimeout(() => dropToast(entry.id), kind === "bad" ? 9_000 : 5_000);
}

export function dropToast(id) {
  toasts.value = toasts.value.filter((entry) => entry.id !== id);
}
