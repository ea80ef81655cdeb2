// @ts-check
// Choose what the sign-in card says and offers: a plain function, so that each can be tested.

import { msg, t } from "./strings.js";

/**
 * `code` is what somebody copies; `typed` the code that a window may ask for.
 * @typedef {{state: string, title: string, detail: string, code: string, typed: string,
 *   link: {href: string, label: string} | null,
 *   actions: {id: "start" | "other" | "cancel" | "check" | "leave" | "later", label: string}[]}} SignInCardView
 */

/**
 * @typedef {{state: import("./sign_in_window.js").SignInState, label: string,
 *   held: {why: string, agent: string | null} | null, wasLive: boolean, byChoice: boolean, endedEarly?: boolean,
 *   endsAt?: string | null}} Situation
 *   `endedEarly`: the session ended before its time; `endsAt`: the panel works, and the sign-in ends at this time, in words;
 *   `label` names the provider; `held` is why somebody who is signed in takes no contacts yet
 */

const SANDBOX = 'sandbox="… allow-popups allow-popups-to-escape-sandbox"';

/** @type {Readonly<Record<string, {title: string, detail: string}>>} */
const REASONS = {
  denied: {
    title: msg("The sign-in was cancelled"),
    detail: msg("You cancelled it, or your account may not use this application. Ask your administrator if you did not."),
  },
  expired: {
    title: msg("The sign-in took too long"),
    detail: msg("A sign-in must end within ten minutes. Begin again."),
  },
  insecure: {
    title: msg("This page must begin with https"),
    detail: msg("Browsers let nobody sign in on an http page, nor in a frame of one. Ask your administrator to give the panel and every page around it an https address."),
  },
  offline: {
    title: msg("The server cannot be reached"),
    detail: msg("Check your network and begin again."),
  },
  unavailable: {
    title: msg("The sign-in service does not answer"),
    detail: msg("Try again in a minute. If it lasts, show this to your administrator:"),
  },
  "wrong-directory": {
    title: msg("This account belongs to another organization"),
    detail: msg("Sign in with your work account of this organization, or ask your administrator to allow yours."),
  },
  revoked: {
    title: msg("Your account is blocked here"),
    detail: msg("An administrator has blocked it. Ask them to unblock it."),
  },
  "not-set-up": {
    title: msg("The sign-in is not set up"),
    detail: msg("Show this to your administrator:"),
  },
};
const OTHER = {
  title: msg("The sign-in did not work"),
  detail: msg("Try again. If it fails again, show this to your administrator:"),
};

/** @param {Situation} now @returns {SignInCardView} */
export function signInCard({ state, label, held, wasLive, byChoice, endedEarly = false, endsAt = null }) {
  const start = { id: /** @type {const} */ ("start"), label: t("Sign in with {name}", { name: label }) };
  const view = { state: state.name, code: "", typed: "", link: null, actions: [start] };
  if (state.name === "waiting") {
    return {
      ...view,
      title: t("Go on in the window that has opened"),
      detail:
        endsAt === null
          ? t("The panel starts by itself when you are signed in. If the window asks for a code, type this one:")
          : t("Contacts keep reaching you meanwhile. If the window asks for a code, type this one:"),
      typed: state.code,
      actions: [
        { id: "cancel", label: t("Cancel") },
        { id: "start", label: t("Open the window again") },
      ],
    };
  }
  if (state.name === "blocked") {
    return {
      ...view,
      title: t("The sign-in window is blocked"),
      detail: t("Allow windows for this address, or open it by the link. If nothing opens, ask your administrator to add this to the frame around the panel:"),
      code: SANDBOX,
      link: { href: state.url, label: t("Open in a new tab") },
      actions: [{ ...start, label: t("Try again") }],
    };
  }
  if (state.name === "failed") {
    const { title, detail } = REASONS[state.reason] ?? OTHER;
    const tells = !["denied", "revoked", "insecure", "wrong-directory"].includes(state.reason);
    return {
      ...view,
      title: t(title),
      detail: t(detail),
      code: tells ? state.detail : "",
      actions: [start, { id: "other", label: t("Use another account") }],
    };
  }
  if (endsAt !== null) return ending(view, endsAt);
  if (held !== null) return waiting(view, held);
  if (endedEarly) {
    return {
      ...view,
      title: t("Your access was ended"),
      detail: t("An administrator ended it, or you signed out in another window."),
    };
  }
  return {
    ...view,
    title: byChoice ? t("You are signed out") : wasLive ? t("Your session has ended") : t("Sign in"),
    detail: t("A window opens in which you sign in; the panel starts by itself afterwards."),
  };
}

/**
 * @param {Pick<SignInCardView, "code" | "typed" | "link">} view @param {string} endsAt
 * @returns {SignInCardView}
 */
function ending(view, endsAt) {
  return {
    ...view,
    state: "ending",
    title: t("Your sign-in ends at {time}", { time: endsAt }),
    detail: t("Sign in again before then, between two contacts. Contacts keep reaching you meanwhile, and what you have written stays."),
    actions: [
      { id: "start", label: t("Sign in again") },
      { id: "later", label: t("Later") },
    ],
  };
}

/**
 * @param {Pick<SignInCardView, "code" | "typed" | "link">} view
 * @param {{why: string, agent: string | null}} held
 * @returns {SignInCardView}
 */
function waiting(view, { why, agent }) {
  const unconfirmed = why === "agent-unconfirmed";
  return {
    ...view,
    state: why,
    title: unconfirmed ? t("Waiting for your administrator") : t("Your account takes no contacts"),
    detail: !unconfirmed
      ? t("You are signed in, but nobody gave you the role “agent”. Ask your administrator for it; the panel starts by itself then.")
      : agent
        ? t("Your administrator must confirm once that you are the agent {agent}. The panel starts by itself then.", { agent })
        : t("Your administrator must say once which agent you are. The panel starts by itself then."),
    actions: [
      { id: "check", label: t("Check now") },
      { id: "leave", label: t("Sign out") },
    ],
  };
}
