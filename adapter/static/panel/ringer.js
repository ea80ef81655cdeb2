// @ts-check
// Ring softly while a call waits; sound is made here, so there is no file to load.

/** Two rising notes, E5 and A5 (Hz): heard through talk, without the edge of an alarm. */
const RING = [659.25, 880];
/** Two falling notes for a lost connection. */
const LOST = [440, 329.63];
/** Between rings, ms. */
const EVERY = 3_000;
/** Until a panel rings in place of one that has stopped, ms: mostly because the call is answered. */
const PAUSE = 700;
/** Peak gain of 1; half of it while the agent is talking to somebody. */
const LOUD = 0.16;

export class Ringer {
  #makeContext;
  #clock;
  #locks;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {unknown} */
  #timer = null;
  /** Given up to let another panel ring. @type {AbortController | null} */
  #turn = null;
  #ringing = false;
  #softly = false;
  #muted = false;

  /**
   * @param {() => AudioContext} makeContext
   * @param {import("./feed.js").Clock} clock
   * @param {LockManager | undefined} locks so that of several panels in a browser one rings
   */
  constructor(makeContext, clock, locks) {
    this.#makeContext = makeContext;
    this.#clock = clock;
    this.#locks = locks;
  }

  /** Whether the browser lets us make a sound (it wants one click inside the panel first). */
  get unlocked() {
    return this.#context?.state === "running";
  }

  get muted() {
    return this.#muted;
  }

  /** Muted, it leaves the ringing to another panel of this browser, where there is one. */
  set muted(muted) {
    this.#muted = muted;
    this.#begin();
  }

  /** Get leave to make sounds; only within a click or a key. */
  async unlock() {
    try {
      if (!this.#context) {
        this.#context = this.#makeContext();
        this.#context.onstatechange = () => this.#begin(); // the system may take the sound away
      }
      await this.#context.resume();
    } catch {
      this.#context = null; // no sound device: the panel is silent and works
    }
    this.#begin();
  }

  /**
   * Ring until `stop`, or go on ringing.
   * @param {boolean} softly
   */
  ring(softly) {
    if (this.#ringing) return;
    this.#ringing = true;
    this.#softly = softly;
    this.#begin();
  }

  stop() {
    this.#ringing = false;
    this.#begin();
  }

  /** Have or wait for the turn to ring while there is something to ring for and a way to do it. */
  #begin() {
    if (!this.#ringing || this.#muted || !this.unlocked) {
      this.#clock.clearTimeout(this.#timer);
      this.#turn?.abort();
      this.#turn = null;
      return;
    }
    if (this.#turn) return;
    const { signal } = (this.#turn = new AbortController());
    if (!this.#locks) return this.#repeat();
    const asked = this.#clock.now();
    const given = new Promise((resolve) => signal.addEventListener("abort", resolve));
    this.#locks
      .request("screenpop-ring", { signal }, () => {
        if (signal.aborted) return undefined;
        const hasWaited = this.#clock.now() - asked > PAUSE / 4;
        this.#timer = this.#clock.setTimeout(() => this.#repeat(), hasWaited ? PAUSE : 0);
        return given;
      })
      .catch(() => {
        if (!signal.aborted) this.#repeat(); // two that ring are better than none
      });
  }

  /** Say once that the connection is lost. */
  lost() {
    this.#play(LOST, LOUD / 2);
  }

  #repeat() {
    this.#play(RING, this.#softly ? LOUD / 2 : LOUD);
    this.#timer = this.#clock.setTimeout(() => this.#repeat(), EVERY);
  }

  /** @param {readonly number[]} notes Hz @param {number} gain */
  #play(notes, gain) {
    const context = this.#context;
    if (this.#muted || !context || context.state !== "running") return;
    notes.forEach((frequency, index) => {
      const start = context.currentTime + index * 0.22;
      const volume = context.createGain();
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(gain, start + 0.03);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.6);
      const tone = context.createOscillator();
      tone.type = "sine";
      tone.frequency.value = frequency;
      tone.connect(volume).connect(context.destination);
      tone.start(start);
      tone.stop(start + 0.65);
    });
  }
}
