// @ts-check
// Talk to the page around the panel (the connector in Dynamics) by postMessage, exact origins only.

import { msg } from "./strings.js";

/**
 * @typedef {{outcome: "opened" | "failed", detail: string}} Answer
 */

/** The connector answers at once or not at all; ms. */
const ANSWER_WITHIN = 3_000;

/** Details go to the trace in English, and to the card in the agent's language. */
const ABSENT = msg("The page around the panel is not connected to it.");
const SILENT = msg("The page around the panel did not answer.");

export class Host {
  #ports;
  /** The page that we answer, and where it stood when it was allowed.
   * @type {{source: MessageEventSource, origin: string} | null} */
  #pinned = null;
  /** @type {Map<string, (answer: Answer) => void>} */
  #waiting = new Map();
  #requests = 0;

  /**
   * @param {{parent: Window | null, allowed: (origin: string) => Promise<boolean>,
   *   clock: import("./feed.js").Clock, onConnected: () => void}} ports
   *   `parent` is null where the panel is the top page.
   */
  constructor(ports) {
    this.#ports = ports;
  }

  get connected() {
    return this.#pinned !== null;
  }

  /** Take a `message` event of the window. @param {MessageEvent} event */
  async receive({ data, source, origin }) {
    if (this.#ports.parent === null || source !== this.#ports.parent) return;
    if (typeof data !== "object" || data === null) return;
    if (data.type === "screenpop.connect") await this.#connect(data, source, origin);
    else if (source === this.#pinned?.source && origin === this.#pinned.origin) {
      this.#answered(data);
    }
  }

  /**
   * Have the host open a record.
   * @param {import("./messages.js").Pop} pop
   * @returns {Promise<Answer>} "failed" also where no host is connected or it stays silent
   */
  open({ pop, url, record }) {
    const pinned = this.#pinned;
    if (!pinned) {
      return Promise.resolve({ outcome: "failed", detail: ABSENT });
    }
    const request = `r${++this.#requests}`;
    const { clock } = this.#ports;
    return new Promise((resolve) => {
      const late = clock.setTimeout(() => {
        this.#waiting.delete(request);
        resolve({ outcome: "failed", detail: SILENT });
      }, ANSWER_WITHIN);
      this.#waiting.set(request, (answer) => {
        clock.clearTimeout(late);
        resolve(answer);
      });
      this.#post({ type: "screenpop.open", request, pop, url, record });
    });
  }

  /** @param {any} data @param {MessageEventSource} source @param {string} origin */
  async #connect(data, source, origin) {
    if (data.protocol !== 1) return;
    if (!this.#pinned && !(await this.#ports.allowed(origin))) return;
    // One host for the session: a page that takes the frame over from another origin gets nothing.
    if (this.#pinned && this.#pinned.origin !== origin) return;
    const first = this.#pinned === null;
    this.#pinned = { source, origin };
    this.#post({ type: "screenpop.connected", protocol: 1 });
    if (first) this.#ports.onConnected();
  }

  /** @param {any} data */
  #answered({ type, request, detail }) {
    if (type !== "screenpop.opened" && type !== "screenpop.failed") return;
    const answer = this.#waiting.get(request);
    this.#waiting.delete(request);
    answer?.({
      outcome: type === "screenpop.opened" ? "opened" : "failed",
      detail: typeof detail === "string" ? detail : "",
    });
  }

  /** @param {Record<string, unknown>} message */
  #post(message) {
    if (!this.#pinned) return;
    this.#pinned.source.postMessage(message, { targetOrigin: this.#pinned.origin });
  }
}
