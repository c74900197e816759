// The middle pane: the conversation's bar, its messages, and under them the composer.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/vendor.js";
import { accept, back, close, move, resolve, sendAgain } from "../actions.js";
import { api } from "../api.js";
import { keepDraft, draftOf } from "../drafts.js";
import { loadEarlier } from "../feed.js";
import { day, languageName, say, term, time, weekday, whole } from "../i18n.js";
import { hinted, letters } from "../letters.js";
import { takeable } from "../states.js";
import * as store from "../store.js";
import { Composer } from "./composer.js";
import { Icon, channelIcon } from "./icons.js";
import { StateChip, issueTitle, kindOfChannel, queueTitle, who } from "./list.js";
import { Written } from "./written.js";

// -- the bar -----------------------------------------------------------------------------------------------------------

const Button = ({ icon, label, does, key_, main }) => html`<button type="button" class=${main ? "main" : ""} onClick=${does} title=${hinted(label, key_)}><${Icon} name=${icon} /><span>${label}</span></button>`;

function Moves({ it }) {
  const ask = (name) => () => (store.dialog.value = { name, id: it.id });
  if (it.state === "closed") return html`<${Button} icon="inbox" label=${say("reopen")} does=${() => move(it.id, "reopen")} main />`;
  const offered = store.offeredTo(it) === store.me.value.id;
  const free = takeable(it) || offered;
  return html`
    ${free && html`<${Button} icon="check" label=${say(offered ? "accept" : "take")} key_="a" main does=${() => accept(it.id)} />`}
    ${offered && html`<${Button} icon="move" label=${say("decline")} does=${() => move(it.id, "release")} />`}
    ${it.state === "assigned" && html`<${Button} icon="back" label=${say("release")} does=${() => move(it.id, "release")} />`}
    <${Button} icon="move" label=${say("transfer")} key_="t" does=${ask("transfer")} />
    <${Button} icon="sleep" label=${say("snooze")} key_="s" does=${ask("snooze")} />
    <${Button} icon="tag" label=${say("label")} key_="l" does=${ask("label")} />
    <${Button} icon="check" label=${say("close")} key_="e" does=${() => close(it)} main=${store.mine(it)} />
  `;
}

// A click here leaves the focus in the composer, and whatever is asked gives it back there.
const stay = (event) => document.activeElement.id === "compose" && event.preventDefault();

const Bar = ({ it }) => html`<header class="bar">
  <button type="button" class="icon-button narrow" aria-label=${say("back")} onClick=${back}><${Icon} name="back" /></button>
  <div class="about">
    <h1>${who(it)}</h1>
    <p id="about">
      <span class="reference" title=${say("reference")}>${it.reference}</span>
      <${StateChip} it=${it} />
      ${it.priority !== "normal" && html`<span class="chip priority ${it.priority}">${term("priority", it.priority)}</span>`}
      <span class="chip plain">${queueTitle(it.queue)}</span>
      ${it.issue && html`<span class="chip plain">${issueTitle(it)}</span>`}
      <span class="chip plain">${languageName(it.language)}</span>
      ${(it.labels ?? []).map((label) => html`<span class="chip tag">${label}</span>`)}
      ${it.state === "snoozed" && it.snoozed_until && html`<span class="quiet">${say("until", { when: weekday(it.snoozed_until) })}</span>`}
    </p>
  </div>
  <button type="button" class="icon-button" aria-pressed=${store.aside.value === "why"} aria-label=${say("why.title")} title=${hinted(say("why.title"), "w")}
    onClick=${() => (store.aside.value = store.aside.value === "why" ? "customer" : "why")}><${Icon} name="why" /></button>
  <div class="moves" role="toolbar" aria-label=${say("moves")} onMouseDown=${stay}><${Moves} it=${it} /></div>
</header>`;

// What did not leave for our own systems: a person must do it, so it stands above the messages until a later call arrives.
const FailedCalls = ({ it }) => (it.failed_calls ?? []).map((one) => html`<p class="failed-call" role="alert" key=${one.webhook}>
  <${Icon} name="why" /><span class="grow">${say("webhook.failed", { webhook: one.webhook, when: whole(one.at) })} <span class="reason">${one.reason}</span></span>
</p>`);

// -- messages ----------------------------------------------------------------------------------------------------------

const LADDER = { posting: "…", queued: "…", sending: "…", sent: "✓", delivered: "✓✓", read: "✓✓" };

