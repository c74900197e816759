// The customer's chat page: what is on it and what it does. The line to the server is feed.js, words and times are words.js.

import { Address } from "./address.js";
import { Feed } from "./feed.js";
import { LANGUAGES, chooseLanguage, dayWords, loadWords, openStore, openingWords, timeOf, whole, written } from "./words.js";

const { channel, title, assets, language: siteLanguage } = document.body.dataset;
const asked = new URLSearchParams(location.search);
const store = openStore(`huntgroup.${channel}.`);
const by = (id) => document.getElementById(id);
const [log, text, form, send, files, trouble, notice, status, typing] =
  ["log", "text", "form", "send", "files", "trouble", "notice", "status", "typing"].map(by);
const frameOf = asked.get("origin");
const base = new URL("..", new URL(assets, location.href)).pathname.replace(/\/$/, "");

let say;
let pending = [];
let uploading = 0;
let availability = null;
let line = "connecting";
let seen = 0;
let unread = 0;
let lastTyping = 0;

const feed = new Feed(base, store, () => store.get("language") ?? undefined, heard);

const address = new Address(store, (email) =>
  feed.openSession().then(() => feed.call("PUT", "address", JSON.stringify({ email }), { "Content-Type": "application/json" })),
);

function heard(kind, value) {
  if (kind === "messages") {
    if (value && value.direction !== "in") arrived();
    return draw();
  }
  if (kind === "gone") return put(trouble, say("attachment_gone"));
  if (kind === "status") availability = value;
  if (kind === "line") line = value;
  if (kind === "typing") return showTyping(value);
  if (kind === "line" && value === "ready") markSeen();
  return drawStatus();
}

// -- drawing -----------------------------------------------------------------------------------------------------------

function make(tag, className, ...inside) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...inside);
  return node;
}

function entries() {
  const known = [...feed.messages.values()].sort((a, b) => a.seq - b.seq);
  const waiting = feed.queue.map((entry) => ({ ...entry, direction: "in", status: entry.state, sent_at: entry.at }));
  return [...known, ...waiting];
}

function draw() {
  const low = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const wanted = [];
  let day = "";
  let before = null;
  for (const message of entries()) {
    const at = new Date(message.sent_at ?? message.created_at ?? Date.now());
    const heading = dayWords(say, at);
    if (heading !== day) wanted.push([`day ${heading}`, () => make("h2", "day", heading)]);
    const follows = heading === day && authorOf(before) === authorOf(message);
    day = heading;
    before = message;
    wanted.push([keyOf(message, follows), () => drawMessage(message, at, follows)]);
  }
  if (!wanted.length) wanted.push(["welcome", () => make("p", "welcome", say("welcome"))]);
  patch(wanted);
  address.draw(say, !log.querySelector(".welcome"));
  by("call").hidden = document.body.dataset.calls !== "yes" || !feed.messages.size; // what is still leaving is not known there
  if (low) log.scrollTop = log.scrollHeight;
}

// Only what changed is touched, so that screen readers announce each message once.
function patch(wanted) {
  const old = new Map([...log.children].map((node) => [node.dataset.key, node]));
  let place = log.firstChild;
  for (const [key, build] of wanted) {
    const node = old.get(key) ?? Object.assign(build(), {});
    node.dataset.key = key;
    old.delete(key);
    if (node === place) place = place.nextSibling;
    else log.insertBefore(node, place);
  }
  for (const node of old.values()) node.remove();
}

const stateOf = (message) => (message.direction === "in" && message.seq <= (feed.readTo ?? 0) ? "read" : (message.status ?? ""));
const keyOf = (message, follows) => `${message.seq ?? message.id} ${stateOf(message)} ${follows} ${say.language}`;
const kindOf = (message) => message.author?.kind ?? (message.direction === "in" ? "customer" : "agent");
const authorOf = (message) => message && `${kindOf(message)} ${message.direction === "in" ? "" : (message.author?.name ?? "")}`;

function nameOf(message) {
  if (message.direction === "in") return say("you");
  return kindOf(message) === "system" ? say("automatic") : (message.author?.name ?? title);
}

function drawMessage(message, at, follows) {
  const mine = message.direction === "in";
  const side = mine ? "mine" : kindOf(message) === "system" ? "theirs system" : "theirs";
  const name = make("span", follows || mine ? "name hidden" : "name", nameOf(message));
  const bubble = make("div", "bubble");
  bubble.dir = "auto";
  const choices = message.choices ?? [];
  if (message.text) bubble.append(written(choices.length ? questionOf(message.text) : message.text));
  if (choices.length) bubble.append(drawChoices(choices));
  const attached = (message.attachments ?? []).map(drawAttachment);
  const foot = make("div", "foot", make("time", "", timeOf(say, at)));
  foot.firstChild.dateTime = at.toISOString();
  foot.firstChild.title = whole(say, at);
  if (mine) foot.append(...drawState(message));
  return make("article", `message ${side}${follows ? " follows" : ""}`, name, ...(message.text ? [bubble] : []), ...attached, foot);
}

