// Explain an account's addresses while they are pasted, and name what is wrong at its field.

import { ask, debounced } from "./fetching.js";
import { askBeforeLeaving } from "./leaving.js";
import { lookWhileTyped, showProblems, typed } from "./steps_form.js";

const form = document.getElementById("account-form");

const look = debounced(async (signal) => {
  const answer = await ask("/admin/dynamics/look", { fields: typed(form) }, { signal });
  showProblems(form, answer.problems);
  const meaning = form.querySelector("[data-meaning]");
  meaning.hidden = answer.meaning === null;
  if (answer.meaning === null) return;
  for (const place of meaning.querySelectorAll("[data-of]")) {
    place.textContent = answer.meaning[place.dataset.of];
  }
});

if (form) {
  lookWhileTyped(form, look);
  askBeforeLeaving(form);
}
