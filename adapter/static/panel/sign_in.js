// @ts-check
// Wire the sign-in form of the demo.

/**
 * @param {(agent: string) => Promise<void>} signIn rejects with the server's words
 */
export function wireSignIn(signIn) {
  const form = /** @type {HTMLFormElement | null} */ (document.getElementById("sign-in-form"));
  const button = /** @type {HTMLButtonElement | null} */ (document.getElementById("sign-in"));
  const error = document.getElementById("sign-in-error");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const agent = String(new FormData(form).get("agent") ?? "").trim();
    if (!agent || !button || !error) return;
    button.disabled = true;
    error.hidden = true;
    try {
      await signIn(agent);
    } catch (reason) {
      error.textContent = reason instanceof Error ? reason.message : String(reason);
      error.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
}
