// A customer's text as text; only http and https addresses become links.

import { html } from "../vendor/vendor.js";

// An address ends at white space, quotes and brackets, and at Chinese punctuation.
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\u3000-\u303f\uff01-\uff1f]+/gi;

function parts(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(/[.,;:!?)\]]+$/, "");
    found.push(text.slice(end, match.index));
    found.push(html`<a href=${address} target="_blank" rel="noopener noreferrer nofollow">${address}</a>`);
    end = match.index + address.length;
  }
  found.push(text.slice(end));
  return found;
}

export const Written = ({ text }) => html`${parts(text)}`;
