// @ts-check
// Show how to sign in, what is waited for, and what to do where it fails.

import { part, show, stamp, write } from "./dom.js";

export class SignInCard extends HTMLElement {
  connectedCallback() {
    if (!stamp(this, "sign-in-card")) return; // it was moved
    for (const name of ["first", "second"]) {
      part(this, name).addEventListener("click", () => {
        const detail = part(this, name).dataset.action;
        this.dispatchEvent(new CustomEvent("sign-in-action", { bubbles: true, detail }));
      });
    }
  }

  /** @param {import("./sign_in_words.js").SignInCardView | null} view null: nothing to say */
  update(view) {
    show(this, view !== null);
    if (view === null) return;
    this.dataset.state = view.state;
    write(part(this, "title"), view.title);
    write(part(this, "detail"), view.detail);
    write(part(this, "code"), view.code);
    write(part(this, "typed"), view.typed);
    const link = /** @type {HTMLAnchorElement} */ (part(this, "link"));
    show(link, view.link !== null);
    if (view.link !== null && link.getAttribute("href") !== view.link.href) link.href = view.link.href;
    write(part(this, "link-label"), view.link?.label ?? "");
    const [first, second] = view.actions;
    // What leads on stands out: the link where there is one, and nothing while it is waited.
    const leads = view.link === null && view.state !== "waiting";
    part(this, "first").classList.toggle("button--primary", leads);
    link.classList.toggle("button--primary", view.link !== null);
    this.#button("first", first);
    this.#button("second", second);
  }

  /** @param {string} name @param {{id: string, label: string} | undefined} action */
  #button(name, action) {
    const button = part(this, name);
    show(button, action !== undefined);
    button.dataset.action = action?.id ?? "";
    write(button, action?.label ?? "");
  }
}
