// Until when the customer can be answered, and what may be sent once that is over.

import { html, useEffect, useState } from "../vendor/vendor.js";
import { api } from "../api.js";
import { say, weekday } from "../i18n.js";

/** How the house says that the customer can be answered now; asked again when they wrote, and when it changes by time alone. */
export function useReach(it) {
  const [reach, set] = useState(null);
  useEffect(() => {
    if (!it.reply_until && !it.blocked_at) return void set(null); // a medium without a window
    let here = true;
    let timer = 0;
    const ask = async () => {
      const answer = await api.conversation(it.id).catch(() => null);
      if (!here || !answer) return;
      set(answer.reply ?? null);
      const left = answer.reply?.until ? new Date(answer.reply.until) - Date.now() : Infinity;
      if (left < 2 ** 31) timer = setTimeout(ask, Math.max(left, 0) + 1_000);
    };
    ask();
    return () => ((here = false), clearTimeout(timer));
  }, [it.id, it.reply_until, it.blocked_at]);
  return reach;
}

function Template({ templates, fill }) {
  const [name, choose] = useState(templates[0]);
  const [text, write] = useState("");
  const send = () => {
    fill(name, text.split("|").map((part) => part.trim()).filter(Boolean));
    write("");
  };
  return html`<span class="template">
    <label>${say("reach.template")} <select id="template" value=${name} onChange=${(event) => choose(event.target.value)}>
      ${templates.map((each) => html`<option value=${each} selected=${each === name}>${each}</option>`)}
    </select></label>
    <input id="template-words" type="text" dir="auto" value=${text} aria-label=${say("reach.words")} placeholder=${say("reach.words")} onInput=${(event) => write(event.target.value)}
      onKeyDown=${(event) => event.key === "Enter" && !event.isComposing && (event.preventDefault(), send())} />
    <button type="button" id="template-send" onClick=${send}>${say("reach.send")}</button>
  </span>`;
}

export function Reach({ it, reach, fill, choose }) {
  const { open, until, templates, channels } = reach;
  if (open === "anything" && !until) return null;
  const state = it.blocked_at && open === "nobody" ? "blocked" : open;
  const shut = open === "templates" || open === "nobody";
  return html`<div class=${`reach ${open}`} id="reach" role=${shut ? "alert" : "note"}>
    <span>${say(`reach.${state}`, { when: until ? weekday(until) : "" })}</span>
    ${open === "templates" && it.state !== "closed" && html`<${Template} templates=${templates} fill=${fill} />`}
    ${shut && channels.map((name) => html`<button type="button" class="link" onClick=${() => choose(name)}>${say("reach.other", { channel: name })}</button>`)}
  </div>`;
}
