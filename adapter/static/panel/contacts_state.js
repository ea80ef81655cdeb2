// @ts-check
// Reduce the feed's messages to what the panel shows: no clock, no DOM, no network.
//
// A snapshot and the events that led to it give the same open contacts and unfinished pops
// (tests/js/contacts_state.test.mjs plays both ways).

import { readContact, readPop } from "./messages.js";

/**
 * @typedef {import("./messages.js").Contact} Contact
 * @typedef {import("./messages.js").Pop} Pop
 * @typedef {import("./messages.js").FeedEvent} FeedEvent
 *
 * What became of a pop on this panel. "opening": a rung of the ladder is being tried; "ready": it
 * waits for the agent's click; "blocked" and "failed": so, too, and the card says why.
 * @typedef {"opening" | "ready" | "blocked" | "failed" | "opened" | "unknown" | "mirror"
 *   | "withdrawn" | "dismissed"} PopState
 * @typedef {Pop & {state: PopState, rung: string | null, detail: string}} PopView
 *
 * @typedef {"waiting" | "ringing" | "dialling" | "talking" | "transferred" | "ended"} Phase
 * @typedef {Contact & {phase: Phase}} ContactView
 * @typedef {{contact: ContactView, left: "ended" | "transferred", at: string | null,
 *   pop: PopView | null}} Recent
 * @typedef {{agent: string | null, contacts: ReadonlyMap<string, ContactView>,
 *   pops: ReadonlyMap<string, PopView>, recent: readonly Recent[]}} State
 */

/** Contacts that are over and still listed: a busy day, and no more rows than a page can draw. */
const RECENT = 60;

/** @type {Readonly<Record<string, Phase>>} */
const PHASES = {
  created: "waiting",
  offered: "ringing",
  made: "dialling",
  answered: "talking",
  transferred: "transferred",
  ended: "ended",
  recorded: "ended",
  transcribed: "ended",
};

/** @param {string | null} agent @returns {State} */
export const empty = (agent = null) => ({
  agent,
  contacts: new Map(),
  pops: new Map(),
  recent: [],
});

/**
 * Give the state after an event of the feed.
 * @param {State} state
 * @param {FeedEvent} event
 * @returns {State}
 */
export function reduce(state, event) {
  if (event.type === "screenpop.snapshot") return snapshot(state, event.data);
  if (event.type === "screenpop.pop") return popped(state, event.data);
  if (event.type === "screenpop.pop.withdrawn") return withdrawn(state, event.data);
  if (event.type.startsWith("screenpop.contact.")) {
    return changed(state, readContact(event.data), event.type.slice("screenpop.contact.".length));
  }
  return state;
}

/**
 * Give the state after something happened to a pop on this panel (not on the feed).
 * @param {State} state
 * @param {string} pop
 * @param {{state: PopState, rung?: string | null, detail?: string}} change
 * @returns {State}
 */
export function settle(state, pop, change) {
  const known = state.pops.get(pop);
  if (!known) return state;
  const pops = new Map(state.pops);
  const { rung = null, detail = "" } = change;
  pops.set(pop, { ...known, state: change.state, rung, detail });
  return { ...state, pops };
}

/**
 * Give the state with what the server knows of the day (`GET /v1/history`). What is open here, or
 * ended while the answer was on its way, is known better here.
 * @param {State} state
 * @param {readonly unknown[]} items
 * @returns {State}
 */
export function recall(state, items) {
  const told = items.map(readRecent).filter((each) => each !== null);
  const ids = new Set(told.map(({ contact }) => contact.id));
  const here = state.recent.filter(({ contact }) => !ids.has(contact.id));
  const over = told.filter(({ contact }) => !state.contacts.has(contact.id));
  return { ...state, recent: [...here, ...over].slice(0, RECENT) };
}

/** @param {unknown} item @returns {Recent | null} */
function readRecent(item) {
  const { contact, left, at, pop } = /** @type {Record<string, unknown>} */ (item ?? {});
  const known = readContact(contact);
  if (!known) return null;
  const record = readPop(pop);
  return {
    contact: { ...known, phase: "ended" },
    left: left === "transferred" ? "transferred" : "ended",
    at: typeof at === "string" ? at : null,
    // Settled, so that opening it again is reported to nobody.
    pop: record && { ...record, state: "opened", rung: null, detail: "" },
  };
}

