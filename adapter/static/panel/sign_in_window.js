// @ts-check
// Sign in through a window of its own, without trusting anything that the window could say: what
// becomes of it the server tells, to whoever has the secret that never leaves this page's memory.
//
// `window.opener`, `popup.closed`, BroadcastChannel and storage are each cut by some browser or by
// the provider's headers, so none of them is looked at.

/**
 * `name` is what the panel shows; `reason` is the server's (`denied`, `unavailable`, …) or ours
 * (`expired`, `offline`, `insecure`).
 * @typedef {{name: "idle"} | {name: "blocked", url: string, code: string}
 *   | {name: "waiting", code: string} | {name: "failed", reason: string, detail: string}} SignInState
 */

/** How long after a lost answer the server is asked again; ms. */
const ASK_AGAIN = 2_000;
/** The server forgets a window after this; ms. */
const LIFETIME = 600_000;

export class SignInWindow {
  #ports;
  /** Grows with every turn, so that what comes late is not heard. */
  #turn = 0;
  /** @type {{tx: string, verifier: string} | null} */
  #secret = null;
  /** @type {SignInState} */
  state = { name: "idle" };

  /**
   * @param {{
   *   ask: (path: string, body: Record<string, unknown>) => Promise<{status: number, body: Record<string, unknown>}>,
   *   open: (url: string) => unknown, clock: import("./feed.js").Clock,
   *   random: (bytes: number) => Uint8Array, digest: (text: string) => Promise<Uint8Array>,
   *   language: string, secure?: boolean, changed: () => void, signedIn: (bearer: unknown) => void}} ports
   *   `secure`: whether the page is a secure context; `open` gives null where the browser lets no window open
   */
  constructor(ports) {
    this.#ports = ports;
  }

  /**
   * Open the window: within a click, before anything else, or browsers block it.
   * @param {{choose?: boolean}} [wish] `choose`: ask who it is even where somebody is signed in
   */
  start({ choose = false } = {}) {
    const turn = ++this.#turn;
    // Only a secure context has `crypto.subtle` (https://www.w3.org/TR/secure-contexts/).
    if (this.#ports.secure === false) return this.#end({ name: "failed", reason: "insecure", detail: "" });
    const { random, open, language } = this.#ports;
    this.#secret = { tx: base64url(random(24)), verifier: base64url(random(32)) };
    const url = `/sign-in/start?tx=${this.#secret.tx}&lang=${language}`;
    // The server waits for the registration, which follows.
    const opened = open(url) !== null;
    this.#become(opened ? { name: "waiting", code: "" } : { name: "blocked", url, code: "" });
    void this.#run(turn, this.#secret, choose);
  }

  /** Give the window up. */
  cancel() {
    const secret = this.#secret;
    this.#end({ name: "idle" });
    if (secret) void this.#ports.ask("/v1/sign-in/cancel", secret).catch(() => {});
  }

  /** @param {number} turn @param {{tx: string, verifier: string}} secret @param {boolean} choose */
  async #run(turn, secret, choose) {
    const { ask, clock, digest } = this.#ports;
    const until = clock.now() + LIFETIME;
    try {
      const challenge = base64url(await digest(secret.verifier));
      const { status, body } = await ask("/v1/sign-in", { tx: secret.tx, challenge, choose });
      if (turn !== this.#turn) return;
      if (status !== 200) return this.#fail("refused", String(body.detail ?? status));
      const code = String(body.code ?? "");
      if (this.state.name === "waiting" || this.state.name === "blocked") {
        this.#become({ ...this.state, code });
      }
    } catch {
      if (turn === this.#turn) this.#fail("offline", "");
      return;
    }
    while (turn === this.#turn) {
      if (clock.now() > until) return this.#fail("expired", "");
      const answer = await ask("/v1/sign-in/redeem", secret).catch(() => null);
      if (turn !== this.#turn) return;
      if (answer === null || answer.status === 429 || answer.status >= 500) {
        await new Promise((resolve) => clock.setTimeout(() => resolve(null), ASK_AGAIN));
      } else if (answer.status === 404) return this.#fail("expired", "");
      else if (answer.status !== 200) return this.#fail("refused", String(answer.body.detail ?? answer.status));
      else if (answer.body.state === "failed") {
        return this.#fail(String(answer.body.reason), String(answer.body.detail ?? ""));
      } else if (answer.body.state === "signed-in") {
        this.#end({ name: "idle" });
        return this.#ports.signedIn(answer.body.session);
      } else if (answer.body.opened && this.state.name === "blocked") {
        // Opened by the link in the card: it works on.
        this.#become({ name: "waiting", code: this.state.code });
      }
    }
  }

  /** @param {string} reason @param {string} detail */
  #fail(reason, detail) {
    this.#end({ name: "failed", reason, detail });
  }

  /** @param {SignInState} state */
  #end(state) {
    this.#turn += 1;
    this.#secret = null;
    this.#become(state);
  }

  /** @param {SignInState} state */
  #become(state) {
    this.state = state;
    this.#ports.changed();
  }
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}
