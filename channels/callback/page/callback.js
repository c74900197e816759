// Without this script the page works too: here the browser's own zone is taken, and times follow zone, number, matter and language.
const form = document.querySelector("form[data-callback]");
const zone = form.elements.tz;
const find = (name, there = form) => there.querySelector(name);
let turns = 0;

function choose(name) {
  if (name && [...zone.options].some((one) => one.value === name)) zone.value = name;
}

/** The page as the button "show" would bring it: what it says of times takes the place of what is said here. */
async function refresh() {
  const turn = ++turns;
  const told = new URLSearchParams(new FormData(form));
  told.set("show", "1");
  const answer = await fetch(form.action, { method: "POST", body: told });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (turn !== turns) return; // it was changed again meanwhile
  const chosen = find("#slot")?.value;
  const times = find("#slot") && find("#slot", page) ? "#slot" : "#times"; // the list itself stays, and with it the focus
  for (const name of ["#asap-hint", "#slot-label", times]) find(name).replaceChildren(...find(name, page).childNodes);
  const same = [...(find("#slot")?.options ?? [])].find((one) => one.value === chosen);
  if (same) same.selected = true;
}

if (!find(".faults", document)) choose(Intl.DateTimeFormat().resolvedOptions().timeZone);
find("button[name=show]").hidden = true;
form.addEventListener("change", ({ target }) => {
  if (target.name === "slot") form.elements.when.value = "slot";
  if (["tz", "number", "language", "issue"].includes(target.name)) refresh();
});
refresh();
