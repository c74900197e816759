// Without this script the page works too: here the browser's own zone is taken, and times follow the zone, matter and language.
const form = document.querySelector("form[data-callback]");
const zone = form.elements.tz;
const slot = () => form.elements.slot;
let shown = form.dataset.callback; // the zone whose clock the times of the page are told by

function choose(name) {
  if (name && [...zone.options].some((one) => one.value === name)) zone.value = name;
}

function option(item, language) {
  const made = document.createElement("option");
  const local = new Date(`${item.local}:00Z`);
  made.value = item.start;
  made.textContent = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short", timeZone: "UTC" }).format(local);
  return made;
}

async function refresh() {
  const query = new URLSearchParams({ language: form.elements.language.value });
  for (const name of ["tz", "number", "country", "issue", "t"]) {
    if (form.elements[name]?.value) query.set(name, form.elements[name].value);
  }
  const answer = await fetch(`${location.pathname.replace(/\/$/, "")}/slots?${query}`);
  if (!answer.ok || !slot()) return;
  const { items, timezone } = await answer.json();
  const chosen = slot().value;
  slot().replaceChildren(...items.map((item) => option(item, document.documentElement.lang)));
  slot().value = items.some((item) => item.start === chosen) ? chosen : items[0]?.start ?? "";
  const label = form.querySelector("label[for=slot]");
  label.textContent = label.textContent.replace(shown, timezone);
  shown = timezone;
}

if (!form.querySelector(".fault")) choose(Intl.DateTimeFormat().resolvedOptions().timeZone);
form.querySelector("button[name=show]").hidden = true;
for (const name of ["tz", "number", "language", "issue"]) form.elements[name]?.addEventListener("change", refresh);
slot()?.addEventListener("change", () => { form.elements.when.value = "slot"; });
refresh();
