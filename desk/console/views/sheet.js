// A sheet over the page: it takes the focus, gives it back, and goes at Escape, at its cross and at a click beside it.

import { html, useEffect, useRef } from "../vendor/vendor.js";
import { say } from "../i18n.js";
import * as store from "../store.js";
import { Icon } from "./icons.js";

export const dismiss = () => (store.dialog.value = null);

export function Sheet({ title, wide, children }) {
  const box = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    return () => before?.focus?.();
  }, []);
  const outside = (event) => event.target === box.current && dismiss();
  return html`<dialog ref=${box} class=${wide ? "wide" : ""} aria-labelledby="sheet-title" onClose=${dismiss} onClick=${outside}>
    <header><h2 id="sheet-title">${title}</h2><button type="button" class="icon-button" aria-label=${say("dismiss")} onClick=${dismiss}><${Icon} name="close" /></button></header>
    ${children}
  </dialog>`;
}
