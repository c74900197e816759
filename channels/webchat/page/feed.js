// The line to the server: a session, a socket that resumes from the last seq, and a queue that resends until acknowledged.

import { newId } from "./words.js";

const LONGEST_PAUSE = 30_000;
const PATIENCE = 15_000;

// Times are told to customers in their own zone.
const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? undefined;

/** Keeps a conversation in step with the server and tells `heard(kind, value)` what changed. */
export class Feed {
  constructor(base, store, language, heard) {
    Object.assign(this, { base, store, language, heard });
    this.messages = new Map();
    this.queue = store.get("queue") ?? [];
    this.tries = 0;
    this.ready = false;
    this.halted = false;
    addEventListener("online", () => this.connect());
    addEventListener("offline", () => this.socket?.close());
    document.addEventListener("visibilitychange", () => document.hidden || this.ready || this.connect());
  }

  get token() {
    return this.store.get("session")?.token;
  }

  get lastSeq() {
    let seq = 0;
    while (this.messages.has(seq + 1)) seq += 1;
    return seq;
  }

  async connect() {
    if (this.busy || this.halted || this.socket?.readyState < 2) return;
    clearTimeout(this.timer);
    this.busy = true;
    try {
      await this.openSession();
      this.openSocket();
    } catch {
      this.again();
    } finally {
      this.busy = false;
    }
  }

  async openSession() {
    if (this.token) return;
    const answer = await this.call("POST", "sessions", JSON.stringify({ language: this.language(), timezone: zone() }), {
      "Content-Type": "application/json",
    });
    this.store.set("session", answer);
    this.messages.clear();
    this.heard("messages");
  }

  async call(method, path, body, headers = {}) {
    const auth = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const answer = await fetch(`${this.base}/${path}`, { method, body, headers: { ...auth, ...headers }, credentials: "omit" });
    if (answer.ok) return answer.json();
    const problem = await answer.json().catch(() => ({}));
    const wait = Number(answer.headers.get("Retry-After")) || 0;
    throw Object.assign(new Error(problem.code ?? String(answer.status)), { status: answer.status, problem, wait });
  }

  openSocket() {
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}${this.base}/socket`);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ hello: { token: this.token, last_seq: this.lastSeq } }));
    socket.onmessage = (frame) => this.frame(JSON.parse(frame.data));
    socket.onclose = (end) => this.closed(socket, end.code);
  }

  frame(frame) {
    this.tries = 0;
    if (!this.ready) {
      this.ready = true;
      this.heard("line", "ready");
      this.flush();
    }
    for (const [kind, value] of Object.entries(frame)) this[`on_${kind}`]?.(value);
  }

  on_message(message) {
    this.keep(message);
    // other words under the same id are for the server to judge: it answers every send
    const own = this.queue.find((entry) => entry.id === message.client_id && entry.text === message.text);
    if (own) this.settle(own);
    this.heard("messages", message);
  }

  on_sent({ id, seq }) {
    const own = this.queue.find((entry) => entry.id === id);
    if (!own) return;
    if (!this.messages.has(seq)) {
      this.keep({ ...own, seq, direction: "in", status: "sent", sent_at: own.at });
    }
    this.settle(own);
    this.heard("messages");
  }

  on_read({ seq }) {
    this.readTo = Math.max(this.readTo ?? 0, seq);
    this.heard("messages");
  }

  on_typing(value) {
    this.heard("typing", value);
  }

  on_status(status) {
    this.heard("status", status);
  }

  on_error(error) {
    const own = this.queue.find((entry) => entry.id === error.id);
    if (own && error.code === "idempotency_mismatch") own.id = newId(); // kept here, and free to be sent anew
    if (own && error.code === "attachment_gone") this.withoutFiles(own);
    else if (own && !["overloaded", "unavailable", "store_unavailable", "retry"].includes(error.code)) own.state = "failed";
    else if (own) setTimeout(() => this.flush(), 2_000);
    this.save();
    this.heard("messages");
  }

  // Its files were removed before it was sent: the words stay, to be sent without them.
  withoutFiles(own) {
    own.attachments = [];
    own.state = "failed";
    if (!own.text) this.queue = this.queue.filter((other) => other !== own);
    this.heard("gone");
  }

  keep(message) {
    this.messages.set(message.seq, message);
  }

  settle(entry) {
    this.queue = this.queue.filter((other) => other !== entry);
    this.save();
  }

  save() {
    this.store.set("queue", this.queue);
  }

  async closed(socket, code) {
    if (this.socket !== socket) return;
    this.ready = false;
    this.heard("line", "lost");
    if (code === 4401) for (const key of ["session", "email"]) this.store.drop(key);
    if (code === 4403) this.halted = true;
    if (code === 4410) await this.fetchAgain().catch(() => {});
    this.again(code === 4429 ? 5_000 : 0);
  }

  async fetchAgain() {
    let after = this.lastSeq;
    for (;;) {
      const page = await this.call("GET", `messages?after=${after}&limit=200`);
      for (const message of page.items) this.keep(message);
      this.heard("messages");
      if (!page.next || !page.items.length) return;
      after = page.items.at(-1).seq;
    }
  }

  again(least = 0) {
    if (this.halted) return;
    const most = Math.min(LONGEST_PAUSE, 500 * 2 ** this.tries);
    this.tries += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), least + most * (0.5 + Math.random() / 2));
    this.heard("line", "lost");
  }

  send(text, attachments) {
    this.queue.push({ id: newId(), text, attachments, at: new Date().toISOString(), state: "sending" });
    this.save();
    this.heard("messages");
    if (this.ready) this.flush();
    else this.connect();
  }

  retry(id) {
    const own = this.queue.find((entry) => entry.id === id);
    if (own) own.state = "sending";
    this.save();
    this.heard("messages");
    this.flush();
  }

  flush() {
    for (const { id, text, attachments, state } of this.queue) {
      if (state === "failed") continue;
      this.say({ send: { id, text, language: this.language(), ...(attachments.length && { attachments: attachments.map((file) => file.id) }) } });
    }
    clearTimeout(this.watch);
    if (this.queue.some((entry) => entry.state !== "failed")) this.watch = setTimeout(() => this.stalled(), PATIENCE);
  }

  // No acknowledgement for a long time: the line is dead although nobody said so.
  stalled() {
    if (this.ready && this.queue.some((entry) => entry.state !== "failed")) this.socket.close();
  }

  say(frame) {
    if (this.ready && this.socket.readyState === 1) this.socket.send(JSON.stringify(frame));
  }
}
