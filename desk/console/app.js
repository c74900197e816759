// The console: draws the page of the current phase and ties keys, title and clock to it.

import { effect, html, render, useEffect, useLayoutEffect, useState } from "./vendor/vendor.js";
import { pressed } from "./actions.js";
import { begin, markRead } from "./feed.js";
import { toList, watchFocus } from "./focus.js";
import { language, say, speak, startLanguage } from "./i18n.js";
import * as store from "./store.js";
import { Aside } from "./views/customer.js";
import { Dialogs } from "./views/dialogs.js";
import { List } from "./views/list.js";
import { Down, Login, enterByAddress } from "./views/login.js";
import { Thread } from "./views/thread.js";
import { Toasts } from "./views/toasts.js";
import { Top } from "./views/top.js";

function Desk() {
  useLayoutEffect(() => void (document.activeElement === document.body && toList()), []); // the keys work from the start
  return html`<${Top} />
    <div class=${`panes${store.selected.value ? " reading" : ""}`} data-aside=${store.aside.value}><${List} /><${Thread} /><${Aside} /></div>`;
}

function Page() {
  const [fault, setFault] = useState(null);
  useEffect(() => {
    enterByAddress((problem) => {
      setFault(problem);
      store.phase.value = "login";
    }).then((tried) => tried || begin());
  }, []);
  const phase = store.phase.value;
  if (phase === "desk") return html`<${Desk} /><${Dialogs} /><${Toasts} />`;
  if (phase === "down") return html`<${Down} />`;
  return phase === "login" ? html`<${Login} fault=${fault} />` : html`<main class="login" aria-busy="true"></main>`;
}

function tellTab() {
  const count = store.phase.value === "desk" ? store.unreadTotal.value : 0;
  document.title = `${count ? `(${count}) ` : ""}${say("title")}`;
  const icon = document.getElementById("icon");
  const wanted = count ? "favicon-unread.svg" : "favicon.svg";
  if (icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
}

function listen() {
  addEventListener("keydown", pressed);
  watchFocus(document.getElementById("app"));
  const looked = () => document.hidden || markRead(store.selected.value);
  document.addEventListener("visibilitychange", looked);
  setInterval(() => (store.now.value = Date.now()), 1_000);
  effect(tellTab);
}

await speak(startLanguage());
listen();
render(html`<${Page} lang=${language.value} />`, document.getElementById("app"));
