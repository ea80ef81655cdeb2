// @ts-check
// Decide when to speak of a sign-in's end: ahead of it, and never while there is a contact.

/** Ahead of the end: time for a quiet minute between two contacts; ms. */
const AHEAD = 30 * 60_000;
/** Of a short session the last quarter; it would be spoken of all day otherwise. */
const PART = 1 / 4;
/** Who put it off is told once more; ms. */
const LAST_CALL = 5 * 60_000;

/**
 * When the session ends whatever anybody does (of the browser's clock, ms), and how long it lasts
 * as a whole, ms.
 * @typedef {{at: number, lasts: number}} Limit
 */

/**
 * Read when a session ends out of an answer of the server; it counts in seconds from now, because
 * the browser's clock may be wrong.
 * @param {Record<string, unknown>} body @param {number} now ms
 * @returns {Limit | null}
 */
export function readLimit({ ends_in: left, lasts }, now) {
  if (typeof left !== "number" || typeof lasts !== "number") return null;
  return { at: now + left * 1000, lasts: lasts * 1000 };
}

/**
 * @param {{limit: Limit | null, now: number, busy: boolean, putOff: boolean}} situation
 *   `busy`: there is a contact; `putOff`: the agent wanted to be asked later
 */
export function isEnding({ limit, now, busy, putOff }) {
  if (limit === null || busy) return false;
  const ahead = Math.min(AHEAD, limit.lasts * PART);
  const left = limit.at - now;
  return left > 0 && left <= (putOff ? Math.min(LAST_CALL, ahead / 2) : ahead);
}
