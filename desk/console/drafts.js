// Drafts live in this browser, one for each agent and conversation, so that a reload loses nothing.

import { me } from "./store.js";

const key = (id) => `huntgroup.draft.${me.value?.id}.${id}`;
const EMPTY = { text: "", note: false, channel: "" };

export function draftOf(id) {
  try {
    return { ...EMPTY, ...JSON.parse(localStorage.getItem(key(id))) };
  } catch {
    return EMPTY;
  }
}

export function keepDraft(id, draft) {
  if (draft.text || draft.note || draft.channel) localStorage.setItem(key(id), JSON.stringify(draft));
  else localStorage.removeItem(key(id));
}
