// @ts-check
// Draw the state on the page; knows the DOM and decides nothing.

import { arrange } from "./contacts_state.js";
import { pointIcon, reconcile, write } from "./dom.js";
import { notices } from "./notices.js";
import { isolated, msg, t } from "./strings.js";
import { announcement, caller, icon, phaseWords } from "./words.js";

/** @typedef {import("./contacts_state.js").State} State */

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const SOUND = {
  on: msg("Mute the ringing"),
  muted: msg("Ringing is muted. Turn it on"),
  locked: msg("Turn on the ringing"),
};

export class Page {
  /** What was announced: each once. @type {Set<string>} */
  #announced = new Set();

  /** Draw contacts, pops and the recent list. @param {State} state @param {number} now ms */
  draw(state, now) {
    const { cards, loose, recent } = arrange(state);
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
      update: (element, each) => element.update(each.contact, each.pops),
    });
    byId("recent").hidden = recent.length === 0;
    reconcile(byId("recent-list"), recent, {
      tag: "li",
      name: "data-recent",
      key: (each) => each.contact.id,
      update: drawRecent,
    });
    const ringing = cards.find(({ contact }) => contact.phase === "ringing");
    const name = ringing && `${phaseWords("ringing")}: ${isolated(caller(ringing.contact).title)}`;
    document.title = name ?? "Screenpop";
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
    if (form) form.hidden = !(signedOut && canSignIn);
    byId("agent").textContent = agent ?? "";
    byId("who").hidden = agent === null || signedOut;
    const quiet = !byId("contacts").firstChild && !byId("pops").firstChild;
    byId("empty").hidden = !quiet || feed.name !== "live";
    this.#drawSound(sound);
  }

  /** The first pop in sight that waits for a click. */
  waitingPop() {
    const cards = /** @type {NodeListOf<import("./pop-card.js").PopCard>} */ (
      document.querySelectorAll("pop-card")
    );
    return [...cards].find((each) => each.waits) ?? null;
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

/** @param {HTMLElement} item @param {import("./contacts_state.js").Recent} recent */
function drawRecent(item, { contact, left, at }) {
  if (!item.firstElementChild) {
    const template = /** @type {HTMLTemplateElement} */ (byId("recent-contact"));
    item.append(template.content.cloneNode(true));
  }
  /** @param {string} name */
  const part = (name) => /** @type {HTMLElement} */ (item.querySelector(`[data-part="${name}"]`));
  pointIcon(part("icon"), icon(contact));
  write(part("title"), caller(contact).title);
  write(part("left"), left === "ended" ? t("Ended") : t("Transferred"));
  write(part("at"), at ? timeOfDay(at) : "");
}

/** @param {string} iso */
function timeOfDay(iso) {
  const { locale = "en" } = document.body.dataset;
  // The browser may know the region too: 23:05 in Britain is 11:05 PM in America.
  const region = navigator.languages.find((each) => each.startsWith(locale)) ?? locale;
  return new Date(iso).toLocaleTimeString(region, { hour: "2-digit", minute: "2-digit" });
}
