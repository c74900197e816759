// Puts a chat button on any page: <script src="https://support.example/chat/site/widget.js" async data-language="en"></script>
(() => {
  const script = document.currentScript;
  const place = new URL(script.src);
  const origin = place.origin;
  const page = new URL(place.pathname.replace(/\/(assets\/)?widget\.js$/, ""), origin);
  const { language, label = "Chat", side = "right", color = "#0f6b62" } = script.dataset;
  if (language) page.searchParams.set("language", language);
  page.searchParams.set("origin", location.origin);

  const host = document.createElement("huntgroup-chat");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  const edge = side === "left" ? "left" : "right";
  sheet.replaceSync(`
    :host{position:fixed;z-index:2147483000;bottom:20px;${edge}:20px;color-scheme:light dark}
    button{all:unset;box-sizing:border-box;width:56px;height:56px;border-radius:50%;background:${color};color:#fff;cursor:pointer;
      display:grid;place-items:center;box-shadow:0 4px 16px #0004;margin-${edge === "right" ? "left" : "right"}:auto}
    button:focus-visible{outline:3px solid ${color};outline-offset:3px}
    svg{width:26px;height:26px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
    span{position:absolute;top:-4px;${edge}:-4px;min-width:20px;line-height:20px;border-radius:10px;background:#b3261e;color:#fff;
      font:600 12px/20px system-ui,sans-serif;text-align:center;box-sizing:border-box;padding:0 5px}
    span[hidden],iframe[hidden]{display:none}
    iframe{position:absolute;bottom:72px;${edge}:0;width:min(390px,calc(100vw - 40px));height:min(620px,calc(100vh - 120px));height:min(620px,calc(100dvh - 120px));border:0;
      border-radius:16px;box-shadow:0 8px 40px #0005;background:Canvas}
    @media (max-width:480px){iframe:not([hidden]){position:fixed;inset:0;width:100%;height:100%;border-radius:0}}`);
  root.adoptedStyleSheets = [sheet];
  root.innerHTML =
    '<button type="button" aria-expanded="false"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 5h16v11h-8l-5 4v-4H4z"/></svg></button><span hidden></span>';
  const button = root.querySelector("button");
  const badge = root.querySelector("span");
  let frame;
  let ready = false;

  const shown = () => Boolean(frame) && !frame.hidden;
  const tell = () => ready && frame.contentWindow?.postMessage({ huntgroup: "shown", shown: shown() }, origin);
  const name = (count) => button.setAttribute("aria-label", count ? `${label} (${count})` : label);

  function build() {
    frame = document.createElement("iframe");
    frame.title = label;
    frame.src = page.href;
    frame.hidden = true;
    frame.allow = "clipboard-write";
    root.append(frame);
  }

  function show(open) {
    if (open && !frame) build();
    if (!frame || shown() === open) return;
    frame.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    tell();
    if (open) frame.focus();
    else button.focus();
  }

  function count(number) {
    badge.hidden = !number;
    badge.textContent = number > 99 ? "99+" : String(number);
    name(number);
  }

  addEventListener("message", (event) => {
    if (!frame || event.origin !== origin || event.source !== frame.contentWindow) return;
    const { huntgroup: what } = event.data ?? {};
    if (what === "close") show(false);
    if (what === "ready") {
      ready = true;
      tell();
    }
    if (what === "unread") count(Number(event.data.count) || 0);
  });
  button.addEventListener("click", () => show(!shown()));
  window.huntgroup = { open: () => show(true), close: () => show(false), toggle: () => show(!shown()) };
  name(0);
  const settle = () => document.body.append(host);
  if (document.body) settle();
  else addEventListener("DOMContentLoaded", settle);
})();