function Status({ it, message }) {
  const { status } = message;
  if (message.direction === "in" || (message.direction === "note" && !["posting", "unsent"].includes(status))) return null;
  const bad = ["failed", "unsent", "uncertain"].includes(status);
  return html`<span class=${`status ${status}${bad ? " bad" : ""}`}>
    ${LADDER[status] && html`<span aria-hidden="true">${LADDER[status]} </span>`}${term("status", status)}${message.error ? `: ${message.error}` : ""}
    ${bad && html`<${Remedies} it=${it} message=${message} />`}
  </span>`;
}

const LINK = ({ does, children }) => html`<button type="button" class="link" onClick=${does}>${children}</button>`;

function Remedies({ it, message }) {
  if (message.status === "unsent") {
    const back = () => {
      keepDraft(it.id, { ...draftOf(it.id), text: message.text, note: message.direction === "note" });
      store.dropMessage(it.id, message.id);
      store.changeThread(it.id, { draft: (store.threadOf(it.id).draft ?? 0) + 1 });
    };
    return html` <${LINK} does=${() => sendAgain(it.id, message)}>${say("again")}<//> <${LINK} does=${back}>${say("discard")}<//>`;
  }
  const settle = (as) => () => resolve(it.id, message, as);
  return html` <${LINK} does=${settle("retry")}>${say("again")}<//>
    ${message.status === "uncertain" && html` <${LINK} does=${settle("sent")}>${say("was.sent")}<//> <${LINK} does=${settle("failed")}>${say("was.not")}<//>`}`;
}

const size = (bytes) => (bytes > 1_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1000))} KB`);
const isPicture = (file) => /^image\/(png|jpeg|gif|webp)$/.test(file.type);

const Attached = ({ file }) => {
  if (file.fault) return html`<p class="file lost"><${Icon} name="clip" /><span>${file.name}: ${term("fault", file.fault)}</span></p>`;
  if (file.waiting) return html`<p class="file lost" role="status"><${Icon} name="clip" /><span>${file.name}: ${say("file.waiting")}</span></p>`;
  return html`<${There} file=${file} />`;
};

const There = ({ file }) => html`<a class=${isPicture(file) ? "file picture" : "file"} href=${api.attachment(file.id)} download=${file.name}>
  ${isPicture(file) ? html`<img src=${api.attachment(file.id)} alt=${file.name} loading="lazy" />` : html`<${Icon} name="clip" />`}
  <span>${file.name}${file.size ? ` · ${size(file.size)}` : ""}</span>
