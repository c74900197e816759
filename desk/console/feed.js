// Between the API and the store: starting, loading, and folding events in.

import { api } from "./api.js";
import { say } from "./i18n.js";
import { Live } from "./live.js";
import { OPEN } from "./states.js";
import * as store from "./store.js";

const PAGE = 50;
let live = null;
let loaded = false;
let renewal = 0;

// The session's cookie cannot be read here: this says that there is one, so that a stranger asks nothing in vain.
const SESSION = "huntgroup.session";

/** Who is logged in, if anybody; then everything else. */
export async function begin({ fresh = false } = {}) {
  if (fresh) localStorage.setItem(SESSION, "yes");
  if (!localStorage.getItem(SESSION)) return void (store.phase.value = "login");
  try {
    const answer = await api.me();
    store.me.value = answer.agent ?? answer;
    store.presence.value = presenceIn(answer);
  } catch (fault) {
    store.phase.value = fault.status === 401 ? "login" : "down";
    if (fault.status === 401) localStorage.removeItem(SESSION);
    else setTimeout(begin, 3_000);
    return;
  }
  store.phase.value = "desk";
  const wanted = sessionStorage.getItem("huntgroup.presence");
  if (wanted && wanted !== "offline") setPresence(wanted);
  live = new Live(fold, lineChanged);
  live.open();
}

function presenceIn(answer) {
  const said = answer.presence ?? {};
  return typeof said === "string" ? { state: said, expires_at: answer.expires_at } : { state: "offline", ...said };
}

/** Go home: offline at once, so that nothing more is offered, then out. */
export async function leave() {
  await api.presence("offline").catch(() => {});
  return end();
}

async function end() {
  live?.stop();
  loaded = false;
  localStorage.removeItem(SESSION);
  sessionStorage.removeItem("huntgroup.presence");
  clearTimeout(renewal);
  await api.logout().catch(() => {});
  store.me.value = null;
  store.conversations.value = new Map();
  store.threads.value = new Map();
  store.selected.value = null;
  store.phase.value = "login";
}

function lineChanged(state) {
  if (state === "out") return end();
  if (state !== "reset") store.line.value = state;
  if (state === "reset") store.forgetThreads();
  if ((state === "open" && !loaded) || state === "reset") loadAll();
  if (state === "open" && store.presence.value.state !== "offline") setPresence(store.presence.value.state);
}

async function loadAll() {
  loaded = true;
  await Promise.all([loadList(), loadOffers(), loadQueues(), loadPeople(), loadAccounts(), loadVocabulary()]);
  if (store.selected.value) openConversation(store.selected.value);
}

// -- presence ----------------------------------------------------------------------------------------------------------

/** Presence is a lease: it is renewed while this page is open. */
export async function setPresence(state) {
  clearTimeout(renewal);
  sessionStorage.setItem("huntgroup.presence", state);
  try {
    const answer = await api.presence(state);
    store.presence.value = { ...answer, state: answer?.state ?? state };
    if (state !== "offline") renewal = setTimeout(() => setPresence(state), leaseHalf(answer?.expires_at));
  } catch (fault) {
    renewal = setTimeout(() => setPresence(state), 5_000);
    if (fault.code !== "network") tell(fault);
  }
}

function leaseHalf(until) {
  const left = until ? Date.parse(until) - Date.now() : 60_000;
  return Math.max(5_000, left / 2);
}

// -- loading -----------------------------------------------------------------------------------------------------------

function wanted() {
  const { filter, queue, q } = store.view.value;
  const base = { queue, limit: PAGE };
  if (q) return { ...base, q };
  if (filter === "mine") return { ...base, assignee: store.me.value.id };
  if (filter === "all") return { ...base, state: OPEN.join(",") };
  return { ...base, state: filter };
}

let asking = 0;

