// @ts-check
// Show one pop: that it opened, or the button that opens it, and always why.

import { part, show, stamp, write } from "./dom.js";
import { msg, t } from "./strings.js";
import { caller, reasonWords } from "./words.js";

/** @typedef {import("./contacts_state.js").PopView} PopView */

const WORDS = {
  opening: msg("Opening the record…"),
  ready: msg("The record is ready."),
  blocked: msg("The record could not open by itself."),
  failed: msg("The record did not open."),
  opened: msg("Record opened"),
  unknown: msg("If no record has opened, try again."),
  mirror: msg("Another of your panels opens this record."),
  withdrawn: msg("No record to open any more."),
  dismissed: "", // it has no card
};

const OPENED = /** @type {Readonly<Record<string, string>>} */ ({
  host: msg("Record opened in Dynamics"),
  tab: msg("Record opened in its tab"),
  link: msg("Record opened in its tab"),
});

/** The states in which the record waits for the agent: one large button. */
const WAITS = new Set(["ready", "blocked", "failed"]);
/** The states in which the agent may open it once more, quietly. */
const AGAIN = new Set(["opened", "unknown", "mirror"]);
const DISMISSIBLE = new Set(["ready", "blocked", "failed", "unknown"]);

export class PopCard extends HTMLElement {
  /** @type {PopView | null} */
  pop = null;

  connectedCallback() {
    if (!stamp(this, "pop-card")) return; // it was moved
    part(this, "open").addEventListener("click", (event) => this.#clicked(event));
    part(this, "dismiss").addEventListener("click", () => this.#ask("pop-dismiss"));
  }

  /** Whether the record waits for the agent's click or key. */
  get waits() {
    return this.pop !== null && WAITS.has(this.pop.state);
  }

  /** Open the record, as a click does. */
  open() {
    this.#ask("pop-open");
  }

  /**
   * @param {PopView} pop
   * @param {import("./contacts_state.js").ContactView | null} [contact] whose record it is, where
   *   no card of the contact around it says so
   */
  update(pop, contact = null) {
    this.pop = pop;
    write(part(this, "who"), contact ? caller(contact).title : "");
    const { state, rung } = pop;
    this.dataset.state = state;
    this.dataset.rung = rung ?? "";
    write(part(this, "words"), wordsOf(pop));
    write(part(this, "why"), this.#why(pop));
    const open = /** @type {HTMLAnchorElement} */ (part(this, "open"));
    show(open, WAITS.has(state) || AGAIN.has(state));
    open.href = pop.url;
    open.classList.toggle("button--primary", WAITS.has(state));
    open.classList.toggle("button--subtle", !WAITS.has(state));
    write(part(this, "label"), this.#label(state, rung));
    show(part(this, "dismiss"), DISMISSIBLE.has(state));
  }

  /** Whether Alt+O opens this one: where several wait, one. @param {boolean} has */
  set hasKey(has) {
    show(part(this, "key"), has);
  }

  /** @param {PopView} pop */
  #why({ state, detail, reason }) {
    if (state === "withdrawn") return reasonWords(detail);
    const tried = WAITS.has(state) && detail ? t(detail) : "";
    return [tried, reasonWords(reason)].filter(Boolean).join(" ");
  }

  /** @param {PopView["state"]} state @param {string | null} rung */
  #label(state, rung) {
    if (WAITS.has(state)) return t("Open record");
    if (state === "mirror") return t("Open here too");
    if (rung === "embedded") return t("Open in a tab");
    return rung === "tab" || rung === "link" ? t("Show record") : t("Open again");
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    // With a modifier the link is an ordinary link: a new tab, a new window, a download.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.open();
  }

  /** @param {"pop-open" | "pop-dismiss"} what */
  #ask(what) {
    if (this.pop) this.dispatchEvent(new CustomEvent(what, { bubbles: true, detail: this.pop }));
  }
}

/** @param {PopView} pop */
function wordsOf({ state, rung }) {
  if (state === "opened" && rung && OPENED[rung]) return t(OPENED[rung]);
  if (state === "unknown" && rung === "embedded") {
    return t("The record is shown beside the panel. If that place stays empty, open it in a tab.");
  }
  return t(WORDS[state]);
}
