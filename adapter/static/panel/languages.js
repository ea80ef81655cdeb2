// @ts-check
// Speak another language: the page comes anew, because the server writes most of its words.

/** @param {(address: string) => void} reload loads the panel at this address, signed in */
export function wireLanguages(reload) {
  for (const link of document.querySelectorAll("a[data-language]")) {
    const { href } = /** @type {HTMLAnchorElement} */ (link);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const address = new URL(window.location.href);
      address.searchParams.set("lang", new URL(href).searchParams.get("lang") ?? "");
      reload(address.href);
    });
  }
}
