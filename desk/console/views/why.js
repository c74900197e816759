// "Why is this here?": the rule that won, what settled the rest, and the three rules that came nearest, in words.

import { html, useEffect, useState } from "../vendor/vendor.js";
import { api } from "../api.js";
import { languageName, say, term, weekday } from "../i18n.js";
import { issueName, queueTitle } from "./list.js";

/** The rules that matched and settled something; the nearest misses come with the answer. Pure. */
export const winnersOf = (explained) => explained.tried.filter((one) => one.matched && one.settled.length);

function value(fact, thing) {
  if (thing === null || thing === undefined) return say("unknown");
  if (Array.isArray(thing)) return short(thing.map((one) => value(fact, one)).join(` ${say("or")} `));
  if (typeof thing === "boolean") return say(thing ? "yes" : "no");
  if (fact === "language") return thing === "unknown" ? say("unknown") : languageName(thing);
  if (fact === "issue") return issueName(thing);
  if (fact === "priority") return term("priority", thing);
  return typeof thing === "object" ? comparison(thing) : short(String(thing));
}

const SIGNS = { gt: ">", ge: "≥", lt: "<", le: "≤" };

// { gt = 50000 } reads "> 50000"; what has no sign keeps its name.
const comparison = (thing) =>
  Object.entries(thing).map(([name, bound]) => (name === "exists" ? say(bound ? "why.exists" : "why.missing") : `${SIGNS[name] ?? term("sign", name)} ${bound}`)).join(", ");

const LONGEST = 80;
const short = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

function nameOfFact(fact) {
  const [whose, ...rest] = fact.split(".");
  return rest.length ? say(`fact.of.${whose}`, { name: rest.join(".") }) : term("fact", fact);
}

function sentence({ fact, wanted, found, held }) {
  const name = nameOfFact(fact);
  if (fact === "text") return found ? say("why.text.yes", { wanted: value(fact, wanted) }) : say("why.text.no", { wanted: value(fact, wanted) });
  if (fact === "alarm_elsewhere") return say("why.alarm.elsewhere", { found: short(String(found)) });
  if (held) return say("why.held", { fact: name, found: value(fact, found) });
  return say("why.condition", { fact: name, wanted: value(fact, wanted), found: value(fact, found) });
}

const Condition = ({ condition }) => {
  const mark = condition.held === null || condition.held === undefined ? "skip" : condition.held ? "yes" : "no";
  return html`<li class=${`condition ${mark}`}><span aria-hidden="true">${{ yes: "✓", no: "✗", skip: "·" }[mark]}</span><span><span class="hidden">${say(`why.${mark}`)}: </span>${sentence(condition)}</span></li>`;
};

const Rule = ({ rule, failing }) => html`<li class="rule">
  <b>${rule.rule ?? rule.name}</b>
  <ul>${rule.conditions.filter((condition) => !failing || condition.held !== null).map((condition) => html`<${Condition} condition=${condition} />`)}</ul>
  ${rule.settled?.length > 0 && html`<p class="quiet">${say("why.settled", { what: rule.settled.map((action) => term("action", action)).join(", ") })}</p>`}
</li>`;

const percent = (share) => (typeof share === "number" && share > 0 ? ` (${Math.round(share * 100)} %)` : "");

function Sums({ decision }) {
  const by = decision.settled_by ?? {};
  const rows = [
    ["queue", queueTitle(decision.queue), by.queue],
    ["priority", term("priority", decision.priority), by.priority],
    ["language", `${languageName(decision.language)}${percent(decision.language_confidence)}`, decision.language_source],
    ["issue", decision.issue ? `${issueName(decision.issue)}${percent(decision.issue_confidence)}` : say("unknown"), decision.issue_source],
    ["open", decision.open === undefined ? null : say(decision.open ? "yes" : "no"), null],
    ["due", decision.due && weekday(decision.due), null],
    ["joining", decision.joining && term("joining", decision.joining), null],
  ].filter(([, words]) => words !== null && words !== undefined);
  return html`<dl>${rows.map(([name, words, source]) => html`<dt>${term("fact", name)}</dt><dd>${words}${source && html` <span class="quiet">· ${by[name] === source && !["issue", "queue", "fallback", "conversation", "callback"].includes(source) ? `“${source}”` : term("source", source)}</span>`}</dd>`)}</dl>`;
}