/**
 * Arrange the state for the page: ringing first, then the newest; pops beside their contact, or
 * loose where that is not (or no longer) here and there is still something to do. A loose one
 * says whose it is, as long as the contact is remembered.
 * @param {State} state
 * @param {string | null} [writing] the contact whose card the agent writes in: it stays while it is
 *   written in, also when the contact is over
 */
export function arrange(state, writing = null) {
  const pops = [...state.pops.values()].filter((each) => each.state !== "dismissed");
  const kept = state.recent.filter(({ contact }) => contact.id === writing);
  const shown = [...state.contacts.values()].sort(byUrgency);
  const cards = [...shown, ...kept.map(({ contact }) => contact)].map((contact) => ({
    contact,
    pops: pops.filter((each) => each.contact === contact.id),
  }));
  const left = new Map(state.recent.map(({ contact }) => [contact.id, contact]));
  const loose = pops
    .filter(
      (each) =>
        !cards.some(({ contact }) => contact.id === each.contact) &&
        (each.state === "unknown" || !isSettled(each)),
    )
    .map((pop) => ({ pop, contact: left.get(pop.contact ?? "") ?? null }));
  return { cards, loose, recent: state.recent.filter((each) => !kept.includes(each)) };
}

/** Whether an agent is busy with a contact (a reload would disturb). @param {State} state */
export const isBusy = (state) => state.contacts.size > 0;

/**
 * @param {State} state
 * @param {Record<string, unknown>} data
 * @returns {State}
 */
function snapshot(state, data) {
  const contacts = new Map();
  for (const item of list(data.contacts)) {
    const contact = readContact(item);
    if (contact && isOurs(state, contact) && !("ended" in contact.stages)) {
      contacts.set(contact.id, inPhase(contact, state.contacts.get(contact.id), "updated"));
    }
  }
  // What the panel showed and the server no longer has, ended while we were away.
  let recent = state.recent.filter(({ contact }) => !contacts.has(contact.id));
  for (const contact of state.contacts.values()) {
    if (!contacts.has(contact.id)) recent = remember(state, recent, contact, "ended");
  }
  /** @type {State} */
  let next = { ...state, contacts, recent, pops: new Map() };
  for (const item of list(data.pops)) next = popped({ ...next, pops: next.pops }, item, state.pops);
  return { ...next, pops: new Map([...settledPops(state, contacts), ...next.pops]) };
}

/**
 * Finished pops are in no snapshot; their card still says that the record was opened.
 * @param {State} state
 * @param {ReadonlyMap<string, ContactView>} contacts
 */
const settledPops = (state, contacts) =>
  [...state.pops].filter(
    ([, pop]) => isSettled(pop) && pop.contact !== null && contacts.has(pop.contact),
  );

/**
 * @param {State} state
 * @param {unknown} data
 * @param {ReadonlyMap<string, PopView>} [before]
 * @returns {State}
 */
function popped(state, data, before = state.pops) {
  const pop = readPop(data);
  if (!pop) return state;
  const known = before.get(pop.pop);
  // A pop that this panel opened stays opened, whatever the server hears of it late: one pop.
  if (known && (known.state === "opened" || known.state === "unknown")) {
    return { ...state, pops: new Map(state.pops).set(pop.pop, known) };
  }
  if (known?.state === "opening" && pop.present === "open") {
    return { ...state, pops: new Map(state.pops).set(pop.pop, known) };
  }
  /** @type {PopState} */
  const fresh = pop.present === "open" ? "opening" : pop.present === "card" ? "ready" : "mirror";
  const view = { ...pop, state: fresh, rung: null, detail: "" };
  return { ...state, pops: new Map(state.pops).set(pop.pop, view) };
}

/**
 * @param {State} state
 * @param {Record<string, unknown>} data
 * @returns {State}
 */
