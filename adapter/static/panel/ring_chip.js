// @ts-check
// Point to a contact that rings out of sight: nothing scrolls away from under the agent's hands.

import { write } from "./dom.js";
import { isolated } from "./strings.js";
import { caller, phaseWords } from "./words.js";

export class RingChip {
  #button;
  #observer;
  /** Ringing cards, the topmost first, and whose they are. @type {Map<Element, string>} */
  #ringing = new Map();
  /** @type {Set<Element>} */
  #seen = new Set();

  /** @param {HTMLElement} button */
  constructor(button) {
    this.#button = button;
    this.#observer = new IntersectionObserver((changes) => {
      for (const { target, isIntersecting } of changes) {
        if (isIntersecting) this.#seen.add(target);
        else this.#seen.delete(target);
      }
      this.#draw();
    });
    button.addEventListener("click", () => this.#hidden()?.scrollIntoView({ block: "start" }));
  }

  /** @param {readonly (readonly [Element, import("./contacts_state.js").ContactView])[]} ringing */
  update(ringing) {
    const before = this.#ringing;
    this.#ringing = new Map(ringing.map(([card, contact]) => [card, caller(contact).title]));
    for (const card of before.keys()) {
      if (this.#ringing.has(card)) continue;
      this.#observer.unobserve(card);
      this.#seen.delete(card);
    }
    for (const card of this.#ringing.keys()) {
      if (before.has(card)) continue;
      this.#seen.add(card); // until the observer has looked
      this.#observer.observe(card);
    }
    this.#draw();
  }

  #hidden() {
    return [...this.#ringing.keys()].find((card) => !this.#seen.has(card));
  }

  #draw() {
    const card = this.#hidden();
    const who = card && this.#ringing.get(card);
    write(this.#button, who ? `${phaseWords("ringing")}: ${isolated(who)}` : "");
  }
}
