// @ts-check
// Keep the one tab that records open in: a click opens it, later pops navigate it.
//
// A websocket message is no click, so browsers block `window.open` then; a tab that is open already
// may be navigated without a click.

import { msg } from "./strings.js";

/**
 * @typedef {{closed: boolean, location: {href: string}, focus: () => void}} Tab
 * @typedef {{outcome: "opened" | "blocked" | "failed" | "unknown", detail: string}} TabResult
 */

/** The tab's name; browsers find it by this name within the panel's own tab only. */
export const TAB_NAME = "screenpop-record";

/** Details go to the trace in English, and to the card in the agent's language. */
const NEVER_OPENED = msg("The tab for records is not open.");
const CLOSED = msg("The tab for records was closed, or went where the panel cannot reach it.");
const REFUSED = msg("The browser opens no tabs from here.");
const NO_HOLD = msg("The browser does not say whether a tab opened.");

export class PopTab {
  /** @type {Tab | null} */
  #tab = null;
  #open;
  #shown = "";
  /** Whether a click once opened the tab. */
  started = false;
  /** Whether the browser refuses tabs even on a click (a sandbox without allow-popups). */
  refused = false;

  /** @param {(url: string, name: string) => Tab | null} open `window.open`, bound */
  constructor(open) {
    this.#open = open;
  }

  /** Whether a pop can be opened without a click. */
  get ready() {
    return this.#tab !== null && !isClosed(this.#tab);
  }

  /**
   * Open the tab; only within a click.
   * @param {string} url
   * @returns {TabResult}
   */
  openByClick(url) {
    if (this.ready) {
      // Navigating anew to what is there would take away what the agent has typed into it.
      const there = url === this.#shown || this.navigate(url).outcome === "opened";
      this.#focus();
      if (there) return { outcome: "opened", detail: "" };
    }
    let tab = null;
    try {
      tab = this.#open(url, TAB_NAME);
    } catch {
      // Firefox throws InvalidAccessError in a sandbox without allow-popups.
      this.refused = true;
      return { outcome: "failed", detail: REFUSED };
    }
    this.refused = tab === null;
    if (tab === null) {
      // Blocked, or opened without a handle (the top page has Cross-Origin-Opener-Policy).
      return { outcome: "unknown", detail: NO_HOLD };
    }
    this.#tab = tab;
    this.#shown = url;
    this.started = true;
    return { outcome: "opened", detail: "" };
  }

  /**
   * Show a record in the tab, without a click and without taking the focus.
   * @param {string} url
   * @returns {TabResult}
   */
  navigate(url) {
    if (this.#tab === null) return { outcome: "blocked", detail: NEVER_OPENED };
    if (isClosed(this.#tab)) {
      // Also where the tab went to a page with Cross-Origin-Opener-Policy: it is lost to us.
      this.#tab = null;
      return { outcome: "blocked", detail: CLOSED };
    }
    try {
      this.#tab.location.href = url;
    } catch {
      this.#tab = null;
      return { outcome: "failed", detail: CLOSED };
    }
    this.#shown = url;
    return { outcome: "opened", detail: "" };
  }

  /** Find the tab again after a reload of the panel: the name outlives the page. */
  recover() {
    try {
      this.#tab = this.#open("", TAB_NAME);
    } catch {
      this.#tab = null;
    }
    this.started = this.ready;
  }

  #focus() {
    try {
      this.#tab?.focus();
    } catch {
      // A tab that is gone cannot be shown; `ready` says so.
    }
  }
}

/** @param {Tab} tab */
function isClosed(tab) {
  try {
    return tab.closed;
  } catch {
    return true;
  }
}
