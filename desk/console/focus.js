// Where the focus is and where it goes: single keys work in the list alone, words are written in the composer.

import * as store from "./store.js";

const find = (selector) => document.querySelector(selector);
const rows = () => [...document.querySelectorAll(".rows [data-row]")];
const shown = (node) => Boolean(node?.getClientRects().length);
export const showsList = () => shown(find(".rows"));
export const showsThread = () => shown(find(".thread"));

/** Whether single keys work here. */
export const inList = (node) => Boolean(node?.closest?.(".rows"));

/** The conversation of the row that has the focus. */
export const rowInFocus = () => document.activeElement?.closest(".rows li")?.querySelector("[data-row]").dataset.row;

export function toList(id = store.selected.value) {
  const node = rows().find((row) => row.dataset.row === id) ?? find(".rows");
  node?.focus({ preventScroll: true });
  if (id) node?.scrollIntoView({ block: "nearest" });
}

export const toThread = () => (find("#thread") ?? find(".thread"))?.focus({ preventScroll: true });

// the keyboard on a telephone's screen would cover what was opened
const touched = matchMedia("(hover: none) and (pointer: coarse)");

/** To the composer; where no reply can be written, to the messages. No typed letter is a command in either. */
export function toWriting() {
  const box = find("#compose");
  if (!box || box.disabled || touched.matches || !store.writable(store.current.value).length) return void toThread();
  box.focus();
}

// -- after a redraw ----------------------------------------------------------------------------------------------------

let last = null;
let listed = false;
let place = 0;

function note({ target }) {
  last = target;
  listed = inList(target);
  if (listed) place = rows().findIndex((row) => row.closest("li").contains(target));
}

/** Give the focus back to a node; where it is gone, to its neighbour in the list, and outside the list to the messages. */
export function giveBack(node, fromList) {
  if (shown(node) && !node.disabled) return node.focus({ preventScroll: true });
  if (!fromList || !showsList()) return toThread();
  const left = rows();
  return (left[Math.min(place, left.length - 1)] ?? find(".rows")).focus({ preventScroll: true });
}

// A node that is moved or removed loses the focus to the page, and with it whoever works by keyboard or listens.
function redrawn(changes) {
  if (document.activeElement !== document.body) return void (listed && document.activeElement === last && note({ target: last }));
  if (store.dialog.value) return;
  if (changes.some(({ removedNodes }) => [...removedNodes].some((node) => node.contains(last)))) giveBack(last, listed);
}

export function watchFocus(page) {
  addEventListener("focusin", note);
  addEventListener("click", () => document.activeElement === document.body && (last = null)); // left on purpose
  new MutationObserver(redrawn).observe(page, { childList: true, subtree: true });
}
