// A sheet over the page: it takes the focus, gives it back, and goes at Escape, at its cross and at a click beside it.

import { html, useLayoutEffect, useRef } from "../vendor/vendor.js";
import { giveBack, inList } from "../focus.js";
import { say } from "../i18n.js";
import * as store from "../store.js";
import { Icon } from "./icons.js";

export const dismiss = () => (store.dialog.value = null);

export function Sheet({ title, wide, children }) {
  const box = useRef(null);
  useLayoutEffect(() => { // at once: the next key must not go to what stands below
    const [sheet, before] = [box.current, document.activeElement];
    const listed = inList(before);
    sheet.showModal();
    // on what does nothing: a sentence that goes on, a space or Enter in it, presses no button here
    if (!sheet.querySelector("[autofocus]")) sheet.querySelector("h2").focus();
    return () => {
      sheet.close(); // else all that lies below stays out of reach
      giveBack(before, listed);
    };
  }, []);
  const outside = (event) => event.target === box.current && dismiss();
  // Escape: the browser tells of a closed dialog later, and a key pressed until then would be lost
  const escaped = (event) => event.target === box.current && (event.preventDefault(), dismiss());
  return html`<dialog ref=${box} class=${wide ? "wide" : ""} aria-labelledby="sheet-title" onCancel=${escaped} onClose=${() => box.current && dismiss()} onClick=${outside}>
    <header><h2 id="sheet-title" tabindex="-1">${title}</h2><button type="button" class="icon-button" aria-label=${say("dismiss")} onClick=${dismiss}><${Icon} name="close" /></button></header>
    ${children}
  </dialog>`;
}
