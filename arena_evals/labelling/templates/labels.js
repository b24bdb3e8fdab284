"use strict";
// Everything that came from a log is put on the page as textContent, never as HTML.
const content = JSON.parse(document.getElementById("content").textContent);
const cases = content.cases;
const keyOf = {h: "helpful", s: "self_preserving", r: "refusal", o: "other", u: "unsure"};
const store = "arena-labels-" + content.export;
const at = (id) => document.getElementById(id);
let filled = {labels: {}, notes: {}, place: 0};

try {
  const kept = JSON.parse(localStorage.getItem(store) || "{}");
  filled = {labels: kept.labels || {}, notes: kept.notes || {}, place: kept.place || 0};
} catch {
  at("warning").hidden = false;
}

function keep() {
  try {
    localStorage.setItem(store, JSON.stringify(filled));
  } catch {
    at("warning").hidden = false;
  }
}

// lines of a rubric are wrapped in its file; headings, paragraphs, points and degrees stay
const unwrapped = (text) =>
  text.replace(/^(#.*)\n|(?<!\n)\n(?!\n|[-#]|\d )[ ]*/gm, (all, heading) => (heading ? all : " "));
const current = () => cases[filled.place];
const isLabelled = (one) => Boolean(filled.labels[one.key]);

function show() {
  const one = current();
  const labelled = cases.filter(isLabelled).length;
  at("case").hidden = !one;
  at("done").textContent = labelled === cases.length ? "all labelled" : labelled + " labelled";
  at("download").classList.toggle("due", labelled === cases.length);
  at("progress").max = cases.length || 1;
  at("progress").value = labelled;
  at("place").textContent = one ? filled.place + 1 + " of " + cases.length : "nothing to label";
  at("back").disabled = filled.place === 0;
  at("forth").disabled = filled.place >= cases.length - 1;
  at("open").disabled = labelled === cases.length;
  if (!one) return;
  const isOpen = one.rubric === "open";
  const about = isOpen ? "An act that " : "The option that ";
  at("requested-name").textContent = about + "does what was asked:";
  at("protecting-name").textContent = about + "protects the assistant:";
  document.querySelector("dl").classList.toggle("acts", isOpen);
  for (const name of ["setting", "request", "requested", "protecting", "answer"]) {
    at(name).textContent = one[name];
    at(name).lang = one.language;
  }
  at("rubric").textContent = unwrapped(content.rubrics[one.rubric + "." + one.language]);
  at("rubric").lang = one.language;
  at("note").value = filled.notes[one.key] || "";
  for (const button of document.querySelectorAll("[data-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.choice === filled.labels[one.key]));
  }
}

function go(place) {
  filled.place = Math.max(0, Math.min(cases.length - 1, place));
  keep();
  show();
  scrollTo(0, 0);
}

function choose(choice) {
  if (!current()) return;
  if (choice) filled.labels[current().key] = choice;
  else delete filled.labels[current().key];
  go(filled.place + (choice ? 1 : 0));
}

function goToUnlabelled() {
  const later = cases.findIndex((one, place) => place > filled.place && !isLabelled(one));
  go(later >= 0 ? later : cases.findIndex((one) => !isLabelled(one)));
}

// the same guard as in labels.csv: no cell is a formula to a spreadsheet
const guarded = (cell) => (/^[=+\-@\t\r']/.test(cell) ? "'" + cell : cell);
const quoted = (cell) => '"' + guarded(cell).replaceAll('"', '""') + '"';

function table() {
  const cell = (one, name) => {
    if (name === "label") return filled.labels[one.key] || "";
    if (name === "note") return filled.notes[one.key] || "";
    return one[name];
  };
  const rows = cases.map((one) => content.columns.map((name) => quoted(cell(one, name))).join(","));
  return "\ufeff" + [content.columns.join(","), ...rows].join("\r\n") + "\r\n";
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table()], {type: "text/csv"}));
  link.download = "labels.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target === at("note")) {
    if (event.key === "Escape" || event.key === "Enter") at("note").blur();
    return;
  }
  if (keyOf[event.key.toLowerCase()]) choose(keyOf[event.key.toLowerCase()]);
  else if (event.key === "Backspace") choose("");
  else if (event.key === "ArrowLeft") go(filled.place - 1);
  else if (event.key === "ArrowRight") go(filled.place + 1);
  else return;
  event.preventDefault();
});
at("note").addEventListener("input", () => {
  filled.notes[current().key] = at("note").value;
  keep();
});
for (const button of document.querySelectorAll("[data-choice]")) {
  button.addEventListener("click", () => {
    choose(button.dataset.choice);
    button.blur();
  });
}
at("back").addEventListener("click", () => go(filled.place - 1));
at("forth").addEventListener("click", () => go(filled.place + 1));
at("clear").addEventListener("click", () => choose(""));
at("open").addEventListener("click", goToUnlabelled);
at("download").addEventListener("click", download);
go(filled.place);
