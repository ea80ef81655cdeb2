// @ts-check
// Show one thing that is wrong or new: the cause, what to tell whom, and what to press.

import { part, stamp, write } from "./dom.js";

export class NoticeCard extends HTMLElement {
  #action = "";

  connectedCallback() {
    if (!stamp(this, "notice-card")) return; // it was moved
    part(this, "action").addEventListener("click", () => {
      const detail = this.#action;
      this.dispatchEvent(new CustomEvent("notice-action", { bubbles: true, detail }));
    });
  }

  /** @param {import("./notices.js").Notice} notice */
  update({ kind, title, detail, code, action }) {
    this.dataset.kind = kind;
    const role = kind === "error" ? "alert" : "status";
    if (this.getAttribute("role") !== role) this.setAttribute("role", role);
    write(part(this, "title"), title);
    write(part(this, "detail"), detail);
    write(part(this, "code"), code ?? "");
    this.#action = action?.id ?? "";
    write(part(this, "action"), action?.label ?? "");
  }
}