</a>`;

// The mail as it was laid out, in a frame where nothing runs; pictures from elsewhere only once the agent has agreed.
const TALLEST = 900;

function Formatted({ it, message }) {
  const [open, setOpen] = useState(false);
  const [pictures, setPictures] = useState(false);
  const frame = useRef(null);
  const fit = () => {
    const root = frame.current?.contentDocument?.documentElement;
    if (root) frame.current.style.blockSize = `${Math.min(TALLEST, root.scrollHeight + 4)}px`;
  };
  const elsewhere = message.html.includes('src="blocked:');
  return html`<div class="formatted">
    <${LINK} does=${() => setOpen(!open)}>${say(open ? "html.hide" : "html.show")}<//>
    ${open && elsewhere && !pictures && html`<p class="consent">${say("html.blocked")} <${LINK} does=${() => setPictures(true)}>${say("html.pictures")}<//></p>`}
    ${open && html`<iframe ref=${frame} title=${say("html.title")} sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer"
      src=${api.formatted(it.id, message.id, pictures)} onLoad=${fit}></iframe>`}
  </div>`;
}

export function speaker(it, message) {
  const kind = message.author?.kind ?? (message.direction === "in" ? "customer" : "agent");
  if (kind === "system") return say("system");
  if (kind === "customer") return message.author?.name ?? who(it);
  if (message.external) return message.author?.name ?? say("elsewhere");
  return message.author?.id === store.me.value.id ? say("you") : (store.personName(message.author) ?? say("agent"));
}

const sideOf = (message) =>
  message.direction === "note" ? "note" : message.direction === "in" ? "in" : message.author?.kind === "system" ? "out system" : "out";

// -- what became of it -------------------------------------------------------------------------------------------------

const Quoted = ({ it, of }) => {
  const original = of && store.threadOf(it.id).messages.find((other) => other.id === of);
  return original ? html`<blockquote class="answers" dir="auto">${speaker(it, original)}: ${(original.text || original.attachments?.[0]?.name || "…").slice(0, 120)}</blockquote>` : null;
};

const Words = ({ message }) => {
  if (message.retracted_at) return html`<p class="gone" title=${whole(message.retracted_at)}>${say("retracted")}</p>`;
  return html`${message.text && html`<div class="bubble" dir="auto"><${Written} text=${message.text} /></div>`}
    ${message.unsupported && html`<p class="gone">${say("unsupported", { kind: message.unsupported })}</p>`}`;
};

const Marks = ({ message }) => {
  const reactions = message.reactions ?? [];
  if (!message.edited_at && !message.external && !reactions.length) return null;
  return html`<p class="marks">
    ${reactions.map((one) => html`<span class="reaction" title=${whole(one.at)}>${one.emoji}</span>`)}
    ${message.edited_at && html`<span title=${whole(message.edited_at)}>${say("edited")}</span>`}
    ${message.edited_at && message.first_text !== null && html`<details><summary>${say("first.words")}</summary><div dir="auto">${message.first_text}</div></details>`}
    ${message.external && html`<span>${say("echoed")}</span>`}
  </p>`;
};

const Message = ({ it, message, follows }) => {
  const at = message.sent_at ?? message.created_at;
  const kind = kindOfChannel(message.channel, it);
  return html`<article class=${`message ${sideOf(message)}${follows ? " follows" : ""}`} data-message=${message.id}>
    <p class="by">
      <b>${speaker(it, message)}</b>
      ${message.direction === "note" ? html`<span class="via"><${Icon} name="note" />${say("note")}</span>` : message.channel && html`<span class="via"><${Icon} name=${channelIcon(kind)} />${message.channel}</span>`}
      <time datetime=${at} title=${whole(at)}>${time(at)}</time>
    </p>
    ${message.doubt && html`<p class="doubt"><${Icon} name="why" />${term("doubt", message.doubt)}</p>`}
    <${Quoted} it=${it} of=${message.reply_to} />
    <${Words} message=${message} />
    ${message.html && html`<${Formatted} it=${it} message=${message} />`}
    ${(message.attachments ?? []).map((file) => html`<${Attached} file=${file} />`)}
    <${Marks} message=${message} />
    <${Status} it=${it} message=${message} />
  </article>`;
};

function withDays(it, messages) {
  let last = "";
  let before = null;
  return messages.map((message) => {
    const today = day(message.sent_at ?? message.created_at);
    const heading = today !== last ? html`<h2 class="day" key=${`day ${today}`}>${today}</h2>` : null;
    const follows = !heading && before?.author?.id === message.author?.id && sideOf(before) === sideOf(message) && before.channel === message.channel;
    last = today;
    before = message;
    return html`${heading}<${Message} key=${message.client_id ?? message.id} it=${it} message=${message} follows=${follows} />`;
  });
}

function Messages({ it }) {
  const pane = useRef(null);
  const low = useRef(true);
  const tall = useRef(0);
  const { messages, state, earlier } = store.threadOf(it.id);
  const scrolled = () => {
    const { scrollHeight, scrollTop, clientHeight } = pane.current;
    low.current = scrollHeight - scrollTop - clientHeight < 80;
  };
  useEffect(() => void (low.current = true), [it.id]);
  useLayoutEffect(() => {
    const node = pane.current;
    if (low.current) node.scrollTop = node.scrollHeight;
    else if (tall.current.first !== messages[0]?.id) node.scrollTop += node.scrollHeight - tall.current.height;
    tall.current = { height: node.scrollHeight, first: messages[0]?.id };
  }, [messages, it.id]);
  return html`<div class="messages" id="thread" ref=${pane} role="log" aria-live="polite" aria-label=${say("messages", { name: who(it) })} aria-describedby="about" tabindex="0" onScroll=${scrolled}>
    ${earlier && html`<button type="button" class="more" onClick=${() => loadEarlier(it.id)}>${say("earlier")}</button>`}
    ${state === "loading" && html`<p class="empty">${say("loading")}</p>`}
    ${withDays(it, messages)}
  </div>`;
}

function Typing({ it }) {
  const entry = store.typing.value.get(it.id);
  if (!entry || entry.until < store.now.value) return html`<p class="typing" role="status"></p>`;
  const name = entry.who ? (store.personName(entry.who) ?? say("agent")) : who(it);
  return html`<p class="typing" role="status">${say("typing", { name })}</p>`;
}

export function Thread() {
  const it = store.current.value;
  if (!it) return html`<main class="thread none" tabindex="-1"><p class="empty"><${Icon} name="inbox" />${say("choose")}${letters.value && html`<br /><span class="quiet">${say("choose.keys")}</span>`}</p></main>`;
  return html`<main class="thread"><${Bar} it=${it} /><${FailedCalls} it=${it} /><${Messages} it=${it} /><${Typing} it=${it} /><${Composer} key=${it.id} it=${it} /></main>`;
}