export async function loadList(cursor = null) {
  const mark = ++asking;
  store.pages.value = { ...store.pages.value, loading: true };
  try {
    const page = await api.conversations({ ...wanted(), cursor });
    if (mark !== asking) return;
    store.keepConversations(page.items);
    const hits = cursor ? store.found.value : new Set();
    store.found.value = store.view.value.q ? new Set([...hits, ...page.items.map((it) => it.id)]) : null;
    store.pages.value = { next: page.next ?? null, loading: false };
  } catch (fault) {
    store.pages.value = { next: null, loading: false };
    tell(fault);
  }
}

async function loadOffers() {
  const [offered, own] = await Promise.all([
    api.conversations({ state: "offered", limit: PAGE }).catch(() => ({ items: [] })),
    api.conversations({ assignee: store.me.value.id, limit: PAGE }).catch(() => ({ items: [] })),
  ]);
  store.keepConversations([...offered.items, ...own.items]);
}

async function loadQueues() {
  store.queues.value = (await api.queues().catch(() => ({ items: [] }))).items;
}

async function loadPeople() {
  const { items } = await api.colleagues().catch(() => ({ items: [] }));
  store.people.value = new Map(items.map((agent) => [agent.id, agent]));
}

// Which kind of channel an account is, is told to leads only; an agent sees the kind of work instead.
async function loadAccounts() {
  if (store.me.value.role === "agent") return;
  const { items } = await api.channels().catch(() => ({ items: [] }));
  store.accounts.value = new Map(items.map((account) => [account.name, account]));
}

async function loadVocabulary() {
  store.vocabulary.value = await api.vocabulary().catch(() => store.vocabulary.value);
}

export function show(change) {
  store.view.value = { ...store.view.value, ...change };
  loadList();
}

export async function openConversation(id) {
  store.selected.value = id;
  const before = store.threadOf(id).state;
  if (!id || before === "loading") return;
  if (before !== "ready") store.changeThread(id, { state: "loading", missed: [] });
  try {
    const it = await api.conversation(id);
    store.keepConversations([it]);
    await (before === "ready" ? loadAfter(id) : loadLatest(id, it));
    loadCustomer(store.customerOf(it));
    markRead(id);
  } catch (fault) {
    if (before !== "ready") store.changeThread(id, { state: "failed" });
    tell(fault);
  }
}

async function loadLatest(id, it) {
  const after = Math.max(0, (it.last_seq ?? 0) - PAGE);
  const page = await api.messages(id, { after, limit: 200 });
  store.keepMessages(id, page.items);
  if (page.next) await loadAfter(id);
  const { missed } = store.threadOf(id);
  store.changeThread(id, { state: "ready", earlier: after > 0, missed: [] });
  foldMessages(missed);
}

export async function loadEarlier(id) {
  const first = store.threadOf(id).messages[0]?.seq ?? 1;
  const after = Math.max(0, first - 1 - PAGE);
  const page = await api.messages(id, { after, limit: PAGE }).catch(tell);
  if (!page) return;
  store.keepMessages(id, page.items);
  store.changeThread(id, { earlier: after > 0 });
}

async function loadAfter(id) {
  for (;;) {
    const page = await api.messages(id, { after: store.lastSeq(id), limit: 200 });
    store.keepMessages(id, page.items);
    if (!page.next || !page.items.length) return;
  }
}

export async function loadCustomer(id) {
  if (!id) return;
  const answer = await api.customer(id).catch(() => null);
  if (!answer) return;
  const kept = answer.customer ? answer : { customer: answer, conversations: answer.conversations };
  store.customers.value = new Map(store.customers.value).set(id, kept);
}

export function markRead(id) {
  const seq = store.lastSeq(id);
  if (document.hidden || store.selected.value !== id || !seq) return;
  if (store.conversations.value.get(id)?.unread) store.changeConversation(id, { unread: 0 });
  if (store.threadOf(id).read >= seq) return;
  store.changeThread(id, { read: seq });
  api.read(id, seq).catch(() => {});
}

// -- events ------------------------------------------------------------------------------------------------------------

const whole = (thing) => (thing && typeof thing === "object" ? thing : null);

