// @ts-check
// Put a contact into words: who, by what, at which point, for how long, and what else is known.

import { readable } from "./numbers.js";
import { msg, t, unturned } from "./strings.js";

/** @typedef {import("./contacts_state.js").ContactView} ContactView */

const PHASES = {
  waiting: msg("Waiting"),
  ringing: msg("Ringing"),
  dialling: msg("Calling"),
  talking: msg("In conversation"),
  transferred: msg("Transferred to you"),
  ended: msg("Ended"),
};

const CHANNELS = /** @type {Readonly<Record<string, string>>} */ ({
  voice: msg("Call"),
  chat: msg("Chat"),
  email: msg("E-mail"),
  sms: msg("Text message"),
  task: msg("Task"),
});

/** What the server says of pops in English, as the trace has it (`tests/web/test_assets.py`). */
const REASONS = /** @type {Readonly<Record<string, string>>} */ ({
  "asked for by a program (POST /v1/pops)": msg("A program asked for it."),
  "the contact went to another agent": msg("The contact went to another agent."),
  "the contact left the agent": msg("The contact left you."),
  "the contact was erased": msg("The contact was erased."),
  "this id turned out to be another agent's": msg("The contact belongs to another agent."),
});

/** Why a record is to be opened, or is not any more; what a program says stays in its words. @param {string} reason */
export const reasonWords = (reason) =>
  Object.hasOwn(REASONS, reason) ? t(REASONS[reason]) : unturned(reason);

/** @param {ContactView["phase"]} phase */
export const phaseWords = (phase) => t(PHASES[phase]);

/** "Incoming call", "Outgoing call", "Chat". @param {ContactView} contact */
export function kindWords({ channel, direction }) {
  const voice = channel === null || channel === "voice";
  if (voice && direction === "inbound") return t("Incoming call");
  if (voice && direction === "outbound") return t("Outgoing call");
  const known = CHANNELS[channel ?? "voice"];
  return known ? t(known) : String(channel);
}

/** The sprite's icon for a channel. @param {ContactView} contact */
export function icon({ channel, direction }) {
  if (channel === null || channel === "voice") {
    return direction === "outbound" ? "call-out" : "call-in";
  }
  return ["chat", "email", "sms", "task"].includes(channel) ? channel : "contact";
}

/**
 * Who it is, in at most two lines: the name, and how they reached us.
 * @param {ContactView} contact
 */
export function caller({ customer }) {
  const phone = customer.phone ? readable(customer.phone) : "";
  const address = phone || unturned(customer.email ?? "");
  const name = unturned(customer.name ?? "").trim();
  if (name && name !== customer.phone) return { title: name, address };
  return { title: address || t("Unknown caller"), address: "" };
}

/** The one sentence for a screen reader when it rings. @param {ContactView} contact */
export function announcement(contact) {
  const { title, address } = caller(contact);
  const who = address ? `${title}, ${address}` : title;
  return contact.queue
    ? t("{kind} from {who}, queue {queue}", { kind: kindWords(contact), who, queue: contact.queue })
    : t("{kind} from {who}", { kind: kindWords(contact), who });
}

/** Since when the present phase lasts (ISO), as far as the stages tell. @param {ContactView} contact */
export function phaseSince({ phase, stages }) {
  const of = {
    waiting: [stages.created],
    ringing: [stages.transferred, stages.offered],
    dialling: [stages.made],
    talking: [stages.transferred, stages.answered],
    transferred: [stages.transferred],
    ended: [stages.ended],
  };
  return of[phase].find(Boolean) ?? null;
}

/**
 * What became of a contact that is over.
 * @param {ContactView} contact
 * @param {"ended" | "transferred"} left
 */
export function leftWords({ stages, direction }, left) {
  if (left === "transferred") return t("Transferred");
  const rang = stages.offered ?? stages.made;
  if (stages.answered || !rang) return t("Ended");
  return direction === "outbound" ? t("Not answered") : t("Missed");
}

/** How long it was talked, "" where that is not known. @param {ContactView} contact */
export function talked({ stages }) {
  const ms = Date.parse(stages.ended ?? "") - Date.parse(stages.answered ?? "");
  return ms >= 0 ? duration(ms) : "";
}

/** "0:07", "12:05", "1:02:03". @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Longer values are notes for machines, or too long to read while talking. */
const READABLE_LENGTH = 120;

/**
 * Choose the attributes that help a person: short values that say something and are not on the
 * card already. Ids, ARNs and URLs are for machines.
 * @param {ContactView} contact
 * @returns {[string, string][]} name in words, value
 */
export function attributes(contact) {
  const shown = new Set([...Object.values(contact.customer), contact.queue, contact.id]);
  return Object.entries(contact.attributes)
    .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value))
    .map(([name, value]) => /** @type {[string, string]} */ ([name, String(value).trim()]))
    .filter(([, value]) => value && !shown.has(value) && isForPeople(value))
    .map(([name, value]) => [humanized(unturned(name)), unturned(value)]);
}

/** @param {string} value */
const isForPeople = (value) =>
  value.length <= READABLE_LENGTH &&
  !/^(arn:|https?:|\{|\[)/.test(value) &&
  !/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(value);

/** "CustomerEndpoint", "loyalty_level" → "Customer endpoint", "Loyalty level". @param {string} name */
export function humanized(name) {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/[_\-.]+/g, " ")
    .trim();
  const lower = words.replace(/\b[A-Z](?=[a-z])/g, (letter) => letter.toLowerCase());
  return lower.charAt(0).toUpperCase() + lower.slice(1);
}
