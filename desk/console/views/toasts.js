// Short words at the edge: what failed and why, and what can be undone.

import { html } from "../vendor/vendor.js";
import { say } from "../i18n.js";
import { dropToast, toasts } from "../store.js";

const Toast = ({ entry }) => html`<li class=${`toast ${entry.kind}`} role=${entry.kind === "bad" ? "alert" : "status"}>
  <span>${entry.text}</span>
  ${entry.undo && html`<button type="button" class="link" onClick=${() => (dropToast(entry.id), entry.undo())}>${entry.label}</button>`}
  <button type="button" class="link" aria-label=${say("dismiss")} onClick=${() => dropToast(entry.id)}>×</button>
</li>`;

export const Toasts = () => html`<ul class="toasts" aria-live="polite">${toasts.value.map((entry) => html`<${Toast} key=${entry.id} entry=${entry} />`)}</ul>`;
