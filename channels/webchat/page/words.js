// Words and times in the visitor's language, links made safe, and storage that may be forbidden.

// Another language is an entry here and its words in i18n/TAG.json.
export const LANGUAGES = { zh: "中文", en: "English", fr: "Français", de: "Deutsch", es: "Español" };

/** Local storage where the browser allows it, else this page's memory (private windows, sandboxed frames). */
export function openStore(prefix) {
  const memory = new Map();
  const place = (() => {
    try {
      localStorage.setItem(prefix, "1");
      localStorage.removeItem(prefix);
      return localStorage;
    } catch {
      return null;
    }
  })();
  const read = (key) => (place ? place.getItem(prefix + key) : (memory.get(key) ?? null));
  return {
    get(key) {
      try {
        return JSON.parse(read(key));
      } catch {
        return null;
      }
    },
    set(key, value) {
      memory.set(key, JSON.stringify(value));
      try {
        place?.setItem(prefix + key, JSON.stringify(value));
      } catch {
        // full: the memory of this page has it
      }
    },
    drop(key) {
      memory.delete(key);
      place?.removeItem(prefix + key);
    },
  };
}

/** An explicit choice, then the browser's languages, then the site's. */
export function chooseLanguage(chosen, fallback) {
  const wanted = [chosen, ...(navigator.languages ?? [navigator.language]), fallback];
  const known = wanted.map((tag) => String(tag ?? "").toLowerCase().split("-")[0]).find((tag) => tag in LANGUAGES);
  return known ?? "en";
}

/** The catalogue of one language as a function of key and values. */
export async function loadWords(assets, language) {
  const catalogue = await (await fetch(`${assets}i18n/${language}.json`)).json();
  const say = (key, values = {}) => (catalogue[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
  say.language = language;
  return say;
}

const dayOf = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
const daysUntil = (at) => Math.round((dayOf(at) - dayOf(new Date())) / 86_400_000);
const locale = (say) => navigator.languages.find((tag) => tag.split("-")[0] === say.language) ?? say.language;

export const timeOf = (say, at) => new Intl.DateTimeFormat(locale(say), { hour: "2-digit", minute: "2-digit" }).format(at);

export const whole = (say, at) => new Intl.DateTimeFormat(locale(say), { dateStyle: "full", timeStyle: "short" }).format(at);

/** The heading of a day in the log. */
export function dayWords(say, at) {
  const days = daysUntil(at);
  if (days === 0) return say("today");
  if (days === -1) return say("yesterday");
  return new Intl.DateTimeFormat(locale(say), { weekday: "long", day: "numeric", month: "long" }).format(at);
}

/** When we are there again, on the visitor's own clock. */
export function openingWords(say, at) {
  const days = daysUntil(at);
  const time = timeOf(say, at);
  if (days === 0) return say("today_at", { time });
  if (days === 1) return say("tomorrow", { time });
  const day = new Intl.DateTimeFormat(locale(say), { weekday: "long", ...(days > 6 && { day: "numeric", month: "long" }) });
  return say("day_at", { day: day.format(at), time });
}

// An address ends at white space, quotes and brackets, and at Chinese punctuation.
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\u3000-\u303f\uff01-\uff1f]+/gi;

/** Text as text; only http and https addresses become links. */
export function written(text) {
  const paper = document.createDocumentFragment();
  let end = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const address = found[0].replace(/[.,;:!?)\]]+$/, "");
    paper.append(text.slice(end, found.index), link(address));
    end = found.index + address.length;
  }
  paper.append(text.slice(end));
  return paper;
}

function link(address) {
  const node = document.createElement("a");
  node.href = address;
  node.textContent = address;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  return node;
}

export const newId = () => crypto.randomUUID?.() ?? handmadeId();

function handmadeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
