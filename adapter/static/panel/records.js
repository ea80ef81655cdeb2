// @ts-check
// Ask the server for what the panel showed before, and hand it what the agent writes.

import { NoteRefused, readNote } from "./notes.js";

/** Statuses that pass by themselves, or by signing in. */
const PASSING = new Set([401, 408, 425, 429]);

export class Records {
  #fetch;
  #session;

  /**
   * @param {typeof fetch} fetch
   * @param {{headers: Record<string, string>, around: {ancestors?: readonly string[]}}} session
   */
  constructor(fetch, session) {
    this.#fetch = fetch;
    this.#session = session;
  }

  /**
   * Give what reached the agent today, or null where the server does not say.
   * @param {Date} now
   * @returns {Promise<Record<string, unknown> | null>}
   */
  async today(now) {
    const { headers, around } = this.#session;
    const query = new URLSearchParams({ since: midnight(now).toISOString() });
    if (around.ancestors) query.set("ancestors", around.ancestors.join(" "));
    try {
      const response = await this.#fetch(`/v1/history?${query}`, { headers });
      return response.ok ? await response.json() : null;
    } catch {
      return null; // the feed says that the server is lost
    }
  }

  /**
   * Save a note; `leaving` where the page may be gone before the answer.
   * @param {string} contact
   * @param {import("./notes.js").Draft} draft
   * @param {boolean} leaving
   * @returns {Promise<import("./notes.js").SavedNote>}
   */
  async saveNote(contact, draft, leaving) {
    const { headers, around } = this.#session;
    const response = await this.#fetch(`/v1/contacts/${encodeURIComponent(contact)}/notes`, {
      method: "PUT",
      headers,
      body: JSON.stringify({ ...around, ...draft }),
      keepalive: leaving,
    });
    const note = response.ok ? readNote(await response.json()) : null;
    if (note) return note;
    const passing = response.ok || response.status >= 500 || PASSING.has(response.status);
    throw passing ? new Error(`HTTP ${response.status}`) : new NoteRefused();
  }
}

/** When the day of `now` began for the agent. @param {Date} now */
const midnight = (now) => new Date(now.getFullYear(), now.getMonth(), now.getDate());