// "to Cards, if issue were Card": the outcome, then what would bring it.
function elsewhere(other, answer) {
  const weight = other.priority === answer.priority ? "" : `, ${term("priority", other.priority)}`;
  const then = other.open === answer.open ? "" : `, ${say(other.open ? "why.open" : "why.closed")}`;
  const values = other.values.map((one) => value(other.fact, one)).join(` ${say("or")} `);
  return say("why.if", { queue: `${queueTitle(other.queue)}${weight}${then}`, fact: nameOfFact(other.fact), values });
}

// What the customer would be told, word for word; a stored decision has its words in the thread.
const Said = ({ answer }) => html`
  ${answer.labels?.length > 0 && html`<p class="quiet">${say("why.labels", { labels: answer.labels.join(", ") })}</p>`}
  ${answer.webhooks?.length > 0 && html`<p class="quiet">${say("why.calls", { webhooks: answer.webhooks.join(", ") })}</p>`}
  ${(answer.spoken ?? []).map((words) => html`<blockquote>${words}</blockquote>`)}
  ${answer.spoken?.length === 0 && html`<p class="quiet">${say("why.silent")}</p>`}`;

/** A decision told: a stored one, or one about a message that nobody sent. */
export function Reasons({ answer }) {
  const [winners, misses] = [winnersOf(answer), answer.nearest];
  return html`<div class="why">
    <section><h3>${say("why.won")}</h3>
      ${winners.length === 0 && html`<p>${say("why.no.rule")}</p>`}
      <ul class="rules won">${winners.map((rule) => html`<${Rule} rule=${rule} />`)}</ul>
      <${Sums} decision=${answer} />
      <${Said} answer=${answer} />
    </section>
    <section><h3>${say("why.nearest")}</h3>
      ${misses.length === 0 && html`<p class="quiet">${say("why.no.misses")}</p>`}
      <ul class="rules">${misses.map((rule) => html`<${Rule} rule=${rule} failing />`)}</ul>
    </section>
    ${answer.counterfactuals?.length > 0 && html`<section><h3>${say("why.elsewhere")}</h3>
      <ul class="rules">${answer.counterfactuals.map((other) => html`<li>${elsewhere(other, answer)}</li>`)}</ul>
    </section>`}
    ${answer.candidates?.length > 0 && html`<section><h3>${say("why.candidates")}</h3>
      <ul class="rules">${answer.candidates.map((one) => html`<li>${one.place ? html`<b>${one.place}. ${one.name}</b>` : html`${one.name} <span class="quiet">· ${one.why_not.join("; ")}</span>`}</li>`)}</ul>
    </section>`}
    ${answer.rules_changed && html`<p class="quiet">${say("why.changed")}</p>`}
    <p class="quiet">${say("why.decided", { when: weekday(answer.at), revision: String(answer.revision).slice(0, 8) })}</p>
  </div>`;
}

export function Why({ it }) {
  const [answer, set] = useState(null);
  const [fault, fail] = useState(null);
  useEffect(() => {
    let late = false;
    set(null);
    fail(null);
    api.explain(it.id).then((said) => late || set(said), (problem) => late || fail(problem));
    return () => (late = true);
  }, [it.id, it.queue, it.priority]);
  if (fault) return html`<p class="quiet">${fault.status === 404 ? say("why.none") : say("error.other")}</p>`;
  if (!answer) return html`<p class="quiet" role="status">${say("loading")}</p>`;
  return html`<${Reasons} answer=${answer} />`;
}
