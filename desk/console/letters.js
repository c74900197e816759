// Single-letter keys, on or off: each agent's own choice, kept in this browser.

import { computed, signal } from "./vendor/vendor.js";
import { me } from "./store.js";

const key = () => `huntgroup.letters.${me.value?.id}`;
const chosen = signal({});

function kept() {
  try {
    return localStorage.getItem(key()) !== "off";
  } catch {
    return true;
  }
}

export const letters = computed(() => chosen.value[key()] ?? kept());

export function chooseLetters(on) {
  chosen.value = { ...chosen.value, [key()]: on };
  try {
    localStorage.setItem(key(), on ? "on" : "off");
  } catch {
    // a browser that keeps nothing: the choice holds until the page is left
  }
}

/** What a button does, and its key in the list. */
export const hinted = (words, letter) => (letter && letters.value ? `${words} (${letter})` : words);
