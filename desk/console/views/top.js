// The bar at the top: the brand, presence, language, help, the way out.

import { html } from "../vendor/vendor.js";
import { leave, setPresence } from "../feed.js";
import { LANGUAGES, choose, language, say, term } from "../i18n.js";
import { hinted } from "../letters.js";
import { dialog, leads, line, me, presence } from "../store.js";
import { Icon } from "./icons.js";

export const LanguageChoice = () => html`<span class="select">
  <select aria-label=${say("language")} value=${language.value} onChange=${(event) => choose(event.target.value)}>
    ${Object.entries(LANGUAGES).map(([tag, name]) => html`<option value=${tag} lang=${tag} selected=${tag === language.value}>${name}</option>`)}
  </select>
</span>`;

const STATES = ["online", "away", "offline"];

const PresenceSwitch = () => html`<div class="switch" role="radiogroup" aria-label=${say("presence")}>
  ${STATES.map(
    (state) => html`<button
      type="button"
      role="radio"
      class="presence ${state}"
      aria-checked=${presence.value.state === state}
      tabindex=${presence.value.state === state ? 0 : -1}
      onClick=${() => setPresence(state)}
      onKeyDown=${arrow}
    ><i class="dot" aria-hidden="true"></i><span>${term("presence", state)}</span></button>`,
  )}
</div>`;

function arrow(event) {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const buttons = [...event.currentTarget.parentNode.children];
  const next = buttons.at((buttons.indexOf(event.currentTarget) + by) % buttons.length);
  next.focus();
  next.click();
}

export const Top = () => html`<header class="top">
  <a class="skip" href="#thread">${say("skip")}</a>
  <span class="brand"><img src="favicon.svg" alt="" width="24" height="24" /><b>huntgroup</b></span>
  <span class="line" role="status">${line.value === "open" ? "" : say("line.lost")}</span>
  <${PresenceSwitch} />
  <${LanguageChoice} />
  ${leads.value && html`<button type="button" class="icon-button" aria-label=${say("try.title")} title=${hinted(say("try.title"), "m")} onClick=${() => (dialog.value = { name: "try" })}><${Icon} name="try" /></button>`}
  <button type="button" class="icon-button" aria-label=${say("help.title")} title=${hinted(say("help.title"), "?")} onClick=${() => (dialog.value = { name: "help" })}><${Icon} name="keys" /></button>
  <span class="self" title=${me.value.email}>${me.value.name}</span>
  <button type="button" class="icon-button" aria-label=${say("logout")} title=${say("logout")} onClick=${leave}><${Icon} name="out" /></button>
</header>`;
