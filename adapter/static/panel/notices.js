// @ts-check
// Choose the notices for a situation: a plain function, so that each can be read and tested.

import { ruleFor } from "./close_codes.js";
import { t } from "./strings.js";

/**
 * `code` is what somebody copies: the line to add, or the code to tell.
 * @typedef {{id: string, kind: "error" | "warning" | "info", title: string, detail: string,
 *   code?: string, action?: {id: "retry" | "reload", label: string}}} Notice
 * @typedef {{feed: import("./feed.js").FeedState, now: number,
 *   verdict: import("./embedder.js").Verdict | null, newVersion: boolean, busy: boolean,
 *   tabsRefused: boolean, reloaded: boolean, wasLive: boolean, signedOut: boolean, endedEarly?: boolean,
 *   canSignIn: boolean}} Situation
 *   `verdict` is null until the server said whether the page around may show the panel.
 */

/** Shorter losses heal before anybody could do something about them; ms. */
const WORTH_SAYING = 8_000;

/** @param {Situation} now @returns {Notice[]} the most urgent first */
export function notices(now) {
  const refused = refusedEmbedder(now);
  if (refused?.kind === "error") return [refused]; // the feed was never opened
  return [refused, noFeed(now), refusedTabs(now), newVersion(now)].filter(
    (each) => each !== null,
  );
}

/** @param {Situation} situation @returns {Notice | null} */
function refusedEmbedder({ verdict, wasLive }) {
  if (verdict === null || verdict.allowed) return null;
  const { origin, line } = verdict;
  if (wasLive) {
    return {
      id: "embedder",
      kind: "warning",
      title: t("This page may no longer show the panel"),
      detail: t(
        "The panel works until it is reloaded. {origin} is not among the allowed domains. Ask your administrator to add this line to them:",
        { origin },
      ),
      code: line,
    };
  }
  return {
    id: "embedder",
    kind: "error",
    title: t("This page may not show the panel"),
    detail: t(
      "{origin} is not among the allowed domains. Ask your administrator to add this line to them:",
      { origin },
    ),
    code: line,
    action: { id: "retry", label: t("Try again") },
  };
}

/** @param {Situation} situation @returns {Notice | null} */
function noFeed(situation) {
  const { feed, now, canSignIn } = situation;
  if (feed.name === "stopped") return stopped(feed);
  if (feed.name === "signed-out") return canSignIn ? null : signedOut(situation);
  if (feed.name === "live" || feed.since === null || now - feed.since < WORTH_SAYING) return null;
  return {
    id: "lost-server",
    kind: "error",
    title: t("The server cannot be reached"),
    detail: t(
      "Calls may reach you without being shown here. The panel keeps trying by itself. " +
        "Check your network; if it lasts, tell your administrator.",
    ),
    action: { id: "retry", label: t("Try now") },
  };
}

/** @param {import("./feed.js").FeedState} feed @returns {Notice} */
function stopped({ code, reason }) {
  const { title, detail } = ruleFor(code === null || code < 1000 ? likeStatus(code) : code);
  return {
    id: "stopped",
    kind: "error",
    title: t(title),
    detail: t(detail),
    code: [code, reason].filter(Boolean).join(": "),
    action: { id: "retry", label: t("Try again") },
  };
}

/** @param {Situation} situation @returns {Notice} */
function signedOut({ wasLive, reloaded, signedOut: byChoice, endedEarly = false }) {
  if (byChoice) {
    const detail = t("Ask for a new link where you opened the panel.");
    return { id: "signed-out", kind: "info", title: t("You are signed out"), detail };
  }
  if (endedEarly) {
    const detail = t("An administrator ended it, or you signed out in another window.");
    return { id: "signed-out", kind: "error", title: t("Your access was ended"), detail };
  }
  const title = wasLive
    ? t("Your session has ended")
    : reloaded
      ? t("This page was reloaded")
      : t("This link cannot be used");
  return {
    id: "signed-out",
    kind: "error",
    title,
    detail: wasLive || reloaded
      ? t("Ask for a new link where you opened the panel.")
      : t("A link opens the panel once and within 30 seconds. Ask for a new one where you got it."),
  };
}

/** The close code that means what an HTTP status means: no ticket was given. */
const likeStatus = (/** @type {number | null} */ status) =>
  ({ 400: 4400, 404: 4404, 413: 1009, 421: 4404 })[status ?? 0] ?? 4403;

/** @param {Situation} situation @returns {Notice | null} */
function refusedTabs({ tabsRefused }) {
  if (!tabsRefused) return null;
  return {
    id: "tabs",
    kind: "warning",
    title: t("Tabs may be blocked here"),
    detail: t(
      "If no tab opened, the page around shows the panel in a sandbox. " +
        "Ask your administrator to add this to its frame:",
    ),
    code: 'sandbox="… allow-popups allow-popups-to-escape-sandbox"',
  };
}

/** @param {Situation} situation @returns {Notice | null} */
function newVersion({ newVersion: ready, busy }) {
  if (!ready) return null;
  const title = t("A new version is ready");
  if (busy) {
    return { id: "version", kind: "info", title, detail: t("You can load it after this contact.") };
  }
  return {
    id: "version",
    kind: "info",
    title,
    detail: t("Loading it takes a second; you stay signed in."),
    action: { id: "reload", label: t("Reload") },
  };
}
