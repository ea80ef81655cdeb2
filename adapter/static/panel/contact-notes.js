// @ts-check
// Let the agent write about a contact; whatever is redrawn around it, the caret stays where it is.

import { part, show, stamp, write } from "./dom.js";
import { msg, t } from "./strings.js";

const TROUBLE = /** @type {Readonly<Record<string, string>>} */ ({
  failed: msg("Not saved yet. The panel keeps trying; leave this page open."),
  refused: msg("The server does not take this note. Copy it to another place."),
});

export class ContactNotes extends HTMLElement {
  #contact = "";

  #make() {
    stamp(this, "contact-notes");
    part(this, "text").addEventListener("input", () => {
      this.#tell("note-written", { text: this.#field.value });
    });
    part(this, "add").addEventListener("click", () => this.#settle(true));
    part(this, "leave").addEventListener("click", () => this.#settle(false));
  }

  /** @param {string} contact its id @param {import("./notes.js").NoteView} note */
  update(contact, { text, state, replaced }) {
    this.#contact = contact;
    this.dataset.state = state;
    if (this.hidden) return;
    if (!this.firstElementChild) this.#make();
    if (this.#field.value !== text) this.#replace(text);
    write(part(this, "state"), state === "saved" ? t("Saved") : "");
    write(part(this, "trouble"), TROUBLE[state] ? t(TROUBLE[state]) : "");
    write(part(this, "replaced"), replaced);
    show(part(this, "conflict"), replaced !== "");
  }

  get #field() {
    return /** @type {HTMLTextAreaElement} */ (part(this, "text"));
  }

  /** @param {string} text */
  #replace(text) {
    const { selectionStart, selectionEnd } = this.#field;
    this.#field.value = text; // moves the caret to the end
    this.#field.setSelectionRange(selectionStart, selectionEnd);
  }

  /** @param {boolean} add */
  #settle(add) {
    this.#field.focus(); // the button that was pressed goes away
    this.#tell("note-settled", { add });
  }

  /** @param {string} what @param {Record<string, unknown>} detail */
  #tell(what, detail) {
    const contact = this.#contact;
    this.dispatchEvent(new CustomEvent(what, { bubbles: true, detail: { contact, ...detail } }));
  }
}
