// @ts-check
// Ask the server whether the pages around the panel may show it (`frame-ancestors` decided first;
// it cannot tell http from https, the server can).

/**
 * @typedef {{allowed: true} | {allowed: false, origin: string, line: string, detail: string}} Verdict
 */

/**
 * Give the origins of the pages around this one that can be checked. Browsers redact some to
 * "null", and Firefox gives none inside <object>: that proves nothing, and CSP has decided there.
 * @param {{ancestorOrigins?: ArrayLike<string>, origin: string}} location
 * @returns {string[]} each once, nearest first
 */
export function ancestors(location) {
  const all = [...new Set(Array.from(location.ancestorOrigins ?? []))];
  return all.filter((each) => /^https?:\/\//.test(each) && each !== location.origin);
}

/**
 * Give what a session is bound to: the pages around, none where this is the top page, or null where
 * the browser does not tell.
 * @param {{ancestorOrigins?: ArrayLike<string>, origin: string}} location
 * @param {boolean} framed
 */
export function surroundings(location, framed) {
  const known = ancestors(location);
  return framed && known.length === 0 ? null : known;
}

/**
 * @param {typeof fetch} fetch
 * @param {readonly string[]} origins
 * @returns {Promise<Verdict>}
 * @throws {Error} where the server cannot say (try again)
 */
export async function check(fetch, origins) {
  if (origins.length === 0) return { allowed: true };
  const response = await fetch("/v1/embedder", {
    method: "POST",
    headers: { "X-Screenpop": "1", "Content-Type": "application/json" },
    body: JSON.stringify({ ancestors: origins }),
  });
  if (response.ok) return { allowed: true };
  if (response.status !== 403) throw new Error(`HTTP ${response.status}`);
  const problem = await response.json().catch(() => ({}));
  return {
    allowed: false,
    origin: String(problem.origin ?? origins[0]),
    line: String(problem.line ?? problem.origin ?? origins[0]),
    detail: String(problem.detail ?? ""),
  };
}

/** A refused page may ask again after this time; an admin may be adding the line just now; ms. */
const FORGET = 15_000;

/** Remember what the server said of each origin, so that it is not asked twice a second. */
export class Embedders {
  #fetch;
  #clock;
  /** @type {Map<string, Promise<boolean>>} */
  #known = new Map();

  /** @param {typeof fetch} fetch @param {import("./feed.js").Clock} clock */
  constructor(fetch, clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Ask about all pages around, anew. @param {readonly string[]} origins */
  async check(origins) {
    this.#known.clear();
    const verdict = await check(this.#fetch, origins);
    for (const each of verdict.allowed ? origins : []) this.#known.set(each, Promise.resolve(true));
    return verdict;
  }

  /** Whether a page of this origin may show the panel. @param {string} origin */
  mayShow(origin) {
    const known = this.#known.get(origin);
    if (known) return known;
    const answer = check(this.#fetch, [origin]).then(
      ({ allowed }) => allowed,
      () => false,
    );
    this.#known.set(origin, answer);
    void answer.then((allowed) => {
      if (!allowed) this.#clock.setTimeout(() => this.#known.delete(origin), FORGET);
    });
    return answer;
  }
}