// Choices come as numbered lines, too, for pages without buttons: an invisible mark begins them.
const questionOf = (words) => words.split("\n").filter((line) => !line.startsWith("\u2060")).join("\n");

function drawChoices(choices) {
  const buttons = choices.map((choice) => {
    const button = make("button", "choice", choice);
    button.type = "button";
    button.onclick = () => {
      feed.send(choice, []);
      log.scrollTop = log.scrollHeight;
      text.focus();
    };
    return button;
  });
  return make("div", "choices", ...buttons);
}

function drawState(message) {
  const state = stateOf(message);
  if (state === "sending") return [make("span", "state", say("sending"))];
  if (state === "read") return [make("span", "state read", say("read"))];
  if (state !== "failed") return [make("span", "state", say("sent"))];
  const again = make("button", "again", say("again"));
  again.type = "button";
  again.onclick = () => feed.retry(message.id);
  return [make("span", "state bad", say("failed")), again];
}

function drawAttachment(file) {
  const button = make("button", "file", file.name);
  button.type = "button";
  button.setAttribute("aria-label", say("download", { name: file.name }));
  button.onclick = () => download(file);
  if (/^image\/(png|jpeg|gif|webp)$/.test(file.type)) showPicture(file, button);
  return button;
}

async function bytesOf(file) {
  const answer = await fetch(`${base}/attachments/${encodeURIComponent(file.id)}`, {
    headers: { Authorization: `Bearer ${feed.token}` },
    credentials: "omit",
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return URL.createObjectURL(await answer.blob());
}

async function showPicture(file, button) {
  const address = await bytesOf(file).catch(() => null);
  if (!address) return;
  const picture = new Image();
  picture.alt = say("picture", { name: file.name });
  picture.src = address;
  button.replaceChildren(picture);
  button.classList.add("picture");
}

async function download(file) {
  const link = make("a");
  link.href = await bytesOf(file).catch(() => "");
  link.download = file.name;
  if (link.getAttribute("href")) link.click();
}

function drawStatus() {
  document.body.dataset.line = line;
  const { open, next_opening: opens, position, wait } = availability ?? {};
  const lost = line === "lost" && !navigator.onLine ? "offline" : line === "ready" ? "" : "connecting";
  const queue = position ? [say("position", { position }), wait && say("wait", { minutes: Math.max(1, Math.round(wait / 60)) })] : [];
  const words = [say(open === false ? "closed" : "open"), ...queue].filter(Boolean).join(" · ");
  put(status, lost === "connecting" || !availability ? say("connecting") : words);
  status.dataset.open = open ?? "";
  const closed = opens ? say("closed_until", { when: openingWords(say, new Date(opens)) }) : say("closed_notice");
  put(notice, lost === "offline" ? say("offline") : open === false ? closed : "");
}

function put(node, words) {
  node.hidden = !words;
  if (node.textContent !== words) node.textContent = words;
}

function showTyping(value) {
  const on = value && value !== "stop" && value.on !== false;
  put(typing, on ? say("typing", { name: value.name ?? title }) : "");
  clearTimeout(showTyping.timer);
  if (on) showTyping.timer = setTimeout(() => put(typing, ""), 6_000);
}

// -- reading -----------------------------------------------------------------------------------------------------------

const looking = () => !document.hidden && document.body.dataset.shut !== "yes";

function arrived() {
  showTyping(null);
  if (looking()) return markSeen();
  unread += 1;
  tellUnread();
}

function markSeen() {
  if (!looking()) return;
  unread = 0;
  tellUnread();
  const last = feed.lastSeq;
  if (last > seen && feed.ready) feed.say({ seen: { seq: (seen = last) } });
}

function tellUnread() {
  document.title = unread ? say("unread", { count: unread, title }) : title;
  tellFrame({ huntgroup: "unread", count: unread });
}

function tellFrame(words) {
  if (frameOf && parent !== window) parent.postMessage(words, frameOf);
}

// The page for it, signed for this conversation; a tab of its own, so that the chat stays where it is.
async function askForCall() {
  put(trouble, "");
  const page = window.open("about:blank", "_blank"); // in the click itself, else it is taken for an advertisement
  try {
    const { url } = await feed.call("GET", "call");
    page.opener = null;
    page.location = `${url}&language=${say.language}`;
  } catch {
    page?.close();
    put(trouble, say("no_call"));
  }
}

// -- writing -----------------------------------------------------------------------------------------------------------

function submit(event) {
  event?.preventDefault();
  const words = text.value.trim();
  if (uploading || (!words && !pending.length)) return;
  feed.send(words, pending);
  text.value = "";
  pending = [];
  store.drop("draft");
  drawFiles();
  grow();
  log.scrollTop = log.scrollHeight;
  text.focus();
}

function grow() {
  text.rows = Math.min(6, Math.max(1, text.value.split("\n").length, Math.ceil(text.value.length / 60)));
  send.disabled = uploading > 0 || (!text.value.trim() && !pending.length);
}

function wrote() {
  grow();
  store.set("draft", text.value);
  if (text.value && performance.now() - lastTyping > 3_000) {
    lastTyping = performance.now();
    feed.say({ typing: true });
  }
}

function key(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  submit(event);
}

async function attach(list) {
  put(trouble, "");
  for (const file of list) {
    uploading += 1;
    grow();
    try {
      pending.push(await upload(file));
    } catch (fault) {
      put(trouble, uploadWords(fault, file));
    }
    uploading -= 1;
    drawFiles();
    grow();
  }
}

function uploadWords({ status, message: code, wait }, { name }) {
  if (code === "upload_quota") return say(code, { minutes: Math.max(1, Math.ceil(wait / 60)) });
  if (code === "no_room") return say(code);
  return say(status === 413 ? "too_big" : status === 429 ? "slow_down" : "bad_file", { name });
}

async function upload(file) {
  await feed.openSession();
  const body = new FormData();
  body.append("file", file, file.name || "picture.png");
  return feed.call("POST", "attachments", body);
}

function drawFiles() {
  files.hidden = !pending.length;
  files.replaceChildren(...pending.map(drawPending));
}

function drawPending(file) {
  const drop = make("button", "", "×");
  drop.type = "button";
  drop.setAttribute("aria-label", say("remove", { name: file.name }));
  drop.onclick = () => {
    pending = pending.filter((other) => other !== file);
    drawFiles();
    grow();
    text.focus();
  };
  return make("span", "chip", make("span", "cut", file.name), drop);
}

function dropped(event) {
  const list = [...((event.clipboardData ?? event.dataTransfer)?.files ?? [])];
  document.body.classList.remove("dropping");
  if (!list.length) return;
  event.preventDefault();
  attach(list);
}

// -- language and start ------------------------------------------------------------------------------------------------

async function speak(language) {
  say = await loadWords(assets, language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;
  for (const node of document.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", say(node.dataset.label));
  for (const node of document.querySelectorAll("[data-title]:not(body)")) node.title = say(node.dataset.title);
  for (const node of document.querySelectorAll("[data-hint]")) node.placeholder = say(node.dataset.hint);
  document.body.dataset.drop = say("drop");
  draw();
  drawStatus();
  drawFiles();
}

function listen() {
  form.addEventListener("submit", submit);
  text.addEventListener("input", wrote);
  text.addEventListener("keydown", key);
  text.addEventListener("paste", dropped);
  by("file").addEventListener("change", (event) => attach([...event.target.files]).then(() => (event.target.value = "")));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dropping"));
  document.addEventListener("drop", dropped);
  document.addEventListener("visibilitychange", markSeen);
  by("language").addEventListener("change", (event) => {
    store.set("language", event.target.value);
    speak(event.target.value);
  });
  listenToFrame();
}

function listenToFrame() {
  by("call").addEventListener("click", askForCall);
  by("close").hidden = !frameOf;
  by("close").addEventListener("click", () => tellFrame({ huntgroup: "close" }));
  addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && !by("more").matches(":popover-open") && tellFrame({ huntgroup: "close" }));
  addEventListener("message", (event) => {
    if (!frameOf || event.origin !== frameOf || event.source !== parent) return;
    if (event.data?.huntgroup === "shown") {
      document.body.dataset.shut = event.data.shown ? "no" : "yes";
      if (event.data.shown) text.focus();
      markSeen();
    }
  });
}

async function start() {
  const language = chooseLanguage(store.get("language") ?? asked.get("language"), siteLanguage);
  by("language").append(...Object.entries(LANGUAGES).map(([tag, name]) => new Option(name, tag, false, tag === language)));
  await speak(language);
  listen();
  text.value = store.get("draft") ?? "";
  grow();
  tellFrame({ huntgroup: "ready" });
  feed.connect();
  setInterval(() => draw(), 60_000);
}

start();
