// A call that the customer asked for: number, the time there, what was tried, and what came of it.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/vendor.js";
import { close } from "../actions.js";
import { api } from "../api.js";
import { tell } from "../feed.js";
import { offset, say, stamp, term, wall, wallDay, whole } from "../i18n.js";
import * as store from "../store.js";
import { Icon } from "./icons.js";

const RESULTS = ["done", "no_answer", "busy", "voicemail", "rejected", "invalid"];
const WAITING = ["due", "offered", "requested", "scheduled"];
const SETTLED = ["done", "no_answer", "busy", "failed", "cancelled", "expired"];

const Tries = ({ attempts }) => html`<ol class="tries">${attempts.map(
  (one) => html`<li><time title=${whole(one.created_at)}>${stamp(one.created_at)}</time> ${one.outcome ? term("call", one.outcome) : say("call.now")}${one.note && html`<br /><span class="quiet">${one.note}</span>`}</li>`,
)}</ol>`;

function Result({ it, known, done }) {
  const [note, setNote] = useState("");
  const [never, setNever] = useState(false);
  const settle = async (outcome) => {
    const body = { outcome, ...(note.trim() && { note: note.trim() }), ...(never && { never }) };
    try {
      store.keepConversations([await api.callResult(it.id, body)]);
      setNote("");
      setNever(false);
    } catch (fault) {
      tell(fault);
    }
    done();
  };
  return html`<label class="field"><span>${say("call.note")}</span><textarea rows="2" maxlength="5000" value=${note} onInput=${(event) => setNote(event.target.value)}></textarea></label>
    <label class="tick"><input type="checkbox" checked=${never} onChange=${(event) => setNever(event.target.checked)} /><span>${say("call.never")}</span></label>
    <div class="results" role="group" aria-label=${say("call.result")}>${RESULTS.map(
      (outcome) => html`<button type="button" class=${outcome === "done" && !WAITING.includes(known.state) ? "main" : ""} onClick=${() => settle(outcome)}>${term("call", outcome)}</button>`,
    )}</div>`;
}

// -- another time, or none ---------------------------------------------------------------------------------------------

/** Slots by their days; where the clock shows a time twice, each says its offset. */
function Days({ free }) {
  const starts = new Map(); // by the clock
  const days = new Map();
  for (const one of free) {
    starts.set(one.local, (starts.get(one.local) ?? 0) + 1);
    const day = one.local.slice(0, 10);
    days.set(day, [...(days.get(day) ?? []), one]);
  }
  const told = ({ local, start }) => (starts.get(local) > 1 ? `${wall(local)} (${offset(local, start)})` : wall(local));
  return html`${[...days.values()].map((slots) => html`<optgroup label=${wallDay(slots[0].local)}>${slots.map((one) => html`<option value=${one.start}>${told(one)}</option>`)}</optgroup>`)}`;
}

/** The free slots as the customer is shown them, by their clock. */
function Move({ it, known, change, leave }) {
  const [free, keep] = useState([]);
  const [chosen, choose] = useState(""); // nothing is moved that nobody chose
  const look = () => api.callSlots(it.id).then(({ items }) => keep(items), tell);
  useEffect(() => void look(), [it.id]);
  const submit = async (event) => {
    event.preventDefault();
    const fault = await change(() => api.moveCall(it.id, chosen === "soon" ? null : chosen), "call.moved");
    if (fault?.code !== "slot_taken") return;
    choose("");
    look();
  };
  return html`<form onSubmit=${submit}>
    <label class="field"><span>${say("call.when", { zone: known.timezone })}</span><select name="slot" class="first" value=${chosen} onChange=${(event) => choose(event.target.value)}>
      <option value="">${say("call.choose")}</option>
      <option value="soon">${say("call.soon")}</option>
      <${Days} free=${free} />
    </select></label>
    <div class="results"><button class="main" disabled=${!chosen}>${say("call.move.go")}</button><button type="button" onClick=${leave}>${say("call.leave")}</button></div>
  </form>`;
}

/** Asked once; the focus is on what changes nothing, so that a key held down cancels no call. */
const Cancel = ({ it, change, leave }) => html`<div role="group" aria-label=${say("call.cancel.sure")}><p>${say("call.cancel.sure")}</p>
  <div class="results"><button type="button" onClick=${() => change(() => api.cancelCall(it.id), "call.cancelled")}>${say("call.cancel.yes")}</button><button type="button" class="first" onClick=${leave}>${say("call.leave")}</button></div>
</div>`;

