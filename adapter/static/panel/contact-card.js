// @ts-check
// Show one contact: who, by what, at which point, since when, and what is known.

import { describe, part, pointIcon, reconcile, show, stamp, write } from "./dom.js";
import { t } from "./strings.js";
import { attributes, caller, duration, icon, kindWords, phaseSince, phaseWords } from "./words.js";

/** So many attributes fit beside a ringing phone; the rest is one click away. */
const AT_A_GLANCE = 4;

export class ContactCard extends HTMLElement {
  /** @type {string | null} */
  #since = null;

  connectedCallback() {
    stamp(this, "contact-card");
  }

  /**
   * @param {import("./contacts_state.js").ContactView} contact
   * @param {readonly import("./contacts_state.js").PopView[]} pops
   * @param {import("./notes.js").NoteView} note
   */
  update(contact, pops, note) {
    this.dataset.stage = contact.stage ?? "";
    this.dataset.phase = contact.phase;
    const { title, address } = caller(contact);
    write(part(this, "title"), title);
    write(part(this, "address"), address);
    write(part(this, "phase"), phaseWords(contact.phase));
    write(part(this, "kind"), kindWords(contact));
    write(part(this, "queue"), contact.queue ? t("Queue {queue}", { queue: contact.queue }) : "");
    pointIcon(part(this, "icon"), icon(contact));
    this.#since = phaseSince(contact);
    reconcile(part(this, "pops"), pops, {
      tag: "pop-card",
      name: "data-pop",
      key: (each) => each.pop,
      update: (element, each) => element.update(each),
    });
    this.#describe(attributes(contact));
    const notes = /** @type {import("./contact-notes.js").ContactNotes} */ (part(this, "notes"));
    // While it rings there is one thing to do; what is there once stays there.
    notes.hidden &&= !note.text && (contact.phase === "ringing" || contact.phase === "waiting");
    notes.update(contact.id, note);
  }

  /** Go on with the timer. @param {number} now the server's time, ms */
  tick(now) {
    const since = this.#since === null ? NaN : Date.parse(this.#since);
    write(part(this, "timer"), Number.isNaN(since) ? "" : duration(now - since));
  }

  /** @param {[string, string][]} pairs */
  #describe(pairs) {
    describe(part(this, "attributes"), pairs.slice(0, AT_A_GLANCE));
    describe(part(this, "others"), pairs.slice(AT_A_GLANCE));
    show(part(this, "attributes"), pairs.length > 0);
    show(part(this, "more"), pairs.length > AT_A_GLANCE);
  }
}
