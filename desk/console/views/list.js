// The left pane: offers on top, filters, search, and the live list by recency.

import { html, useState } from "../vendor/vendor.js";
import { accept, move, open } from "../actions.js";
import { loadList, setPresence, show } from "../feed.js";
import { languageName, say, span, stamp, term, titled, whole } from "../i18n.js";
import * as store from "../store.js";
import { Icon, channelIcon } from "./icons.js";

export const queueTitle = (name) => titled(store.queues.value.find((queue) => queue.name === name)?.title, name);
export const issueName = (id) => titled(store.vocabulary.value.issues.find((issue) => issue.id === id)?.title, id);
export const issueTitle = (it) => (it.issue ? issueName(it.issue) : null);
export const kindOfChannel = (name, it) => store.accounts.value.get(name)?.kind ?? it?.kind ?? "message";
export const who = (it) => store.customerName(it) ?? say("visitor", { reference: it.reference });

export const StateChip = ({ it }) => {
  const owner = it.state === "assigned" && !store.mine(it) ? store.personName(it.assignee) : null;
  return html`<span class="chip state ${it.state}">${owner ?? (store.mine(it) && it.state === "assigned" ? say("state.mine") : term("state", it.state))}</span>`;
};

const Chips = ({ it }) => html`<span class="chips">
  <${StateChip} it=${it} />
  ${it.priority && it.priority !== "normal" && html`<span class="chip priority ${it.priority}">${term("priority", it.priority)}</span>`}
  ${(it.failed_calls ?? []).length > 0 && html`<span class="chip urgent">${say("webhook.failed.short")}</span>`}
  ${it.language && html`<span class="chip" title=${languageName(it.language)}>${it.language}</span>`}
  <span class="chip plain">${queueTitle(it.queue)}</span>
  ${it.state === "waiting" && html`<${Wait} it=${it} />`}
</span>`;

// A quarter of a minute is fine enough for a wait; counting seconds would redraw every row each second.
const Wait = ({ it }) => {
  const since = it.waiting_since ?? it.created_at;
  const late = it.due && Date.parse(it.due) < store.now.value;
  return html`<span class=${late ? "chip wait late" : "chip wait"} title=${whole(since)}><${Icon} name="clock" />${span(store.now.value - Date.parse(since))}</span>`;
};

const Row = ({ it }) => {
  const chosen = store.selected.value === it.id;
  const unread = it.unread ?? 0;
  return html`<li>
    <button type="button" class=${`row${chosen ? " chosen" : ""}${unread ? " fresh" : ""}`} data-row=${it.id} aria-current=${chosen ? "true" : undefined} onClick=${() => open(it.id)}>
      <span class="head">
        <${Icon} name=${channelIcon(kindOfChannel(it.channel, it))} />
        <b>${who(it)}</b>
        <time datetime=${it.updated_at} title=${whole(it.updated_at)}>${stamp(it.updated_at)}</time>
      </span>
      <span class="preview">${previewOf(it)}</span>
      <span class="foot"><${Chips} it=${it} />${unread > 0 && html`<span class="unread"><span class="hidden">${say("unread")} </span>${unread}</span>`}</span>
    </button>
  </li>`;
};

function previewOf(it) {
  return it.preview || [issueTitle(it), it.reference].filter(Boolean).join(" · ");
}

const Offer = ({ it }) => {
  const until = Date.parse(it.offer_until);
  const left = Number.isNaN(until) ? null : Math.max(0, Math.ceil((until - store.now.value) / 1000));
  const [busy, setBusy] = useState(false);
  const act = (does) => async () => {
    setBusy(true);
    await does();
    setBusy(false);
  };
  return html`<li class="offer">
    <button type="button" class="plain" data-row=${it.id} onClick=${() => open(it.id)}>
      <span class="head"><${Icon} name=${channelIcon(kindOfChannel(it.channel, it))} /><b>${who(it)}</b>${left !== null && html`<span class="count" role="timer" aria-live="off">${say("seconds", { seconds: left })}</span>`}</span>
      <span class="preview">${previewOf(it)}</span>
      <${Chips} it=${it} />
    </button>
    <span class="buttons">
      <button type="button" class="main" disabled=${busy} onClick=${act(() => accept(it.id))}>${say("accept")}</button>
      <button type="button" disabled=${busy} onClick=${act(() => move(it.id, "release"))}>${say("decline")}</button>
    </span>
  </li>`;
};

const FILTERS = ["mine", "waiting", "all", "closed"];

const Filters = () => html`<div class="tabs" role="group" aria-label=${say("filters")}>
  ${FILTERS.map((filter) => {
    const count = store.counts.value[filter];
    return html`<button type="button" aria-pressed=${store.view.value.filter === filter} onClick=${() => show({ filter })}>${say(`filter.${filter}`)}${count ? html` <span class="number">${count}</span>` : ""}</button>`;
  })}
</div>`;

const QueueChoice = () => html`<span class="select wide">
  <select aria-label=${say("queue")} value=${store.view.value.queue} onChange=${(event) => show({ queue: event.target.value })}>
    <option value="">${say("queues.all")}</option>
    ${store.queues.value.map((queue) => html`<option value=${queue.name}>${queueTitle(queue.name)} · ${queueWords(queue)}</option>`)}
  </select>
</span>`;

const queueWords = (queue) =>
  [queue.waiting ? say("queue.waiting", { count: queue.waiting }) : "", say(queue.open === false ? "queue.closed" : "queue.open")].filter(Boolean).join(" · ");

let searching = 0;

function search(event) {
  const q = event.target.value.trim();
  clearTimeout(searching);
  searching = setTimeout(() => show({ q }), 250);
}

// Escape empties the field; some browsers do so by themselves and say nothing of it
function leave(event) {
  if (event.key !== "Escape" || event.isComposing || !event.target.value) return;
  event.target.value = "";
  search(event);
}

const Search = () => html`<label class="search">
  <span class="hidden">${say("search")}</span><${Icon} name="search" />
  <input id="search" type="search" placeholder=${say("search")} onInput=${search} onKeyDown=${leave} autocomplete="off" />
</label>`;

const OfflineHint = () =>
  store.presence.value.state === "offline" &&
  html`<p class="hint">${say("offline.hint")} <button type="button" class="link" onClick=${() => setPresence("online")}>${say("offline.go")}</button></p>`;

export const List = () => html`<nav class="list" aria-label=${say("conversations")}>
  <div class="tools"><${Search} /><${Filters} /><${QueueChoice} /></div>
  <${OfflineHint} />
  <div class="rows" role="group" aria-label=${say("conversations")} tabindex="-1">
    <div role="status" class="hidden">${store.offers.value.length ? say("offers", { count: store.offers.value.length }) : ""}</div>
    ${store.offers.value.length > 0 && html`<h2>${say("offers.title")}</h2><ul class="offers">${store.offers.value.map((it) => html`<${Offer} key=${it.id} it=${it} />`)}</ul>`}
    <ul>${store.listed.value.map((it) => html`<${Row} key=${it.id} it=${it} />`)}</ul>
    ${store.listed.value.length === 0 && !store.pages.value.loading && html`<p class="empty"><${Icon} name="inbox" />${say(store.view.value.q ? "empty.search" : `empty.${store.view.value.filter}`)}</p>`}
    ${store.pages.value.next && html`<button type="button" class="more" onClick=${() => loadList(store.pages.value.next)}>${say("more")}</button>`}
  </div>
</nav>`;
