// A call that the customer asked for: number, the time there, what was tried, and what came of it.

import { html, useEffect, useState } from "../vendor/vendor.js";
import { api } from "../api.js";
import { tell } from "../feed.js";
import { say, stamp, term, whole } from "../i18n.js";
import * as store from "../store.js";
import { Icon } from "./icons.js";

const RESULTS = ["done", "no_answer", "busy", "voicemail", "rejected", "invalid"];
const SETTLED = ["done", "no_answer", "busy", "failed", "cancelled", "expired"];

const Tries = ({ attempts }) => html`<ol class="tries">${attempts.map(
  (one) => html`<li><time title=${whole(one.created_at)}>${stamp(one.created_at)}</time> ${one.outcome ? term("call", one.outcome) : say("call.now")}${one.note && html`<br /><span class="quiet">${one.note}</span>`}</li>`,
)}</ol>`;

function Result({ it, done }) {
  const [note, setNote] = useState("");
  const settle = async (outcome) => {
    try {
      store.keepConversations([await api.callResult(it.id, { outcome, ...(note.trim() ? { note: note.trim() } : {}) })]);
      setNote("");
    } catch (fault) {
      tell(fault);
    }
    done();
  };
  return html`<label class="field"><span>${say("call.note")}</span><textarea rows="2" maxlength="5000" value=${note} onInput=${(event) => setNote(event.target.value)}></textarea></label>
    <div class="results" role="group" aria-label=${say("call.result")}>${RESULTS.map(
      (outcome) => html`<button type="button" class=${outcome === "done" ? "primary" : ""} onClick=${() => settle(outcome)}>${term("call", outcome)}</button>`,
    )}</div>`;
}

/** Asking for a call with the customer: the customers' own page, signed for this conversation. */
function Arrange({ it }) {
  if (!store.vocabulary.value.calls?.length || it.state === "closed") return null;
  const open = async () => {
    const page = window.open("about:blank", "_blank"); // in the click itself, else it is taken for an advertisement
    try {
      const { url } = await api.callLink(it.id);
      page.opener = null;
      page.location = url;
    } catch (fault) {
      page?.close();
      tell(fault);
    }
  };
  return html`<p><button type="button" class="link" onClick=${open}><${Icon} name="callback" /> ${say("call.arrange")}</button></p>`;
}

/** The section in the right pane; only the way to ask where nobody asked to be called. */
export function CallPanel({ it }) {
  const [known, keep] = useState(null);
  // only where somebody may have asked: the answer to all others would be that there is nothing
  const may = it.kind === "callback" || (it.channels ?? []).some((channel) => store.vocabulary.value.calls?.includes(channel));
  const look = () => (may ? api.callback(it.id).then(keep, () => keep(null)) : keep(null));
  useEffect(() => void look(), [it.id, it.updated_at]);
  if (!known) return html`<${Arrange} it=${it} />`;
  const mine = [it.assignee?.id, it.offered_to?.id].includes(store.me.value?.id);
  const dial = async () => {
    try {
      keep(await api.dial(it.id));
      store.keepConversations([await api.conversation(it.id)]);
    } catch (fault) {
      tell(fault);
    }
  };
  const number = `${known.number}${known.extension ? ` · ${known.extension}` : ""}`;
  const waiting = ["due", "offered", "requested", "scheduled"].includes(known.state);
  return html`<section class="call" aria-label=${say("call.title")}><h3>${say("call.title")}</h3>
    <p class="number"><${Icon} name="callback" />${known.tel ? html`<a href=${known.tel}>${number}</a>` : html`<span>${number}</span>`}</p>
    <dl>
      <dt>${say("call.state")}</dt><dd>${term("callstate", known.state)}${known.missed ? ` · ${say("call.missed")}` : ""}</dd>
      <dt>${say("call.there")}</dt><dd>${known.local_time.slice(11)} <span class="quiet">${known.timezone}</span></dd>
      ${known.slot_local && html`<dt>${say("call.slot")}</dt><dd>${known.slot_local.replace("T", " ")}</dd>`}
      ${known.next && html`<dt>${say("call.next")}</dt><dd><time title=${whole(known.next)}>${stamp(known.next)}</time></dd>`}
    </dl>
    ${known.note && html`<p>${known.note}</p>`}
    ${known.attempts.length > 0 && html`<${Tries} attempts=${known.attempts} />`}
    ${!SETTLED.includes(known.state) && html`${waiting && html`<button type="button" class="primary" onClick=${dial}>${say("call.dial")}</button>`}
      ${mine && html`<${Result} it=${it} done=${look} />`}`}
    ${SETTLED.includes(known.state) && html`<${Arrange} it=${it} />`}
  </section>`;
}
