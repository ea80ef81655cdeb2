// @ts-check
// Open a record by the best way there is, rung by rung, and report what each rung did.
//
// host: the Dynamics around us navigates. embedded: a frame beside the panel, where that is the top
// page. tab: the one named tab. link: a button, which always stays.

/**
 * @typedef {import("./messages.js").Pop} Pop
 * @typedef {"host" | "embedded" | "tab" | "link"} Rung
 * @typedef {{outcome: "opened" | "blocked" | "failed" | "unknown", detail: string}} Result
 * @typedef {Result & {rung: Rung}} Tried
 * @typedef {{framed: boolean, hostConnected: boolean}} Surroundings
 * @typedef {Readonly<Record<Rung, (pop: Pop) => Result | Promise<Result>>>} Ways
 */

/**
 * List the rungs to try, from the configured one down. "embedded" means the surrounding Dynamics
 * where there is one: model-driven apps are not supported inside another page's frame.
 * @param {Pop["target"]} target
 * @param {Surroundings} around
 * @param {boolean} byClick a click may open a tab, so "tab" becomes "link"
 * @returns {Rung[]}
 */
export function rungs(target, { framed, hostConnected }, byClick) {
  /** @type {Rung[]} */
  const all = [];
  if (target === "host" || (target === "embedded" && framed)) all.push("host");
  else if (target === "embedded") all.push("embedded");
  // A click lasts for five seconds; an absent host must not use them up.
  const some = byClick && !hostConnected ? all.filter((each) => each !== "host") : all;
  return [...some, byClick ? "link" : "tab"];
}

/**
 * Try each rung until one did not refuse. Never throws: a way that breaks has failed.
 * @param {Pop} pop
 * @param {readonly Rung[]} tries
 * @param {Ways} ways
 * @param {(tried: Tried) => void} report called once for each rung that was tried
 * @returns {Promise<Tried>} the last one tried
 */
export async function climb(pop, tries, ways, report) {
  /** @type {Tried} */
  let last = { rung: "link", outcome: "blocked", detail: "" };
  for (const rung of tries) {
    last = { rung, ...(await attempt(ways[rung], pop)) };
    report(last);
    if (last.outcome === "opened" || last.outcome === "unknown") return last;
  }
  return last;
}

/** @param {Ways[Rung]} way @param {Pop} pop @returns {Promise<Result>} */
async function attempt(way, pop) {
  try {
    return await way(pop);
  } catch (error) {
    return { outcome: "failed", detail: error instanceof Error ? error.message : String(error) };
  }
}
