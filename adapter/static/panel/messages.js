// @ts-check
// Read what the server sends: nothing that is not what it should be reaches the page.

/**
 * @typedef {{id: string, channel: string | null, direction: string | null, agent: string | null,
 *   customer: Readonly<Record<string, string>>, queue: string | null, stage: string | null,
 *   stages: Readonly<Record<string, string>>, attributes: Readonly<Record<string, unknown>>,
 *   linked: readonly string[]}} Contact
 * @typedef {{pop: string, contact: string | null, present: "open" | "card" | "mirror",
 *   attempt: number, target: "host" | "embedded" | "tab", url: string,
 *   record: {table: string, id: string} | null, reason: string, at: string}} Pop
 * @typedef {{id: string, type: string, subject: string | null, sequence: string | null,
 *   time: string | null, data: Record<string, unknown>}} FeedEvent
 * @typedef {{kind: "event", event: FeedEvent} | {kind: "control", message: Record<string, unknown>}
 *   | {kind: "invalid", reason: string}} Parsed
 */

/**
 * Take a text frame apart. CloudEvents have `specversion`, control messages do not.
 * @param {unknown} frame
 * @returns {Parsed}
 */
export function parse(frame) {
  if (typeof frame !== "string") return invalid("not a text frame");
  let message;
  try {
    message = JSON.parse(frame);
  } catch {
    return invalid("not JSON");
  }
  if (!isObject(message)) return invalid("not an object");
  if (typeof message.type !== "string") return invalid("no type");
  if (!("specversion" in message)) return { kind: "control", message };
  if (typeof message.id !== "string" || !message.id) return invalid("an event without an id");
  if (!isObject(message.data)) return invalid("an event without data");
  const { id, type, data } = message;
  const event = { id, type, data, subject: text(message.subject), time: text(message.time) };
  const sequence = text(message.sequence);
  return { kind: "event", event: { ...event, sequence: isSequence(sequence) ? sequence : null } };
}

/**
 * Read a contact, or null where it has no id. What is absent is null or empty.
 * @param {unknown} data
 * @returns {Contact | null}
 */
export function readContact(data) {
  if (!isObject(data) || typeof data.id !== "string" || !data.id) return null;
  return {
    id: data.id,
    channel: text(data.channel),
    direction: text(data.direction),
    agent: text(data.agent),
    customer: texts(data.customer),
    queue: text(data.queue),
    stage: text(data.stage),
    stages: texts(data.stages),
    attributes: isObject(data.attributes) ? data.attributes : {},
    linked: Array.isArray(data.linked) ? data.linked.filter((each) => typeof each === "string") : [],
  };
}

/**
 * Read a pop, or null where it cannot be opened: no id, or a URL that is no web address
 * (a `javascript:` URL would run in our own origin).
 * @param {unknown} data
 * @returns {Pop | null}
 */
export function readPop(data) {
  if (!isObject(data) || typeof data.pop !== "string" || !data.pop) return null;
  const url = webAddress(data.url);
  if (url === null) return null;
  const { record } = data;
  return {
    pop: data.pop,
    contact: text(data.contact),
    // What does not say that this panel opens it must never open by itself.
    present: data.present === "open" || data.present === "mirror" ? data.present : "card",
    attempt: typeof data.attempt === "number" ? data.attempt : 1,
    target: data.target === "host" || data.target === "embedded" ? data.target : "tab",
    url,
    record:
      isObject(record) && typeof record.table === "string" && typeof record.id === "string"
        ? { table: record.table, id: record.id }
        : null,
    // A policy's reason is for the admin (the contact's trace has it); what a sender of a pop on
    // demand says is for the agent.
    reason: typeof data.stage === "string" ? "" : (text(data.reason) ?? ""),
    at: text(data.at) ?? "",
  };
}

/**
 * Give the URL in the browser's spelling where it is http or https, else null.
 * @param {unknown} value
 */
export function webAddress(value) {
  if (typeof value !== "string") return null;
  try {
    const url = new URL(value);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * What makes an event the same as one before. A pop that passes from panel to panel keeps the
 * message's id, so what it asks of this panel belongs to its identity.
 * @param {FeedEvent} event
 */
export function identity(event) {
  if (event.type !== "screenpop.pop") return event.id;
  return `${event.id} ${event.data.present} ${event.data.attempt}`;
}

/** Remember the latest identities, so that what is delivered twice counts once. */
export class Seen {
  /** @type {Set<string>} */
  #latest = new Set();
  #limit;

  /** @param {number} [limit] more than a server sends again after a reconnect */
  constructor(limit = 5000) {
    this.#limit = limit;
  }

  /** True the first time. @param {string} id */
  add(id) {
    if (this.#latest.has(id)) return false;
    this.#latest.add(id);
    if (this.#latest.size > this.#limit) {
      const [oldest] = this.#latest;
      this.#latest.delete(oldest);
    }
    return true;
  }

  clear() {
    this.#latest.clear();
  }
}

/**
 * Whether sequence `a` comes after `b` (decimal, of any length: no number of JavaScript holds all).
 * @param {string} a
 * @param {string | null} b
 */
export function isAfter(a, b) {
  if (b === null) return true;
  const [left, right] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return left.length === right.length ? left > right : left.length > right.length;
}

/** @param {string} reason @returns {Parsed} */
const invalid = (reason) => ({ kind: "invalid", reason });

/** @param {string | null} value */
const isSequence = (value) => value !== null && /^\d{1,40}$/.test(value);

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {unknown} value */
const text = (value) => (typeof value === "string" && value !== "" ? value : null);

/** @param {unknown} value @returns {Record<string, string>} */
function texts(value) {
  if (!isObject(value)) return {};
  const pairs = Object.entries(value).filter(([, each]) => typeof each === "string" && each !== "");
  return Object.fromEntries(/** @type {[string, string][]} */ (pairs));
}