/** Two buttons; what one of them asks stands in their place, and gives the focus back. */
function Changes({ it, known, done }) {
  const [asking, ask] = useState(null);
  const asked = useRef(null);
  const box = useRef(null);
  useLayoutEffect(() => { // at once: the next key must not go to what stands beside
    if (asking) box.current.querySelector(".first").focus();
    else if (asked.current) box.current.querySelector(`[name=${asked.current}]`)?.focus();
    asked.current = asking;
  }, [asking]);
  const change = async (how, words) => {
    try {
      const told = await how();
      ask(null);
      store.toast(say(words));
      done(told);
    } catch (fault) {
      tell(fault);
      return fault;
    }
  };
  const Asked = { move: Move, cancel: Cancel }[asking];
  return html`<div class="changes" ref=${box}>${Asked
    ? html`<${Asked} it=${it} known=${known} change=${change} leave=${() => ask(null)} />`
    : html`<div class="results">${["move", "cancel"].map((what) => html`<button type="button" name=${what} onClick=${() => ask(what)}>${say(`call.${what}`)}</button>`)}</div>`}
  </div>`;
}

/** What can be said of a call, and done about it: whose work it is says what came of it, and whoever could close it may change it. */
function Ways({ it, known, done }) {
  const holders = [it.assignee?.id, it.offered_to?.id].filter(Boolean);
  const mine = holders.includes(store.me.value?.id);
  const may = WAITING.includes(known.state) && (mine || !holders.length || store.leads.value);
  return html`${mine && html`<${Result} it=${it} known=${known} done=${done} />`}${may && html`<${Changes} it=${it} known=${known} done=${done} />`}`;
}

/** In the way of closing: the call that would never be made. What was asked for goes on once there is none. */
export function CallOpen({ it, leave }) {
  const [known, keep] = useState(null);
  useEffect(() => void api.callback(it.id).then(keep, tell), [it.id]);
  const done = async () => {
    leave();
    const { state } = await api.callback(it.id).catch(() => known);
    if (SETTLED.includes(state)) close(it);
  };
  const mine = it.assignee?.id === store.me.value?.id;
  return html`<div class="call asked"><p>${say("error.call_open")}</p>
    ${known && html`<p class="number"><${Icon} name="callback" /><span>${numberOf(known)}</span></p>
      ${!mine && html`<p class="quiet">${say("call.take")}</p>`}
      <${Ways} it=${it} known=${known} done=${done} />`}
  </div>`;
}

const numberOf = (known) => `${known.number}${known.extension ? ` · ${known.extension}` : ""}`;

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
  const dial = async () => {
    try {
      keep(await api.dial(it.id));
      store.keepConversations([await api.conversation(it.id)]);
    } catch (fault) {
      tell(fault);
    }
  };
  const number = numberOf(known);
  return html`<section class="call" aria-label=${say("call.title")}><h3>${say("call.title")}</h3>
    <p class="number"><${Icon} name="callback" />${known.tel ? html`<a href=${known.tel}>${number}</a>` : html`<span>${number}</span>`}</p>
    <dl>
      <dt>${say("call.state")}</dt><dd>${term("callstate", known.state)}${known.missed ? ` · ${say("call.missed")}` : ""}</dd>
      <dt>${say("call.there")}</dt><dd>${known.local_time.slice(11)} <span class="quiet">${known.timezone}</span></dd>
      ${known.slot_local && !SETTLED.includes(known.state) && html`<dt>${say("call.slot")}</dt><dd>${wall(known.slot_local)}</dd>`}
      ${known.next && html`<dt>${say("call.next")}</dt><dd><time title=${whole(known.next)}>${stamp(known.next)}</time></dd>`}
    </dl>
    ${known.note && html`<p>${known.note}</p>`}
    ${known.attempts.length > 0 && html`<${Tries} attempts=${known.attempts} />`}
    ${WAITING.includes(known.state) && html`<button type="button" class="main" onClick=${dial}>${say("call.dial")}</button>`}
    ${!SETTLED.includes(known.state) && html`<${Ways} it=${it} known=${known} done=${(told) => (told ? keep(told) : look())} />`}
    ${SETTLED.includes(known.state) && html`<${Arrange} it=${it} />`}
  </section>`;
}
