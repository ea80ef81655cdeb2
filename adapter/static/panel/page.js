// @ts-check
// Draw the state on the page; knows the DOM and decides nothing.

import { afterDrawing } from "./after_drawing.js";
import { showIcon, titleOf } from "./badge.js";
import { arrange } from "./contacts_state.js";
import { pointIcon, reconcile, show, write } from "./dom.js";
import { notices } from "./notices.js";
import { RingChip } from "./ring_chip.js";
import { msg, t } from "./strings.js";
import { announcement } from "./words.js";

/** @typedef {import("./contacts_state.js").State} State */

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const SOUND = {
  on: msg("Mute the ringing"),
  muted: msg("Ringing is muted. Turn it on"),
  locked: msg("Turn on the ringing"),
};

/** What holds so long is shown by the tab's icon, a document of its own to the browser; ms. */
const ICON_AFTER = 300;

export class Page {
  /** What was announced: each once. @type {Set<string>} */
  #announced = new Set();
  #rings = false;
  #title = titleOf([]);
  /** @type {"quiet" | "ringing" | "lost"} */
  #icon = "quiet";
  #iconTimer = 0;
  #chip = new RingChip(byId("rings"));

  /**
   * Draw contacts, pops, today's list and the notes.
   * @param {State} state @param {import("./notes.js").Notes} notes @param {number} now ms
   */
  draw(state, notes, now) {
    const { cards, loose, recent } = arrange(state, writing());
    reconcile(byId("pops"), loose, {
      tag: "pop-card",
      name: "data-pop",
      key: (each) => each.pop.pop,
      update: (element, each) => element.update(each.pop, each.contact),
    });
    reconcile(byId("contacts"), cards, {
      tag: "contact-card",
      name: "data-contact",
      key: (each) => each.contact.id,
      update: (element, each) => element.update(each.contact, each.pops, notes.view(each.contact.id)),
    });
    show(byId("recent"), recent.length > 0);
    write(byId("recent-count"), String(recent.length));
    reconcile(byId("recent-list"), recent, {
      tag: "li",
      name: "data-recent",
      key: (each) => each.contact.id,
      update: (element, each) => historyItem(element).update(each, notes.view(each.contact.id)),
    });
    const ringing = cards.map(({ contact }) => contact).filter(({ phase }) => phase === "ringing");
    this.#rings = ringing.length > 0;
    this.#chip.update(ringing.map((each) => [cardOf(each.id), each]));
    const title = titleOf(ringing);
    if (title !== this.#title) {
      this.#title = title;
      afterDrawing(() => (document.title = this.#title));
    }
    const next = this.waitingPop();
    for (const card of popCards()) card.hasKey = card === next;
    this.#announce(state);
    this.tick(now);
  }

  /** Go on with the timers. @param {number} now the server's time, ms */
  tick(now) {
    for (const card of document.querySelectorAll("contact-card")) {
      /** @type {import("./contact-card.js").ContactCard} */ (card).tick(now);
    }
  }

  /**
   * Draw what surrounds the contacts.
   * @param {import("./notices.js").Situation & {agent: string | null,
   *   shift: {offered: boolean, startedBefore: boolean}, sound: keyof typeof SOUND}} situation
   */
  surround(situation) {
    const { feed, now, agent, shift, sound, canSignIn } = situation;
    /** @type {import("./connection-state.js").ConnectionState} */ (byId("connection")).update(
      feed,
      now,
    );
    /** @type {import("./shift-start.js").ShiftStart} */ (
      document.querySelector("shift-start")
    ).update(shift.offered, shift.startedBefore);
    reconcile(byId("notices"), notices(situation), {
      tag: "notice-card",
      name: "data-notice",
      key: (each) => each.id,
      update: (element, each) => element.update(each),
    });
    const signedOut = feed.name === "signed-out";
    const form = document.getElementById("sign-in-form");
    if (form) show(form, signedOut && canSignIn);
    write(byId("agent"), agent ?? "");
    show(byId("who"), agent !== null && !signedOut);
    const quiet = !byId("contacts").firstChild && !byId("pops").firstChild;
    show(byId("empty"), quiet && feed.name === "live");
    this.#drawSound(sound);
    const lost = feed.name === "waiting" || feed.name === "stopped";
    const icon = this.#rings ? "ringing" : lost ? "lost" : "quiet";
    if (icon !== this.#icon) {
      this.#icon = icon;
      const change = () => showIcon(/** @type {HTMLLinkElement} */ (byId("favicon")), icon);
      clearTimeout(this.#iconTimer);
      this.#iconTimer = setTimeout(change, document.hidden ? 0 : ICON_AFTER);
    }
  }

  /** The first pop in sight that waits for a click. */
  waitingPop() {
    const waiting = popCards().filter((each) => each.waits);
    return waiting.find((each) => each.closest("contact-card")) ?? waiting[0] ?? null;
  }

  /** The record to show again: of the contact in sight, else of the last one that had any. */
  lastPop() {
    const items = /** @type {NodeListOf<import("./history-item.js").HistoryItem>} */ (
      document.querySelectorAll("history-item")
    );
    return [...popCards(), ...items].find((each) => each.pop && each.pop.state !== "withdrawn");
  }

  /** @param {keyof typeof SOUND} sound */
  #drawSound(sound) {
    const button = byId("sound");
    button.dataset.state = sound;
    const words = t(SOUND[sound]);
    if (button.getAttribute("aria-label") !== words) button.setAttribute("aria-label", words);
    button.title = words;
    pointIcon(byId("sound-icon"), sound === "on" ? "bell" : "bell-off");
  }

  /** Tell a screen reader what rings and what waits. @param {State} state */
  #announce(state) {
    const now = new Map();
    for (const contact of state.contacts.values()) {
      if (contact.phase === "ringing") now.set(`ring ${contact.id}`, announcement(contact));
    }
    for (const pop of state.pops.values()) {
      if (["ready", "blocked", "failed"].includes(pop.state)) {
        now.set(`pop ${pop.pop} ${pop.attempt}`, t("A record is ready: press Alt+O to open it."));
      }
    }
    const fresh = [...now].filter(([key]) => !this.#announced.has(key)).map(([, words]) => words);
    this.#announced = new Set(now.keys());
    // An alert is read when its text changes; an old one must not be found and read again.
    if (fresh.length || now.size === 0) byId("announcer").textContent = fresh.join(" ");
  }
}

/** @param {string} contact */
const cardOf = (contact) =>
  /** @type {Element} */ (
    [...byId("contacts").children].find((each) => each.getAttribute("data-contact") === contact)
  );

const popCards = () => [
  .../** @type {NodeListOf<import("./pop-card.js").PopCard>} */ (
    document.querySelectorAll("pop-card")
  ),
];

/** What the agent wrote in when the button of the mouse went down, until it is up again. */
let left = /** @type {string | null} */ (null);

/**
 * Let a click elsewhere reach its place: the press takes the focus from a note, and a card that left
 * then would move what is being clicked. `draw` is called when the click is done.
 * @param {() => void} draw
 */
export function stayUnderClicks(draw) {
  const options = { capture: true, passive: true };
  document.addEventListener("pointerdown", () => (left = writing()), options);
  for (const type of ["pointerup", "pointercancel"]) {
    document.addEventListener(type, () => {
      if (left === null) return;
      left = null;
      draw();
    }, options);
  }
}

/** The contact in whose card the agent writes. @returns {string | null} */
function writing() {
  if (left !== null) return left;
  const { activeElement } = document;
  if (!activeElement?.closest("contact-notes")) return null;
  return activeElement.closest("contact-card")?.getAttribute("data-contact") ?? null;
}

/** @param {HTMLElement} row @returns {import("./history-item.js").HistoryItem} */
function historyItem(row) {
  if (!row.firstElementChild) row.append(document.createElement("history-item"));
  return /** @type {import("./history-item.js").HistoryItem} */ (row.firstElementChild);
}
