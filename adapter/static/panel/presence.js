// @ts-check
// Tell the server when the panel is seen and used, so that it gives pops to the right one.

/** At most one message in this time, ms; what happens meanwhile is told at its end. */
const EVERY = 2_000;

export class Presence {
  #send;
  #clock;
  #last = -Infinity;
  /** @type {unknown} */
  #timer = null;
  visible;
  /** When the agent last touched the panel, milliseconds since 1970. @type {number | null} */
  interacted = null;

  /**
   * @param {(message: Record<string, unknown>) => void} send
   * @param {import("./feed.js").Clock} clock
   * @param {boolean} visible
   */
  constructor(send, clock, visible) {
    this.#send = send;
    this.#clock = clock;
    this.visible = visible;
  }

  /** A pointer or a key was used. */
  used() {
    this.interacted = this.#clock.now();
    this.#tell();
  }

  /** @param {boolean} visible */
  seen(visible) {
    const appeared = visible && !this.visible;
    this.visible = visible;
    if (appeared) this.#now();
    else this.#tell();
  }

  /** What `hello` and `presence` say. */
  words() {
    const { visible, interacted } = this;
    return { visible, interacted: interacted === null ? null : new Date(interacted).toISOString() };
  }

  #tell() {
    if (this.#timer !== null) return;
    const wait = this.#last + EVERY - this.#clock.now();
    if (wait <= 0) this.#now();
    else this.#timer = this.#clock.setTimeout(() => this.#now(), wait);
  }

  #now() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#last = this.#clock.now();
    this.#send({ type: "presence", ...this.words() });
  }
}
