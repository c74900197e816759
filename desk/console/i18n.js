// Words, dates and spans in the agent's language. Views read signals, so a change of language redraws them.

import { signal } from "./vendor/vendor.js";

// Another language is an entry here and its words in i18n/TAG.json.
export const LANGUAGES = { en: "English", zh: "中文", fr: "Français", de: "Deutsch", es: "Español" };
const KEY = "huntgroup.language";

export const language = signal("en");
const words = signal({});

// The browser's own variant of the language, so that 14:30 and 2:30 PM are each where they belong.
const locale = () => navigator.languages.find((tag) => tag.split("-")[0] === language.value) ?? language.value;

/** The words for a key; `{name}` is filled from `values`. A key that is missing shows itself. */
export function say(key, values = {}) {
  const text = words.value[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

export const knows = (key) => key in words.value;

/** The words for a code of the API (`state.waiting`), or the code itself where there are none. */
export const term = (group, code) => (knows(`${group}.${code}`) ? say(`${group}.${code}`) : String(code ?? ""));

export async function speak(tag) {
  const answer = await fetch(new URL(`./i18n/${tag}.json`, import.meta.url));
  words.value = await answer.json();
  language.value = tag;
  document.documentElement.lang = tag === "zh" ? "zh-CN" : tag;
}

export function choose(tag) {
  localStorage.setItem(KEY, tag);
  return speak(tag);
}

/** The language chosen before, else the first of the browser's that there is. */
export function startLanguage() {
  const wanted = [localStorage.getItem(KEY), ...navigator.languages].map((tag) => String(tag).toLowerCase().split("-")[0]);
  return wanted.find((tag) => tag in LANGUAGES) ?? "en";
}

const format = (options, at) => new Intl.DateTimeFormat(locale(), options).format(new Date(at));
export const time = (at) => format({ hour: "2-digit", minute: "2-digit" }, at);
export const whole = (at) => format({ dateStyle: "full", timeStyle: "long" }, at);
export const weekday = (at) => format({ weekday: "short", hour: "2-digit", minute: "2-digit" }, at);

/** A wall clock elsewhere, `2026-11-24T10:30`, as it reads there. */
export const wall = (local) => format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" }, `${local}Z`);

/** The day of such a clock. */
export const wallDay = (local) => format({ weekday: "long", day: "numeric", month: "long", timeZone: "UTC" }, `${local}Z`);

/** How far such a clock is from UTC at that instant: of the hour that autumn repeats it says which of the two is meant. */
export function offset(local, instant) {
  const minutes = Math.round((new Date(`${local}Z`) - new Date(instant)) / 60_000);
  const [hour, minute] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) => String(part).padStart(2, "0"));
  return `UTC${minutes < 0 ? "-" : "+"}${hour}:${minute}`;
}

const startOfDay = (at) => new Date(at).setHours(0, 0, 0, 0);

export function day(at) {
  const days = Math.round((startOfDay(at) - startOfDay(Date.now())) / 86_400_000);
  if (days > -2 && days < 2) {
    const text = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(days, "day");
    return text.charAt(0).toLocaleUpperCase(locale()) + text.slice(1);
  }
  return format({ weekday: "long", day: "numeric", month: "long" }, at);
}

/** A time of today, else a date: short enough for a list. */
export function stamp(at) {
  if (startOfDay(at) === startOfDay(Date.now())) return time(at);
  return format({ day: "numeric", month: "short" }, at);
}

/** A span in its two largest words at most: 45 s, 12 min, 3 h, 2 d. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const [size, unit] = [[86_400, "day"], [3_600, "hour"], [60, "minute"], [1, "second"]].find(([size]) => seconds >= size) ?? [1, "second"];
  const style = { style: "unit", unit, unitDisplay: "narrow", maximumFractionDigits: 0 };
  return new Intl.NumberFormat(locale(), style).format(Math.floor(seconds / size));
}

/** A language's name in the agent's own language. */
export function languageName(tag) {
  if (!tag) return say("unknown");
  try {
    return new Intl.DisplayNames(locale(), { type: "language" }).of(tag);
  } catch {
    return tag;
  }
}

/** A title that is one string or one per language. */
export const titled = (title, name) =>
  typeof title === "string" ? title : (title?.[language.value] ?? title?.["*"] ?? title?.en ?? Object.values(title ?? {})[0] ?? name);
