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
