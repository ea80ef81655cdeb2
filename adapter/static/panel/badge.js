// @ts-check
// Show in the browser's tab what goes on: the page's title and its icon.

import { isolated } from "./strings.js";
import { caller, phaseWords } from "./words.js";

/**
 * Give the page's title: how many contacts ring, and who the first of them is.
 * @param {readonly import("./contacts_state.js").ContactView[]} ringing
 */
export function titleOf(ringing) {
  if (ringing.length === 0) return "Screenpop";
  const who = isolated(caller(ringing[0]).title);
  return `(${ringing.length}) ${phaseWords("ringing")}: ${who}`;
}

/**
 * Point the page's icon at the one of its `data-` addresses that fits.
 * @param {HTMLLinkElement} link
 * @param {"quiet" | "ringing" | "lost"} state
 */
export function showIcon(link, state) {
  const href = link.dataset[state] ?? "";
  // Set anew, it would be fetched anew.
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
}