function withdrawn(state, data) {
  const id = typeof data.pop === "string" ? data.pop : "";
  const known = state.pops.get(id);
  if (!known || known.state === "opened" || known.state === "unknown") return state;
  if (!known.contact || !state.contacts.has(known.contact)) {
    const pops = new Map(state.pops);
    pops.delete(id);
    return { ...state, pops };
  }
  const detail = typeof data.reason === "string" ? data.reason : "";
  return settle(state, id, { state: "withdrawn", detail });
}

/**
 * @param {State} state
 * @param {Contact | null} contact
 * @param {string} what the stage that was just reported, or "updated"
 * @returns {State}
 */
function changed(state, contact, what) {
  if (!contact) return state;
  const known = state.contacts.get(contact.id);
  const contacts = new Map(state.contacts);
  const ended = "ended" in contact.stages;
  if (isOurs(state, contact) && !ended) {
    contacts.set(contact.id, inPhase(contact, known, what));
    const recent = state.recent.filter((each) => each.contact.id !== contact.id);
    return { ...state, contacts, recent };
  }
  contacts.delete(contact.id);
  const listed = known ?? state.recent.find((each) => each.contact.id === contact.id)?.contact;
  if (!listed && !isOurs(state, contact)) return state;
  const left = ended && isOurs(state, contact) ? "ended" : "transferred";
  const shown = { ...contact, phase: /** @type {Phase} */ ("ended") };
  return forget({ ...state, contacts, recent: remember(state, state.recent, shown, left) });
}

/**
 * Pops of contacts that left even the recent list go, so that a panel open for weeks stays small.
 * @param {State} state
 * @returns {State}
 */
function forget(state) {
  const kept = new Set([...state.contacts.keys(), ...state.recent.map((each) => each.contact.id)]);
  const pops = [...state.pops].filter(
    ([, pop]) => !isSettled(pop) || (pop.contact !== null && kept.has(pop.contact)),
  );
  return pops.length === state.pops.size ? state : { ...state, pops: new Map(pops) };
}

/**
 * @param {State} state
 * @param {readonly Recent[]} recent
 * @param {ContactView} contact
 * @param {Recent["left"]} left
 */
function remember(state, recent, contact, left) {
  const known = recent.find((each) => each.contact.id === contact.id);
  const pop = lastPop(state, contact.id) ?? known?.pop ?? null;
  const item = { contact, left, at: contact.stages[left] ?? known?.at ?? null, pop };
  return known
    ? recent.map((each) => (each === known ? item : each))
    : [item, ...recent].slice(0, RECENT);
}

/** The last record of a contact that is or was here to be opened. @param {State} state @param {string} contact */
const lastPop = (state, contact) =>
  [...state.pops.values()]
    .filter((each) => each.contact === contact && each.state !== "withdrawn")
    .at(-1) ?? null;

/**
 * Say where the contact is for this agent. `stage` is the furthest that the contact ever reached,
 * so after a transfer only the latest report tells ringing from talking.
 * @param {Contact} contact
 * @param {ContactView | undefined} known
 * @param {string} what
 * @returns {ContactView}
 */
function inPhase(contact, known, what) {
  const furthest = PHASES[contact.stage ?? "created"] ?? "waiting";
  if (furthest !== "transferred") return { ...contact, phase: furthest };
  const reported = what === "offered" || what === "answered" ? PHASES[what] : null;
  return { ...contact, phase: reported ?? known?.phase ?? furthest };
}

/** @param {State} state @param {Contact} contact */
const isOurs = (state, contact) =>
  state.agent === null || contact.agent?.toLowerCase() === state.agent.toLowerCase();

/** @param {PopView} pop */
const isSettled = (pop) => ["opened", "unknown", "withdrawn", "dismissed"].includes(pop.state);

/** @param {unknown} value @returns {unknown[]} */
const list = (value) => (Array.isArray(value) ? value : []);

/** @param {ContactView} a @param {ContactView} b */
function byUrgency(a, b) {
  const rings = Number(b.phase === "ringing") - Number(a.phase === "ringing");
  return rings || latest(b).localeCompare(latest(a)) || a.id.localeCompare(b.id);
}

/** @param {Contact} contact */
const latest = ({ stages }) =>
  stages.offered ?? stages.made ?? stages.created ?? stages.answered ?? "";
