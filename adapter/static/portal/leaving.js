// Ask before a page is left with something typed that was not saved.

/** @param {HTMLFormElement} form whose typing would be lost */
export function askBeforeLeaving(form) {
  let typed = false;
  form.addEventListener("input", () => (typed = true));
  form.addEventListener("submit", () => (typed = false));
  window.addEventListener("beforeunload", (event) => {
    if (typed) event.preventDefault();
  });
}
