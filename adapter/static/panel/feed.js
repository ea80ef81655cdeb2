// @ts-check
// Keep the websocket to the server: resume after every break, notice a dead line, report outcomes.
//
// No DOM and no globals: socket, clock and chance come in, so that tests can play a whole shift.

import { delay, ruleFor } from "./close_codes.js";
import { Seen, identity, isAfter, parse } from "./messages.js";
import { SignInRequired, TicketRefused } from "./session.js";

/** @typedef {import("./messages.js").FeedEvent} FeedEvent */
/**
 * @typedef {{now: () => number, setTimeout: (run: () => void, ms: number) => unknown,
 *   clearTimeout: (id: any) => void}} Clock
 * @typedef {{onopen: any, onmessage: any, onclose: any, readyState: number,
 *   send: (text: string) => void, close: (code?: number) => void}} Socket
 * @typedef {{pop: string, outcome: "opened" | "blocked" | "failed" | "dismissed" | "unknown",
 *   rung: "host" | "embedded" | "tab" | "link", detail: string}} Outcome
 *
 * `since` and `retryAt` are times of the clock, in milliseconds. `since` is when the feed was lost.
 * @typedef {{name: "connecting" | "live" | "waiting" | "stopped" | "signed-out",
 *   since: number | null, retryAt: number | null, code: number | null, reason: string}} FeedState
 */

/** Of silence, in ms; proxies cut idle connections at 30 s and more. */
const PING_AFTER = 20_000;
/** A mobile line may pause for some seconds; ms. */
const PONG_WITHIN = 8_000;
/** When somebody looks again, they should not wait for the truth; ms. */
const PROBE_WITHIN = 3_000;
/** From the start of the handshake to `welcome`, ms; the server waits 5 s for our hello. */
const WELCOME_WITHIN = 10_000;
const TICK = 5_000;
/** So late is a timer only after sleep, ms. */
const ASLEEP = 15_000;
/** Hidden pages run timers once a minute (Chromium's intensive throttling), which is no sleep; ms. */
const ASLEEP_WHILE_HIDDEN = 90_000;
/** A connection that held so long was a good one: the backoff starts anew; ms. */
const STEADY = 5_000;
/** The server keeps and shows one line. */
const DETAIL_LENGTH = 300;

export class Feed {
  #ports;
  #turn = 0;
  #attempt = 0;
  #refusals = 0;
  /** @type {Socket | null} */
  #socket = null;
  /** @type {string | null} */
  #after = null;
  /** What `#after` is a sequence of, or null where the server does not say. @type {string | null} */
  #epoch = null;
  #seen = new Seen();
  /** @type {Outcome[]} */
  #outcomes = [];
  #lastTick = 0;
  #wasHidden = false;
  #liveSince = 0;
  /** @type {Record<"retry" | "alive" | "welcome" | "tick", unknown>} */
  #timers = { retry: null, alive: null, welcome: null, tick: null };
  /** @type {FeedState} */
  state = { name: "connecting", since: null, retryAt: null, code: null, reason: "" };

  /**
   * @param {{url: string, connect: (url: string, protocol: string) => Socket,
   *   ticket: () => Promise<string>, hello: () => Record<string, unknown>, clock: Clock,
   *   random: () => number, visible: () => boolean,
   *   onState: (state: FeedState) => void, onEvent: (event: FeedEvent) => void,
   *   onWelcome: (welcome: Record<string, unknown>) => void}} ports
   *   `url` is the feed's address without a query; `hello` gives what goes beside the ticket.
   */
  constructor(ports) {
    this.#ports = ports;
  }

  /** Connect, or connect anew at once (a click on "Try again", a sign-in). */
  start() {
    this.#lastTick = this.#ports.clock.now();
    this.#schedule("tick", TICK, () => this.#tick());
    this.#connect();
  }

  /** End the connection for good (sign-out). */
  stop() {
    this.#leave();
    this.#cancel("tick");
    this.#after = null;
    this.#epoch = null;
    this.#seen.clear();
    this.#outcomes = [];
    this.#become("signed-out");
  }

  /** Somebody looks at the panel again, or the network is back: do not wait to find out. */
  wake() {
    if (this.state.name === "waiting") this.#connect();
    else if (this.state.name === "live") this.#ping(PROBE_WITHIN);
  }

  /** The panel went out of sight: timers run late from now on. */
  hidden() {
    this.#wasHidden = true;
  }

