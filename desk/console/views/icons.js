// Line icons drawn on a grid of 24, and one mark for each kind of channel.

import { html } from "../vendor/vendor.js";

const PATHS = {
  chat: "M4 5h16v11h-8l-5 4v-4H4z",
  email: "M3 6h18v12H3zM3 7l9 7 9-7",
  message: "M4 5h16v11H9l-5 4zM8 9h8M8 12h5",
  callback: "M6 3h3l2 5-2.500 1.500a11 11 0 0 0 6 6L16 13l5 2v3a3 3 0 0 1-3 3A15 15 0 0 1 3 6a3 3 0 0 1 3-3z",
  webhook: "M8 8a4 4 0 1 1 6.500 3L17 16M12 8l-3.500 6M5.500 12.500A4 4 0 1 0 9.500 17H17a2 2 0 1 0 0-1",
  note: "M5 4h14v10l-5 6H5zM14 20v-6h5",
  send: "M4 12l16-8-6 16-2.500-6.500z",
  clip: "M21 11l-8.500 8.500a5.500 5.500 0 0 1-7.800-7.800L13.500 3a3.700 3.700 0 0 1 5.200 5.200l-8.600 8.600a1.800 1.800 0 0 1-2.600-2.600L15 7",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 13l4 4L19 7",
  back: "M15 5l-7 7 7 7",
  why: "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 18v.2M12 2.500a9.500 9.500 0 1 0 0 19 9.500 9.500 0 0 0 0-19z",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c0-4 3.500-6.500 8-6.500s8 2.500 8 6.500",
  move: "M4 8h14l-4-4M20 16H6l4 4",
  tag: "M4 4h8l8 8-8 8-8-8zM8.500 8.500v.1",
  sleep: "M20 14A8.500 8.500 0 1 1 10 4a7 7 0 0 0 10 10z",
  try: "M9 3h6M10 3v6L4.500 19a1.500 1.500 0 0 0 1.300 2h12.400a1.500 1.500 0 0 0 1.300-2L14 9V3M7.500 15h9",
  keys: "M3 6h18v12H3zM7 10h.1M11 10h.1M15 10h.1M8 14h8",
  out: "M14 4h6v16h-6M4 12h11M11 8l4 4-4 4",
  inbox: "M4 4h16v16H4zM4 14h5l1.500 2.500h3L15 14h5",
};

export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name] ?? PATHS.message} /></svg>`;

const KINDS = { webchat: "chat", webhook: "webhook", email: "email", callback: "callback", sms: "message" };

export const channelIcon = (kind) => KINDS[kind] ?? (kind in PATHS ? kind : "message");
