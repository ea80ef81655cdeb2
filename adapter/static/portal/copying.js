// Copy a text by a click, and say so to eye and ear.

const SHOWN = 2000; // milliseconds that the button says what it did

/** Show the copy buttons below `root` (without a script they could do nothing) and let them work. */
export function copyByClick(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

async function copy(button) {
  const source = button.parentElement.querySelector("code, input, textarea");
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    getSelection().selectAllChildren(source); // no permission: the keyboard can still copy it
    return;
  }
  if (button.dataset.label) return;
  button.dataset.label = button.textContent;
  button.textContent = document.body.dataset.copied;
  button.setAttribute("aria-live", "polite");
  setTimeout(() => {
    button.textContent = button.dataset.label;
    delete button.dataset.label;
  }, SHOWN);
}
