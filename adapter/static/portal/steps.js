// Preview a step while it is typed, and insert attributes at the cursor.

import { ask, debounced } from "./fetching.js";
import { askBeforeLeaving } from "./leaving.js";
import { lookWhileTyped, showProblems, typed } from "./steps_form.js";

const form = document.getElementById("step-form");
const preview = form.querySelector("[data-preview]");
const remarks = form.querySelector("[data-remarks]");
let target = form.querySelector("#body") ?? form.querySelector("[data-template]");

const look = debounced(async (signal) => {
  const answer = await ask(`${form.getAttribute("action")}/preview`, { fields: typed(form) }, { signal });
  showProblems(form, answer.problems);
  preview.textContent = answer.request ?? answer.fault ?? "";
  remarks.replaceChildren(
    ...[...answer.repairs, ...answer.hints].map(({ detail }) => {
      const line = document.createElement("li");
      line.textContent = detail;
      return line;
    }),
  );
});

lookWhileTyped(form, look);
askBeforeLeaving(form);
form.addEventListener("focusin", (event) => {
  if (event.target.matches("[data-template]")) target = event.target;
});

/** Put `text` where the cursor is, so that undo takes it back. */
function insert(text) {
  target.focus();
  if (!document.execCommand("insertText", false, text)) {
    target.setRangeText(text, target.selectionStart, target.selectionEnd, "end");
  }
  look();
}

for (const code of form.querySelectorAll("[data-insert]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button--quiet";
  button.textContent = code.dataset.insert;
  button.addEventListener("click", () => insert(code.dataset.insert));
  code.replaceWith(button);
}
for (const hint of form.querySelectorAll("[data-with-script]")) hint.hidden = false;
for (const hint of form.querySelectorAll("[data-without-script]")) hint.hidden = true;