function fold(events) {
  const stale = new Set();
  const snapshots = new Map();
  for (const event of events) {
    const id = event.conversation ?? null;
    if (event.visible === false) snapshots.delete(id);
    else if (whole(event.snapshot)) snapshots.set(id, { ...event.snapshot, preview: event.snapshot.preview ?? snapshots.get(id)?.preview });
    else if (id && event.type !== "typing") stale.add(id);
    if (event.visible === false) store.forgetConversation(id);
    if (event.type === "queue.changed") loadQueuesSoon();
    if (event.type === "presence.changed") foldPresence(event);
    if (event.type === "typing") foldTyping(event, id);
    const words = /received|sent$/.test(event.type) && whole(event.message)?.text;
    if (words && snapshots.has(id)) snapshots.set(id, { ...snapshots.get(id), preview: words });
  }
  const told = events.filter((event) => /^(message|note)\./.test(event.type));
  foldMessages(told);
  store.keepConversations([...snapshots.values()]);
  told.filter((event) => event.type === "message.received").forEach(countUnread);
  stale.forEach(refresh);
}

function countUnread({ conversation: id, message }) {
  if (store.selected.value === id && !document.hidden) return markRead(id);
  const known = store.conversations.value.get(id);
  // an answer that carried this agent's count may be younger than the event
  if (whole(message)?.seq <= known?.counted) return;
  store.changeConversation(id, { unread: (known?.unread ?? 0) + 1 });
}

function foldMessages(events) {
  const behind = new Set();
  for (const event of events) foldMessage(event, event.conversation, behind);
  behind.forEach((id) => loadAfter(id).then(() => markRead(id)).catch(tell));
}

// While a thread is on its way, what is told of it waits: the answer may have been written down before.
function foldMessage(event, id, behind) {
  const later = ["message.status", "message.changed"].includes(event.type);
  if (!later) store.setTyping(id, null, false);
  const { state, missed } = store.threadOf(id);
  if (state === "loading") return void missed.push(event);
  if (state === "failed" && store.selected.value === id) return void openConversation(id);
  if (state !== "ready") return;
  const message = whole(event.message);
  if (later) return void foldStatus(event, id);
  if (message && message.seq <= store.lastSeq(id) + 1) store.keepMessages(id, [message]);
  else behind.add(id);
}

async function foldStatus(event, id) {
  const message = store.idOf(event.message);
  const known = store.threadOf(id).messages.find((other) => other.id === message);
  if (!known?.seq) return;
  if (whole(event.message)) return store.keepMessages(id, [event.message]);
  const page = await api.messages(id, { after: known.seq - 1, limit: 1 }).catch(tell);
  store.keepMessages(id, page?.items ?? []);
}

function foldTyping(event, id) {
  if (store.idOf(event.agent) !== store.me.value.id) store.setTyping(id, event.agent ?? null, true);
}

function foldPresence(event) {
  const agent = store.idOf(event.agent);
  const state = event.data?.presence;
  const person = store.people.value.get(agent);
  if (person && state) store.people.value = new Map(store.people.value).set(agent, { ...person, presence: state });
  if (agent === store.me.value.id && state) store.presence.value = { ...store.presence.value, state };
}

let queuesLater = 0;

function loadQueuesSoon() {
  clearTimeout(queuesLater);
  queuesLater = setTimeout(loadQueues, 300);
}

const refreshing = new Map();

// One request at a time for each conversation; an event that comes meanwhile asks once more afterwards.
async function refresh(id) {
  if (refreshing.has(id)) return refreshing.set(id, true);
  refreshing.set(id, false);
  try {
    store.keepConversations([await api.conversation(id)]);
  } catch (fault) {
    if (fault.status === 404 || fault.status === 403) store.forgetConversation(id);
  }
  const again = refreshing.get(id);
  refreshing.delete(id);
  if (again) refresh(id);
  return undefined;
}

/** Tell a failure in words an agent can act on. */
export function tell(fault) {
  if (fault.status === 401) return void end();
  const key = `error.${fault.code}`;
  const words = say(key) === key ? fault.detail || say("error.other") : say(key);
  store.toast(words, { kind: "bad" });
}
