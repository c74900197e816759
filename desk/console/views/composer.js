// Where an agent writes: reply or private note, the channel always visible, the draft kept.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/vendor.js";
import { send } from "../actions.js";
import { api } from "../api.js";
import { draftOf, keepDraft } from "../drafts.js";
import { tell } from "../feed.js";
import { toThread } from "../focus.js";
import { say, term } from "../i18n.js";
import * as store from "../store.js";
import { Icon, channelIcon } from "./icons.js";
import { kindOfChannel, who } from "./list.js";
import { Reach, useReach } from "./reach.js";

const TYPING_EVERY = 3_000;

const Modes = ({ note, mute, choose }) => html`<div class="modes" role="group" aria-label=${say("mode")}>
  <button type="button" id="mode-reply" disabled=${mute} aria-pressed=${!note} onClick=${() => choose(false)}>${say("reply")}</button>
  <button type="button" id="mode-note" aria-pressed=${note} onClick=${() => choose(true)}><${Icon} name="note" />${say("note")}</button>
</div>`;

const accountWords = (name, it) => {
  const kind = kindOfChannel(name, it);
  const words = term("kind", kind);
  return words === name ? name : `${name} (${words})`;
};

function Out({ it, note, mute, channel, choose }) {
  if (mute) return html`<p class="goes" id="goes"><${Icon} name="note" />${say("mute")}</p>`;
  if (note) return html`<p class="goes" id="goes"><${Icon} name="note" />${say("note.only")}</p>`;
  const channels = store.writable(it);
  const kind = kindOfChannel(channel, it);
  return html`<p class="goes" id="goes"><${Icon} name=${channelIcon(kind)} />
    ${channels.length < 2
      ? html`<span>${say("goes", { channel: accountWords(channel, it), name: who(it) })}</span>`
      : html`<label>${say("goes.by")} <select value=${channel} onChange=${(event) => choose(event.target.value)}>
          ${channels.map((name) => html`<option value=${name} selected=${name === channel}>${accountWords(name, it)}</option>`)}
        </select></label>`}
  </p>`;
}

const Files = ({ files, drop }) =>
  files.length > 0 &&
  html`<ul class="files">${files.map((file) => html`<li class="chip">${file.name}<button type="button" aria-label=${say("remove", { name: file.name })} onClick=${() => drop(file)}>×</button></li>`)}</ul>`;

function useDraft(it) {
  const [draft, set] = useState(() => draftOf(it.id));
  const again = store.threadOf(it.id).draft;
  useEffect(() => set(draftOf(it.id)), [again]);
  const change = (part) =>
    set((before) => {
      const after = { ...before, ...part };
      keepDraft(it.id, after);
      return after;
    });
  return [draft, change];
}

function useFiles() {
  const [files, set] = useState([]);
  const [busy, setBusy] = useState(0);
  const attach = async (list) => {
    for (const file of list) {
      setBusy((count) => count + 1);
      try {
        const kept = await api.upload(file);
        set((before) => [...before, kept]);
      } catch (fault) {
        tell(fault);
      }
      setBusy((count) => count - 1);
    }
  };
  return { files, busy, attach, drop: (file) => set((before) => before.filter((other) => other !== file)), clear: () => set([]) };
}

let lastTyping = 0;

function tellTyping(it, note) {
  if (note || !store.mine(it) || performance.now() - lastTyping < TYPING_EVERY) return;
  lastTyping = performance.now();
  api.typing(it.id).catch(() => {});
}

// Enter sends, Shift+Enter breaks the line; Ctrl or Cmd with Enter sends too. An Enter that ends a composition does neither.
function sends(event) {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

export function Composer({ it }) {
  const [kept, change] = useDraft(it);
  const channels = store.writable(it);
  const mute = !channels.length; // nobody can be written to over a telephone
  const draft = mute ? { ...kept, note: true } : kept;
  const [over, setOver] = useState(false);
  const box = useRef(null);
  const { files, busy, attach, drop, clear } = useFiles();
  const channel = [draft.channel, it.channel].find((name) => channels.includes(name)) ?? channels.at(-1) ?? null;
  const reach = useReach(it);
  const shut = reach?.channel === channel && ["templates", "nobody"].includes(reach.open);
  const blocked = (it.state === "closed" || shut) && !draft.note;
  const empty = !draft.text.trim() && !files.length;
  useLayoutEffect(() => void (blocked && document.activeElement === box.current && toThread()), [blocked]);
  const submit = (event) => {
    event?.preventDefault();
    if (empty || busy || blocked) return;
    send(it.id, { text: draft.text.trim(), note: draft.note, channel, attachments: files });
    change({ text: "" });
    clear();
    box.current?.focus();
  };
  const dropped = (event) => {
    const list = [...((event.clipboardData ?? event.dataTransfer)?.files ?? [])];
    setOver(false);
    if (!list.length) return;
    event.preventDefault();
    attach(list);
  };
  const enter = (event) => {
    if (!sends(event)) return;
    event.preventDefault();
    if (!event.repeat) submit(); // held down on a row it opens, and sends no draft
  };
  const write = (event) => {
    change({ text: event.target.value });
    tellTyping(it, draft.note);
  };
  const fill = (template, parameters) =>
    send(it.id, { text: [template, ...parameters].join(" | "), note: false, channel, attachments: [], template, parameters });
  return html`<form class=${`composer${draft.note ? " note" : ""}${over ? " over" : ""}`} onSubmit=${submit} onDrop=${dropped}
    onDragOver=${(event) => (event.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)}>
    <div class="head"><${Modes} note=${draft.note} mute=${mute} choose=${(note) => change({ note })} /><${Out} it=${it} note=${draft.note} mute=${mute} channel=${channel} choose=${(channel) => change({ channel })} /></div>
    ${!draft.note && reach?.channel === channel && html`<${Reach} it=${it} reach=${reach} fill=${fill} choose=${(other) => change({ channel: other })} />`}
    <${Files} files=${files} drop=${drop} />
    <textarea id="compose" ref=${box} dir="auto" rows="3" aria-label=${say(draft.note ? "write.note" : "write.reply")} aria-describedby="goes"
      placeholder=${say(shut && blocked ? "reach.shut" : blocked ? "write.closed" : draft.note ? "write.note" : "write.reply")} value=${draft.text} disabled=${blocked}
      onInput=${write} onKeyDown=${enter} onPaste=${dropped}></textarea>
    <div class="tail">
      <label class="icon-button" title=${say("attach")}><span class="hidden">${say("attach")}</span><${Icon} name="clip" />
        <input class="hidden" type="file" multiple disabled=${blocked} onChange=${(event) => attach([...event.target.files]).then(() => (event.target.value = ""))} /></label>
      <span class="quiet">${busy ? say("uploading") : say("keys.send")}</span>
      <button class="main" disabled=${empty || busy > 0 || blocked}><${Icon} name=${draft.note ? "note" : "send"} />${say(draft.note ? "add.note" : "send")}</button>
    </div>
  </form>`;
}
