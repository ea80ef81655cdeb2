// Read what stands in a form, for the server to look at while it is being typed.

/** Give every field of `form` with all its values; secrets stay where they are. */
export function typed(form) {
  const fields = {};
  for (const element of form.elements) {
    if (!element.name || element.disabled || element.type === "password") continue;
    if (["checkbox", "radio"].includes(element.type) && !element.checked) continue;
    if (element.type === "submit" || element.name.startsWith("certificate_")) continue;
    (fields[element.name] ??= []).push(element.value);
  }
  return fields;
}

/**
 * Call `look` at every input, and now if something was typed before this script had loaded: on a slow
 * line a paste would wait for the next key otherwise.
 */
export function lookWhileTyped(form, look) {
  form.addEventListener("input", look);
  if ([...form.elements].some(isChanged)) look();
}

/** Whether a field holds something else than the page came with. */
function isChanged(element) {
  if (["checkbox", "radio"].includes(element.type)) return element.checked !== element.defaultChecked;
  if (element.options) return !isAsSent([...element.options]);
  return element.defaultValue !== undefined && element.value !== element.defaultValue;
}

/** Whether of a list's options those are chosen that the page names, or the first where it names none. */
function isAsSent(options) {
  const named = options.filter((option) => option.defaultSelected);
  const sent = named.length > 0 ? named : options.slice(0, 1);
  return options.every((option) => option.selected === sent.includes(option));
}

/** Show `problems` ([{at, detail}]) at their fields in place of those shown before. */
export function showProblems(form, problems) {
  for (const shown of form.querySelectorAll("[data-live-problem]")) {
    shown.parentElement.classList.remove("field--wrong");
    shown.remove();
  }
  for (const { at, detail } of problems) {
    const field = form.querySelector(`#${CSS.escape(at)}`)?.closest(".field");
    // What the server has said of this field when the page was sent stays.
    if (!field || field.querySelector(".wrong:not([data-live-problem])")) continue;
    const text = document.createElement("p");
    text.className = "wrong";
    text.dataset.liveProblem = "";
    text.textContent = detail;
    field.classList.add("field--wrong");
    field.append(text);
  }
}
