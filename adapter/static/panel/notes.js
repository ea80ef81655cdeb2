// @ts-check
// Keep what the agent writes: saved on the server a moment after it is typed, tried until it is.
//
// No DOM and no globals. The server merges what two windows write (docs/reference/http.md, "Notes").

/**
 * `state`: "waiting" is typed and not saved yet, "failed" is tried again, "refused" is not.
 * `replaced` is what another window wrote and a save replaced.
 * @typedef {"empty" | "waiting" | "saved" | "failed" | "refused"} NoteState
 * @typedef {{text: string, state: NoteState, replaced: string}} NoteView
 * @typedef {{text: string, version: number, replaced: string}} SavedNote
 * @typedef {{text: string, base: number, settled: boolean}} Draft
 * @typedef {NoteView & {base: number, settled: boolean, saving: number, attempt: number,
 *   since: number, timer: unknown}} Entry
 *   `since` is when the oldest change that is not saved was typed; `saving` numbers the request
 *   that is under way, 0 where none is.
 */

/** The server will never take it; anything else that goes wrong is tried again. */
export class NoteRefused extends Error {}

/** A pause in typing, ms. */
const PAUSE = 800;
/** Without a pause it is saved so often, ms: what a crash can cost. */
const AT_LEAST = 3_000;
/** Between tries, ms. */
const BACKOFF = [1_000, 2_000, 4_000, 8_000, 15_000];

/** @type {NoteView} */
const NONE = { text: "", state: "empty", replaced: "" };

export class Notes {
  #ports;
  /** By contact. @type {Map<string, Entry>} */
  #entries = new Map();
  #requests = 0;

  /**
   * @param {{save: (contact: string, draft: Draft, leaving: boolean) => Promise<SavedNote>,
   *   clock: import("./feed.js").Clock, changed: () => void}} ports
   *   `save` rejects with NoteRefused where trying again is in vain.
   */
  constructor(ports) {
    this.#ports = ports;
  }

  /** @param {string} contact @returns {NoteView} */
  view(contact) {
    return this.#entries.get(contact) ?? NONE;
  }

  /** Whether something is lost if the page goes away now. */
  get unsaved() {
    return [...this.#entries.values()].some(isUnsaved);
  }

  /** The agent typed. @param {string} contact @param {string} text */
  write(contact, text) {
    const entry = this.#entry(contact);
    if (entry.text === text) return;
    entry.text = text;
    this.#due(contact, entry);
  }

  /**
   * The agent decided about what another window wrote.
   * @param {string} contact
   * @param {boolean} add whether to add it below
   */
  settle(contact, add) {
    const entry = this.#entry(contact);
    if (add) entry.text = [entry.text.trimEnd(), entry.replaced].filter(Boolean).join("\n\n");
    entry.replaced = "";
    entry.settled = true;
    this.#due(contact, entry);
    void this.#save(contact, entry);
  }

  /**
   * Take in what the server has; what was typed here and is not saved stays.
   * @param {Readonly<Record<string, unknown>>} notes by contact
   */
  take(notes) {
    for (const [contact, value] of Object.entries(notes)) {
      const note = readNote(value);
      const entry = this.#entry(contact);
      if (!note || isUnsaved(entry) || note.version < entry.base) continue;
      Object.assign(entry, { text: note.text, base: note.version, replaced: note.replaced });
      entry.state = note.text ? "saved" : "empty";
    }
    this.#ports.changed();
  }

  /** Save everything now; `leaving` because the page may go away before the answer comes. */
  async flush(leaving = false) {
    const saves = [...this.#entries]
      .filter(([, entry]) => isUnsaved(entry) && entry.state !== "refused")
      .map(([contact, entry]) => this.#save(contact, entry, leaving));
    await Promise.all(saves);
  }

  /** Forget everything: another agent works here. */
  clear() {
    for (const entry of this.#entries.values()) this.#ports.clock.clearTimeout(entry.timer);
    this.#entries.clear();
  }

  /** @param {string} contact @returns {Entry} */
  #entry(contact) {
    let entry = this.#entries.get(contact);
    if (!entry) {
      entry = { ...NONE, base: 0, settled: false, saving: 0, attempt: 0, since: 0, timer: null };
      this.#entries.set(contact, entry);
    }
    return entry;
  }

  /** @param {string} contact @param {Entry} entry */
  #due(contact, entry) {
    const now = this.#ports.clock.now();
    if (!isUnsaved(entry)) entry.since = now;
    entry.state = "waiting";
    entry.attempt = 0;
    const wait = Math.max(0, Math.min(PAUSE, entry.since + AT_LEAST - now));
    this.#schedule(contact, entry, wait);
    this.#ports.changed();
  }

  /** @param {string} contact @param {Entry} entry @param {number} ms */
  #schedule(contact, entry, ms) {
    const { clock } = this.#ports;
    clock.clearTimeout(entry.timer);
    entry.timer = clock.setTimeout(() => void this.#save(contact, entry), ms);
  }

  /** @param {string} contact @param {Entry} entry @param {boolean} [leaving] */
  async #save(contact, entry, leaving = false) {
    this.#ports.clock.clearTimeout(entry.timer);
    // One at a time, so that none overtakes another; a page that goes away cannot wait.
    if (entry.saving && !leaving) return;
    const request = ++this.#requests;
    entry.saving = request;
    const draft = { text: entry.text, base: entry.base, settled: entry.settled };
    try {
      const note = await this.#ports.save(contact, draft, leaving);
      if (this.#ended(contact, entry, request)) this.#saved(contact, entry, draft, note);
    } catch (error) {
      if (this.#ended(contact, entry, request)) this.#failed(contact, entry, draft, error);
    }
  }

  /** Whether a request that ended is the latest of a note that is still here. */
  #ended(/** @type {string} */ contact, /** @type {Entry} */ entry, /** @type {number} */ request) {
    if (entry.saving === request) entry.saving = 0;
    return entry.saving === 0 && this.#entries.get(contact) === entry;
  }

  /**
   * @param {string} contact @param {Entry} entry @param {Draft} draft @param {SavedNote} note
   */
  #saved(contact, entry, draft, note) {
    Object.assign(entry, { base: note.version, replaced: note.replaced, attempt: 0 });
    if (draft.settled) entry.settled = false;
    if (entry.text === draft.text && !entry.settled) {
      entry.state = entry.text ? "saved" : "empty";
    } else {
      entry.since = this.#ports.clock.now();
      this.#schedule(contact, entry, PAUSE);
    }
    this.#ports.changed();
  }

  /** @param {string} contact @param {Entry} entry @param {Draft} draft @param {unknown} error */
  #failed(contact, entry, draft, error) {
    const refused = error instanceof NoteRefused && entry.text === draft.text;
    entry.state = refused ? "refused" : "failed";
    if (!refused) {
      const wait = BACKOFF[Math.min(entry.attempt, BACKOFF.length - 1)];
      entry.attempt += 1;
      this.#schedule(contact, entry, wait);
    }
    this.#ports.changed();
  }
}

/** @param {NoteView} entry */
const isUnsaved = ({ state }) => state !== "empty" && state !== "saved";

/** @param {unknown} value @returns {SavedNote | null} */
export function readNote(value) {
  if (typeof value !== "object" || value === null) return null;
  const { text, version, replaced } = /** @type {Record<string, unknown>} */ (value);
  if (typeof text !== "string" || typeof version !== "number") return null;
  return { text, version, replaced: typeof replaced === "string" ? replaced : "" };
}
