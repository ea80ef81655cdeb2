// @ts-check
// Carry out pops: open what the server gives to this panel, once, and report what became of it.

import { climb, rungs } from "./ladder.js";

/**
 * @typedef {import("./contacts_state.js").PopView} PopView
 * @typedef {import("./contacts_state.js").PopState} PopState
 * @typedef {{ways: import("./ladder.js").Ways, around: () => import("./ladder.js").Surroundings,
 *   settled: Promise<unknown>, isOpening: (pop: string) => boolean,
 *   report: (outcome: import("./feed.js").Outcome) => void,
 *   change: (pop: string, change: {state: PopState, rung?: string, detail?: string}) => void}} Ports
 *   `settled` resolves when the page around has had its time to connect.
 */

/** @type {import("./ladder.js").Rung[]} */
const LINK = ["link"];

export class Pops {
  #ports;
  /** Pops that are on the ladder now. @type {Set<string>} */
  #climbing = new Set();

  /** @param {Ports} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /** Open what opens by itself. @param {Iterable<PopView>} pops */
  async openAll(pops) {
    const opening = [...pops].filter((each) => each.state === "opening");
    await Promise.all(opening.map((each) => this.#open(each)));
  }

  /** Open a pop because the agent asked; only within a click or a key. @param {PopView} pop */
  async openByClick(pop) {
    await this.#climb(pop, true);
  }

  /** @param {PopView} pop */
  dismiss(pop) {
    this.#ports.report({ pop: pop.pop, outcome: "dismissed", rung: "link", detail: "" });
    this.#ports.change(pop.pop, { state: "dismissed" });
  }

  /** @param {PopView} pop */
  async #open(pop) {
    if (this.#climbing.has(pop.pop)) return;
    if (pop.target !== "tab") {
      this.#climbing.add(pop.pop);
      await this.#ports.settled;
      this.#climbing.delete(pop.pop);
    }
    // It may have been withdrawn, or opened by a click, while the page around had its time.
    if (this.#ports.isOpening(pop.pop)) await this.#climb(pop, false);
  }

  /** @param {PopView} pop @param {boolean} byClick */
  async #climb(pop, byClick) {
    if (this.#climbing.has(pop.pop)) return;
    this.#climbing.add(pop.pop);
    const { ways, around, report, change } = this.#ports;
    // A mirror's pop belongs to another panel, and a second look is no second pop.
    const counts = ["opening", "ready", "blocked", "failed"].includes(pop.state);
    // Who asks again for what is shown beside the panel wants it elsewhere.
    const tries = byClick && pop.rung === "embedded" ? LINK : rungs(pop.target, around(), byClick);
    const last = await climb(pop, tries, ways, (tried) => {
      const { rung, outcome, detail } = tried;
      if (counts) report({ pop: pop.pop, outcome, rung, detail });
    });
    this.#climbing.delete(pop.pop);
    change(pop.pop, { state: last.outcome, rung: last.rung, detail: last.detail });
  }
}
