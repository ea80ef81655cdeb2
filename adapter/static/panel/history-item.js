// @ts-check
// Show one contact that is over: who, when, what became of it, its record, the notes.

import { part, pointIcon, stamp, write } from "./dom.js";
import { t } from "./strings.js";
import { timeOfDay } from "./times.js";
import { caller, icon, kindWords, leftWords, talked } from "./words.js";

export class HistoryItem extends HTMLElement {
  /** @type {import("./contacts_state.js").PopView | null} */
  pop = null;
  /** What is drawn: a day's list is long, and every message draws the page. @type {unknown[]} */
  #drawn = [];

  connectedCallback() {
    if (!stamp(this, "history-item")) return; // it was moved
    part(this, "open").addEventListener("click", (event) => this.#clicked(event));
  }

  /** Open the record once more, as a click does. */
  open() {
    this.dispatchEvent(new CustomEvent("pop-open", { bubbles: true, detail: this.pop }));
  }

  /**
   * @param {import("./contacts_state.js").Recent} recent
   * @param {import("./notes.js").NoteView} note
   */
  update({ contact, left, at, pop }, note) {
    const now = [contact, left, at, pop, note.text, note.state, note.replaced];
    if (now.every((each, index) => each === this.#drawn[index])) return;
    this.#drawn = now;
    const { title, address } = caller(contact);
    this.pop = pop;
    pointIcon(part(this, "icon"), icon(contact));
    write(part(this, "title"), title);
    write(part(this, "at"), at ? timeOfDay(at) : "");
    write(part(this, "left"), leftWords(contact, left));
    write(part(this, "time"), left === "ended" ? talked(contact) : "");
    write(part(this, "written"), note.text.trim().split("\n", 1)[0]);
    write(part(this, "address"), address);
    write(part(this, "kind"), kindWords(contact));
    write(part(this, "queue"), contact.queue ? t("Queue {queue}", { queue: contact.queue }) : "");
    const open = /** @type {HTMLAnchorElement} */ (part(this, "open"));
    open.hidden = pop === null;
    open.href = pop?.url ?? "";
    const words = t("Open the record of {who}", { who: title });
    if (open.getAttribute("aria-label") !== words) open.setAttribute("aria-label", words);
    open.title = words;
    /** @type {import("./contact-notes.js").ContactNotes} */ (part(this, "notes")).update(
      contact.id,
      note,
    );
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    // With a modifier the link is an ordinary link: a new tab, a new window, a download.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.open();
  }
}