  /**
   * Send what is worth nothing later; false where there is no line.
   * @param {Record<string, unknown>} message
   */
  send(message) {
    if (this.state.name !== "live" || this.#socket === null) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /**
   * Report what became of a pop; kept and sent again until the server has stored it.
   * @param {Outcome} outcome
   */
  report(outcome) {
    const kept = { ...outcome, detail: outcome.detail.slice(0, DETAIL_LENGTH) };
    this.#outcomes.push(kept);
    this.send({ type: "pop.outcome", ...kept });
  }

  async #connect() {
    const turn = this.#leave();
    this.#become("connecting");
    // One deadline over ticket, handshake and hello: each can hang on a half-dead network.
    this.#schedule("welcome", WELCOME_WITHIN, () => this.#wait("backoff"));
    let ticket;
    try {
      ticket = await this.#ports.ticket();
    } catch (error) {
      if (turn === this.#turn) this.#noTicket(error);
      return;
    }
    if (turn === this.#turn) this.#open(turn, ticket);
  }

  /** @param {number} turn @param {string} ticket */
  #open(turn, ticket) {
    const { url, connect, hello } = this.#ports;
    const epoch = this.#epoch === null ? "" : `&epoch=${encodeURIComponent(this.#epoch)}`;
    const address = this.#after === null ? url : `${url}?after=${this.#after}${epoch}`;
    const socket = connect(address, "screenpop.v1");
    this.#socket = socket;
    const current = () => turn === this.#turn;
    socket.onopen = () => {
      if (current()) socket.send(JSON.stringify({ type: "hello", ticket, ...hello() }));
    };
    socket.onmessage = (/** @type {{data: unknown}} */ { data }) => {
      if (current()) this.#receive(data);
    };
    socket.onclose = (/** @type {{code: number, reason: string}} */ { code, reason }) => {
      if (current()) this.#closed(code, reason);
    };
  }

  /** @param {unknown} error */
  #noTicket(error) {
    if (error instanceof SignInRequired) this.#end("signed-out", null, "");
    else if (error instanceof TicketRefused) this.#end("stopped", error.status, error.message);
    else this.#wait("backoff");
  }

  /** @param {unknown} frame */
  #receive(frame) {
    const parsed = parse(frame);
    if (parsed.kind === "control") this.#control(parsed.message);
    if (parsed.kind === "event") this.#event(parsed.event);
    if (this.state.name === "live") {
      this.#schedule("alive", PING_AFTER, () => this.#ping(PONG_WITHIN));
    }
  }

  /** @param {Record<string, unknown>} message */
  #control(message) {
    if (message.type === "welcome") this.#welcomed(message);
    if (message.type === "outcome.stored") {
      const first = this.#outcomes.findIndex((each) => each.pop === message.pop);
      if (first >= 0) this.#outcomes.splice(first, 1);
    }
  }

  /** @param {Record<string, unknown>} welcome */
  #welcomed(welcome) {
    this.#cancel("welcome");
    this.#refusals = 0;
    this.#liveSince = this.#ports.clock.now();
    this.#ports.onWelcome(welcome);
    this.#become("live");
    for (const outcome of this.#outcomes) this.send({ type: "pop.outcome", ...outcome });
  }

  /** @param {FeedEvent} event */
  #event(event) {
    if (event.type === "screenpop.snapshot") {
      // It replaces all that we knew, even where the server's history starts anew (a restored
      // backup): what follows it is new whatever its number.
      this.#seen.clear();
      this.#after = event.sequence;
      const { epoch } = event.data;
      this.#epoch = typeof epoch === "string" ? epoch : null;
    } else if (!this.#seen.add(identity(event))) return;
    else if (event.sequence !== null && isAfter(event.sequence, this.#after)) {
      this.#after = event.sequence;
    }
    this.#ports.onEvent(event);
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const rule = ruleFor(code);
    if (this.#liveSince && this.#ports.clock.now() - this.#liveSince >= STEADY) this.#attempt = 0;
    if (rule.advice === "stop") this.#end("stopped", code, reason);
    else if (rule.advice === "reconnect") this.#wait(rule.wait);
    // A session that ended gets one new ticket; a ticket refused as well means signing in.
    else if (this.#refusals++ === 0) this.#wait(rule.wait);
    else this.#end("signed-out", code, reason);
  }

  /** @param {import("./close_codes.js").CloseRule["wait"]} wait */
  #wait(wait) {
    const { clock, random } = this.#ports;
    this.#leave();
    const ms = delay(wait, this.#attempt, random);
    this.#attempt += 1;
    this.#become("waiting", { retryAt: clock.now() + ms });
    this.#schedule("retry", ms, () => this.#connect());
  }

  /** @param {"stopped" | "signed-out"} name @param {number | null} code @param {string} reason */
  #end(name, code, reason) {
    this.#leave();
    this.#refusals = 0;
    this.#become(name, { code, reason });
  }

  /** @param {number} within ms */
  #ping(within) {
    this.send({ type: "ping" });
    // A line that does not answer is left at once; its own close event may come minutes later.
    this.#schedule("alive", within, () => this.#connect());
  }

  /** Timers stand still while the computer sleeps: one that runs late tells of it. */
  #tick() {
    const now = this.#ports.clock.now();
    const late = now - this.#lastTick - TICK;
    const visible = this.#ports.visible();
    const limit = visible && !this.#wasHidden ? ASLEEP : ASLEEP_WHILE_HIDDEN;
    this.#lastTick = now;
    this.#wasHidden = !visible;
    this.#schedule("tick", TICK, () => this.#tick());
    if (late > limit && (this.state.name === "live" || this.state.name === "waiting")) {
      this.#connect();
    }
  }

  /** Drop the socket and every plan; what it still says is not heard. */
  #leave() {
    for (const name of /** @type {const} */ (["retry", "alive", "welcome"])) this.#cancel(name);
    this.#socket?.close();
    this.#socket = null;
    return ++this.#turn;
  }

  /** @param {FeedState["name"]} name @param {Partial<FeedState>} [more] */
  #become(name, more = {}) {
    const since = name === "live" ? null : (this.state.since ?? this.#ports.clock.now());
    this.state = { name, since, retryAt: null, code: null, reason: "", ...more };
    this.#ports.onState(this.state);
  }

  /** @param {"retry" | "alive" | "welcome" | "tick"} name @param {number} ms @param {() => void} run */
  #schedule(name, ms, run) {
    this.#cancel(name);
    this.#timers[name] = this.#ports.clock.setTimeout(run, ms);
  }

  /** @param {"retry" | "alive" | "welcome" | "tick"} name */
  #cancel(name) {
    this.#ports.clock.clearTimeout(this.#timers[name]);
    this.#timers[name] = null;
  }
}
