// The right pane: who the customer is, how they can be reached, and what they wrote about before.

import { html } from "../vendor/vendor.js";
import { open } from "../actions.js";
import { languageName, say, stamp, term, whole } from "../i18n.js";
import * as store from "../store.js";
import { CallPanel } from "./call.js";
import { Icon, channelIcon } from "./icons.js";
import { StateChip, issueTitle, kindOfChannel, queueTitle, who } from "./list.js";
import { Why } from "./why.js";

const initials = (name) => Array.from(name.trim())[0]?.toLocaleUpperCase() ?? "?";

const Identity = ({ identity, it }) => html`<li>
  <${Icon} name=${channelIcon(kindOfChannel(identity.channel, it))} />
  <span class="grow"><b>${identity.channel}</b>${[identity.email, identity.phone].filter(Boolean).map((line) => html`<br />${line}`)}</span>
  ${identity.verified ? html`<span class="chip good">${say("verified")}</span>` : html`<span class="quiet" title=${say("claimed.lead")}>${say("claimed")}</span>`}
</li>`;

function valueWords(value) {
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const Attributes = ({ attributes }) => {
  const known = Object.entries(attributes ?? {});
  if (!known.length) return null;
  return html`<section><h3>${say("attributes")}</h3><dl>${known.map(([key, value]) => html`<dt>${key}</dt><dd>${valueWords(value)}</dd>`)}</dl></section>`;
};

const Earlier = ({ it, items }) => {
  const others = (items ?? []).filter((other) => other.id !== it.id);
  return html`<section><h3>${say("earlier.title")}</h3>
    ${others.length === 0 && html`<p class="quiet">${say("earlier.none")}</p>`}
    <ul class="earlier">${others.map(
      (other) => html`<li><button type="button" class="plain" onClick=${() => (store.keepConversations([other]), open(other.id))}>
        <span class="head"><b>${issueTitle(other) ?? queueTitle(other.queue)}</b><time title=${whole(other.updated_at)}>${stamp(other.updated_at)}</time></span>
        <span class="chips"><span class="reference">${other.reference}</span><${StateChip} it=${other} /></span>
      </button></li>`,
    )}</ul>
  </section>`;
};

function Customer({ it }) {
  const known = store.customers.value.get(store.customerOf(it));
  const customer = known?.customer ?? it.customer ?? {};
  const name = customer.name ?? who(it);
  return html`<div class="person">
      <span class="face" aria-hidden="true">${initials(name)}</span>
      <div><h2>${name}</h2><p class="quiet">${languageName(customer.language ?? it.language)}${customer.language_source ? ` · ${term("source", customer.language_source)}` : ""}</p></div>
    </div>
    <${CallPanel} it=${it} key=${it.id} />
    ${customer.identities?.length > 0 && html`<section><h3>${say("identities")}</h3><ul class="identities">${customer.identities.map((identity) => html`<${Identity} identity=${identity} it=${it} />`)}</ul></section>`}
    <section><h3>${say("this.one")}</h3><dl>
      <dt>${say("queue")}</dt><dd>${queueTitle(it.queue)}</dd>
      <dt>${say("issue")}</dt><dd>${issueTitle(it) ?? say("unknown")}</dd>
      <dt>${say("owner")}</dt><dd>${store.personName(it.assignee) ?? "–"}</dd>
      <dt>${say("due")}</dt><dd>${it.due ? html`<time class=${Date.parse(it.due) < store.now.value ? "bad" : ""} title=${whole(it.due)}>${stamp(it.due)}</time>` : "–"}</dd>
      <dt>${say("created")}</dt><dd><time title=${whole(it.created_at)}>${stamp(it.created_at)}</time></dd>
    </dl></section>
    <${Attributes} attributes=${customer.attributes} />
    <${Earlier} it=${it} items=${known?.conversations ?? customer.conversations} />`;
}

export function Aside() {
  const it = store.current.value;
  if (!it) return null;
  const why = store.aside.value === "why";
  return html`<aside class="aside" aria-label=${say(why ? "why.title" : "customer")}>
    <div class="tabs" role="group" aria-label=${say("aside")}>
      <button type="button" aria-pressed=${!why} onClick=${() => (store.aside.value = "customer")}><${Icon} name="person" />${say("customer")}</button>
      <button type="button" aria-pressed=${why} onClick=${() => (store.aside.value = "why")}><${Icon} name="why" />${say("why.title")}</button>
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label=${say(why ? "why.title" : "customer")}>${why ? html`<${Why} it=${it} />` : html`<${Customer} it=${it} />`}</div>
  </aside>`;
}
