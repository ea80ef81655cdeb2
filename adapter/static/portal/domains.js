// Check domain rules while they are typed: marks beside the lines, findings below, the header.

import { ask, debounced } from "./fetching.js";
import { askBeforeLeaving } from "./leaving.js";

const area = document.getElementById("text");
const origin = document.getElementById("origin");
const findings = document.getElementById("findings");
const gutter = makeGutter();
const check = debounced(examine);

area.addEventListener("input", () => {
  drawGutter();
  check();
});
origin?.addEventListener("input", check);
area.addEventListener("scroll", () => (gutter.scrollTop = area.scrollTop));
findings.addEventListener("click", goToLine);
document.getElementById("errors")?.addEventListener("click", goToLine);

let marks = new Map();
askBeforeLeaving(area.form);
drawGutter();
check();

/** Put line numbers beside the text: they carry the marks, and are for the eye alone. */
function makeGutter() {
  const made = document.createElement("div");
  made.className = "gutter";
  made.setAttribute("aria-hidden", "true");
  const frame = document.createElement("div");
  frame.className = "with-gutter";
  area.replaceWith(frame);
  frame.append(made, area);
  return made;
}

function drawGutter() {
  const lines = area.value.split("\n").length;
  const rows = Array.from({ length: lines }, (_, at) => {
    const row = document.createElement("span");
    row.textContent = at + 1;
    row.dataset.mark = marks.get(at + 1) ?? "";
    return row;
  });
  gutter.replaceChildren(...rows);
  gutter.scrollTop = area.scrollTop;
}

async function examine(signal) {
  const path = document.querySelector("[data-check]").dataset.check;
  const told = await ask(path, { text: area.value, origin: origin?.value ?? "" }, { signal });
  marks = new Map(told.warnings.map((each) => [each.line, "!"]));
  for (const each of told.problems) marks.set(each.line, "✕");
  drawGutter();
  area.setAttribute("aria-invalid", String(told.problems.length > 0 || told.fault !== ""));
  showFindings(told);
  showTried(told.tried);
  document.querySelector("#header code").textContent = told.header || "–";
  document.getElementById("header-size").textContent = told.size;
}

function showFindings(told) {
  for (const old of findings.querySelectorAll(".finding")) old.remove();
  const faults = told.fault ? [[told.fault]] : [];
  const shown = {
    problems: [...told.problems.map((each) => atLine(each)), ...faults],
    warnings: told.warnings.map((each) => [...atLine(each), ...better(each.suggestion)]),
    cut_off: told.cut_off.map((each) => [code(each.origin), `: ${each.agents}`]),
  };
  for (const [kind, rows] of Object.entries(shown)) {
    if (rows.length === 0) continue;
    const section = document.getElementById(`finding-${kind}`).content.cloneNode(true);
    section.querySelector("ul").append(...rows.map(item));
    findings.append(section);
  }
}

function item(parts) {
  const row = document.createElement("li");
  row.append(...parts);
  return row;
}

function atLine({ line, text, detail }) {
  const link = document.createElement("a");
  link.href = "#text";
  link.dataset.line = line;
  link.textContent = findings.dataset.line.replace("{line}", line);
  return [link, " ", code(text), ": ", ...ticked(detail)];
}

function better(suggestion) {
  if (!suggestion) return [];
  return [document.createElement("br"), `${findings.dataset.better} `, code(suggestion)];
}

/** Write what stands between backticks as code. */
function ticked(text) {
  const pieces = text.split("`");
  if (pieces.length % 2 === 0) return [text];
  return pieces.map((piece, at) => (at % 2 ? code(piece) : piece));
}

function code(text) {
  const element = document.createElement("code");
  element.textContent = text;
  return element;
}

function showTried(decision) {
  const place = document.getElementById("tried");
  for (const old of place.querySelectorAll(".note")) old.remove();
  if (!decision) return;
  const note = document.getElementById("tried-shape").content.cloneNode(true).firstElementChild;
  note.classList.add(decision.allowed ? "note--success" : "note--error");
  note.querySelector("strong").textContent = decision.title;
  note.querySelector(".reason").append(...ticked(decision.reason));
  if (decision.add) note.querySelector("code").textContent = decision.add;
  else note.querySelector(".add").remove();
  place.append(note);
}

/** Select the line that a finding is about. */
function goToLine(event) {
  const line = Number(event.target.dataset?.line);
  if (!line) return;
  event.preventDefault();
  const lines = area.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
}
