// @ts-check
// Move the token from the address into the form, so that it stays in no history.

const token = window.location.hash.slice(1);
const field = /** @type {HTMLInputElement | null} */ (document.getElementById("token"));
if (token && field) {
  field.value = token;
  window.history.replaceState(null, "", window.location.pathname);
}
