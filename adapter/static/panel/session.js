// @ts-check
// Hold the agent's session in memory and turn it into tickets for the feed.
//
// Where the browser keeps a partitioned cookie, a reload stays signed in; the bearer in memory works
// in every frame, also where cookies are blocked.

/** Nobody is signed in here, or no longer. */
export class SignInRequired extends Error {}

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

export class Session {
  /** @type {string | null} */
  #bearer = null;
  /** @type {string | null} */
  #firstTicket;
  #fetch;
  /** What the session is bound to: goes with every request, and with `hello`. */
  around;

  /**
   * @param {typeof fetch} fetch
   * @param {string | null} firstTicket from the URL's fragment, good for one use
   * @param {readonly string[] | null} ancestors the pages around, which the session is bound to;
   *   null where the browser does not tell
   */
  constructor(fetch, firstTicket, ancestors) {
    this.#fetch = fetch;
    this.#firstTicket = firstTicket;
    this.around = ancestors === null ? {} : { ancestors };
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
    const response = await this.#post("/v1/feed/ticket");
    if (response.status === 401) {
      this.#bearer = null;
      throw new SignInRequired();
    }
    const body = await json(response);
    if (response.ok && typeof body.ticket === "string") return body.ticket;
    const detail = String(body.detail ?? body.title ?? "");
    if (PASSING.has(response.status) || response.status >= 500 || response.ok) {
      throw new Error(detail || `HTTP ${response.status}`);
    }
    throw new TicketRefused(response.status, detail);
  }

  /**
   * Sign in without a password (the demo has this door, `serve` does not).
   * @param {string} agent
   * @throws {Error} with the server's words
   */
  async signIn(agent) {
    const response = await this.#post("/v1/demo/sign-in", { agent });
    const body = await json(response);
    if (!response.ok) throw new Error(String(body.detail ?? body.title ?? response.status));
    this.keep(body.session);
  }

  async signOut() {
    try {
      await this.#post("/v1/session/end");
    } finally {
      this.#bearer = null;
    }
  }

  /** @param {string} path @param {Record<string, unknown>} [body] */
  #post(path, body = {}) {
    /** @type {Record<string, string>} */
    const headers = { ...OURS, "Content-Type": "application/json" };
    if (this.#bearer) headers.Authorization = `Bearer ${this.#bearer}`;
    const text = JSON.stringify({ ...this.around, ...body });
    return this.#fetch(path, { method: "POST", headers, body: text });
  }
}

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
