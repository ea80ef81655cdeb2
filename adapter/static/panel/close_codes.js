// @ts-check
// Say what the panel does when the server closes the feed (`adapter/close_codes.py` is the source).

import { msg } from "./strings.js";

/**
 * `advice`: "reconnect" resumes by itself; "sign in" asks for one new ticket first; "stop" needs a
 * person. `wait`: "backoff" grows from 0.5 to 15 s; "soon" is 0 to 2 s, so that a restart does not
 * bring everybody back in the same instant; "later" is 5 to 15 s.
 * @typedef {{advice: "reconnect" | "sign in" | "stop", wait: "backoff" | "soon" | "later",
 *            title: string, detail: string}} CloseRule
 */

/** @param {CloseRule["wait"]} wait @returns {CloseRule} */
const reconnect = (wait) => ({ advice: "reconnect", wait, title: "", detail: "" });

/** @param {string} title @param {string} detail @returns {CloseRule} */
const stop = (title, detail) => ({ advice: "stop", wait: "later", title, detail });

/** @type {Readonly<Record<number, CloseRule>>} */
export const CLOSE_CODES = {
  1009: stop(
    msg("A message was too large"),
    msg("The panel sent more than the server takes. Reload the page; if it happens again, tell your administrator."),
  ),
  1012: reconnect("soon"),
  4400: stop(
    msg("The panel and the server do not understand each other"),
    msg("This page may be older than the server. Reload it; if it happens again, tell your administrator."),
  ),
  4401: { advice: "sign in", wait: "soon", title: "", detail: "" },
  4403: stop(
    msg("The server does not allow this panel"),
    msg("You may be signed in as somebody else, or this page is shown where it may not be. Tell your administrator."),
  ),
  4404: stop(
    msg("This address belongs to no organization"),
    msg("Check the address of the panel, or ask your administrator for the right one."),
  ),
  4408: reconnect("backoff"),
  4409: reconnect("soon"),
  4429: reconnect("soon"),
  4503: reconnect("later"),
};

const UNKNOWN_REFUSAL = stop(
  msg("The server ended the connection"),
  msg("It gave a reason that this page does not know. Reload the page; if it happens again, tell your administrator."),
);

/**
 * Give the rule of a close code. Codes under 4000 are the network's or the protocol's, those from
 * 4500 the server's trouble: both pass. 4000 to 4499 say that the request was wrong: it stays so.
 * @param {number} code
 */
export function ruleFor(code) {
  if (Object.hasOwn(CLOSE_CODES, code)) return CLOSE_CODES[code];
  if (code >= 4000 && code < 4500) return UNKNOWN_REFUSAL;
  return reconnect(code >= 4500 ? "later" : "backoff");
}

/**
 * Give the milliseconds to wait before the next attempt (`attempt` counts failures from 0).
 * @param {CloseRule["wait"]} wait
 * @param {number} attempt
 * @param {() => number} random from 0 to 1
 */
export function delay(wait, attempt, random) {
  if (wait === "soon") return 2000 * random();
  if (wait === "later") return 5000 + 10_000 * random();
  return Math.min(15_000, 500 * 2 ** Math.min(attempt, 10)) * (1 + 0.3 * random());
}
