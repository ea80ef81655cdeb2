// @ts-check
// Hold the agent's session in memory and turn it into tickets for the feed.
//
// Where the browser keeps a partitioned cookie, a reload stays signed in; the bearer in memory works
// in every frame, also where cookies are blocked.

import { readLimit } from "./session_limit.js";

/** @typedef {import("./session_limit.js").Limit} Limit */

/** Nobody is signed in here, or no longer. */
export class SignInRequired extends Error {}

/** Somebody is signed in who takes no contacts yet: an admin must act first. */
export class NotYet extends SignInRequired {
  /** @param {string} why `agent-unconfirmed` or `not-an-agent` @param {string | null} agent */
  constructor(why, agent) {
    super();
    this.why = why;
    this.agent = agent;
  }
}

/** The server will give no ticket to this page, however often it asks. */
export class TicketRefused extends Error {
  /** @param {number} status HTTP status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Marks our own `fetch` calls; a form of another site cannot set it. */
const OURS = { "X-Screenpop": "1" };

const LEFT = "screenpop.session";

export class Session {
  /** When it ends whatever anybody does, as far as the server has told. @type {Limit | null} */
  limit = null;
  /** @type {string | null} */
  #bearer = null;
  /** @type {string | null} */
  #firstTicket;
  #fetch;
  #now;
  /** What the session is bound to: goes with every request, and with `hello`. */
  around;

  /**
   * @param {typeof fetch} fetch
   * @param {string | null} firstTicket from the URL's fragment, good for one use
   * @param {readonly string[] | null} ancestors the pages around, which the session is bound to;
   *   null where the browser does not tell
   * @param {() => number} now the time, ms
   */
  constructor(fetch, firstTicket, ancestors, now = Date.now) {
    this.#fetch = fetch;
    this.#now = now;
    this.#firstTicket = firstTicket;
    this.around = ancestors === null ? {} : { ancestors };
  }

  /**
   * Leave the bearer to the page that this tab loads next, where the browser lets us.
   * @param {() => Storage} storage
   */
  leave(storage) {
    try {
      if (this.#bearer) storage().setItem(LEFT, this.#bearer);
    } catch {
      // The ticket in the address lets the page in; the bearer would have let it in again.
    }
  }

  /**
   * Take the bearer that the page before left; it stays nowhere but in memory.
   * @param {() => Storage} storage
   */
  resume(storage) {
    try {
      this.keep(storage().getItem(LEFT));
      storage().removeItem(LEFT);
    } catch {
      // See above.
    }
    return this.#bearer !== null;
  }

  /** Keep what `welcome` brought. @param {unknown} bearer */
  keep(bearer) {
    if (typeof bearer === "string" && bearer) this.#bearer = bearer;
  }

  /**
   * Get a ticket for the feed, good for 30 seconds and one use.
   * @throws {SignInRequired | TicketRefused | Error} another error means: try again
   */
  async ticket() {
    const first = this.#firstTicket;
    this.#firstTicket = null;
    if (first) return first;
    const { status, ok, body } = await this.ask("/v1/feed/ticket");
    if (status === 401) {
      this.#bearer = null;
      throw new SignInRequired();
    }
    this.keep(body.session);
    const why = String(body.type ?? "").replace(/.*:/, "");
    if (status === 403 && HELD.has(why)) {
      throw new NotYet(why, typeof body.agent === "string" ? body.agent : null);
    }
    if (ok && typeof body.ticket === "string") return body.ticket;
    const detail = String(body.detail ?? body.title ?? "");
    if (PASSING.has(status) || status >= 500 || ok) throw new Error(detail || `HTTP ${status}`);
    throw new TicketRefused(status, detail);
  }

  /**
   * Say that the session is in use, and take its new bearer where it is old enough for one. What
   * fails is tried again with the next, or by the next ticket.
   */
  async renew() {
    const { body } = await this.ask("/v1/session/renew");
    this.keep(body.session);
  }

  /**
   * Ask the server for something that belongs to this page.
   * @param {string} path @param {Record<string, unknown>} [body]
   */
  async ask(path, body = {}) {
    const response = await this.#post(path, body);
    const told = await json(response);
    this.limit = readLimit(told, this.#now()) ?? this.limit;
    return { status: response.status, ok: response.ok, body: told };
  }

  /**
   * Sign in without a password (the demo has this door, `serve` does not).
   * @param {string} agent
   * @throws {Error} with the server's words
   */
  async signIn(agent) {
    const { status, ok, body } = await this.ask("/v1/demo/sign-in", { agent });
    if (!ok) throw new Error(String(body.detail ?? body.title ?? status));
    this.keep(body.session);
  }

  /** @param {boolean} everywhere in every window and on every device of this person */
  async signOut(everywhere = false) {
    try {
      await this.#post("/v1/session/end", { everywhere });
    } finally {
      this.#bearer = null;
      this.limit = null;
    }
  }

  /** What goes with every request of this session, beside the browser's cookie. */
  get headers() {
    /** @type {Record<string, string>} */
    const headers = { ...OURS, "Content-Type": "application/json" };
    if (this.#bearer) headers.Authorization = `Bearer ${this.#bearer}`;
    return headers;
  }

  /** @param {string} path @param {Record<string, unknown>} [body] */
  #post(path, body = {}) {
    const text = JSON.stringify({ ...this.around, ...body });
    return this.#fetch(path, { method: "POST", headers: this.headers, body: text });
  }
}

/** Problems of somebody who is signed in and must wait for an admin. */
const HELD = new Set(["agent-unconfirmed", "not-an-agent"]);

/** Statuses that pass by themselves. */
const PASSING = new Set([408, 425, 429]);

/**
 * Take the one-use ticket out of the address, so that it stays in no history and no bookmark.
 * @param {Location} location
 * @param {History} history
 */
export function takeTicket(location, history) {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const ticket = fragment.get("ticket");
  if (ticket === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return ticket || null;
}

/** @param {Response} response @returns {Promise<Record<string, unknown>>} */
async function json(response) {
  try {
    const body = await response.json();
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    return {};
  }
}
