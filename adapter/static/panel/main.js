// @ts-check
// Connect the parts of the panel: start reading here.
//
// What tests and other programs may hold on to (stable):
//   #connection[data-state]        connecting | live | waiting | stopped | signed-out
//   [data-contact=ID]              a contact's card; on it [data-stage] (as the feed has it) and
//                                  [data-phase] (waiting, ringing, dialling, talking, transferred)
//   [data-pop=ID][data-state]      a pop: opening | ready | blocked | failed | opened | unknown |
//                                  mirror | withdrawn; in it [data-part=open] and [data-part=dismiss]
//   [data-notice=ID]               embedder | lost-server | stopped | signed-out | tabs | version;
//                                  in it [data-part=action]
//   [data-recent=ID]               a contact that is over, in #recent; in it [data-part=open]
//   contact-notes[data-state]      empty | waiting | saved | failed | refused; in it a <textarea>
//   sign-in-card[data-state]       idle | waiting | blocked | failed | agent-unconfirmed |
//                                  not-an-agent | ending; in it [data-part=first] and [data-part=second]
//   #sign-in-form, #sign-in-agent, #sign-in, #sign-out, #sign-out-everywhere, #start-shift, #sound[data-state], #empty,
//   #announcer (role=alert), #record (the frame beside the panel)

import { afterDrawing } from "./after_drawing.js";
import { ConnectionState } from "./connection-state.js";
import { ContactCard } from "./contact-card.js";
import { ContactNotes } from "./contact-notes.js";
import { empty, isBusy, recall, reduce, settle } from "./contacts_state.js";
import { Embedders, ancestors, surroundings } from "./embedder.js";
import { Feed } from "./feed.js";
import { HistoryItem } from "./history-item.js";
import { Host } from "./host.js";
import { wireLanguages } from "./languages.js";
import { Notes } from "./notes.js";
import { NoticeCard } from "./notice-card.js";
import { Page, stayUnderClicks } from "./page.js";
import { panelId, wasReloaded } from "./page_load.js";
import { PopCard } from "./pop-card.js";
import { PopTab } from "./pop_tab.js";
import { Pops } from "./pops.js";
import { recall as recallChoice, remember } from "./preferences.js";
import { Presence } from "./presence.js";
import { showRecord } from "./record_frame.js";
import { Records } from "./records.js";
import { rehearse } from "./rehearsal.js";
import { Ringer } from "./ringer.js";
import { isEnding } from "./session_limit.js";
import { NotYet, Session, SignInRequired, takeTicket } from "./session.js";
import { ShiftStart } from "./shift-start.js";
import { wireSignIn } from "./sign_in.js";
import { SignInCard } from "./sign-in-card.js";
import { SignInWindow } from "./sign_in_window.js";
import { signInCard } from "./sign_in_words.js";
import { load } from "./strings.js";
import { timeOfDay } from "./times.js";

/** The page around gets this long to connect before records open elsewhere; ms. */
const HOST_WITHIN = 1_500;
/** A refused page is asked about again, because an admin may be adding the line just now; ms. */
const ASK_AGAIN = 15_000;
/** A loss is worth a sound when it lasts this long; ms. */
const AUDIBLE_LOSS = 10_000;

/** An admin may be confirming who it is just now; ms. */
const CHECK_AGAIN = 15_000;
/** The server gives a new bearer when one is this old; ms. */
const RENEW_AFTER = 15 * 60_000;

const { version = "", demo = "", messages = "", session: known = "" } = document.body.dataset;
/** What the tenant's sign-in is called, empty where there is none. */
const provider = document.body.dataset.signIn ?? "";
const framed = window.top !== window.self;
const clock = {
  now: () => Date.now(),
  setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => window.setTimeout(run, ms),
  clearTimeout: (/** @type {number} */ id) => window.clearTimeout(id),
};
const request = window.fetch.bind(window);
const visible = () => document.visibilityState === "visible";

const panel = panelId();
const embedders = new Embedders(request, clock);
const page = new Page();
const firstTicket = takeTicket(window.location, window.history);
const session = new Session(
  request,
  firstTicket,
  surroundings(window.location, framed),
);
const popTab = new PopTab((url, name) => window.open(url, name));
const ringer = new Ringer(() => new AudioContext(), clock, navigator.locks);
const records = new Records(request, session);
const notes = new Notes({
  save: (contact, draft, leaving) => records.saveNote(contact, draft, leaving),
  clock,
  changed: () => draw(),
});
const presence = new Presence((message) => feed.send(message), clock, visible());

let state = empty();
/** @type {import("./embedder.js").Verdict | null} */
let verdict = null;
/** @type {import("./feed.js").FeedState} */
let feedState = { name: "connecting", since: null, retryAt: null, code: null, reason: "" };
let wasLive = false;
let newVersion = false;
let wantsTab = !framed;
let saidLost = false;
let signedOut = false;
/** The session ended before its time: an admin ended it, or its person in another window. */
let endedEarly = false;
/** Why somebody who is signed in takes no contacts yet. @type {NotYet | null} */
let held = null;
let checkAgain = 0;
/** The agent wants to be asked later to sign in again, before this session ends. */
let putOff = false;
/** Whether asking for a ticket can help: a browser writes each refusal to its console. */
let mayAsk = session.resume(() => sessionStorage) || known === "1" || firstTicket !== null;
/** The browser's clock minus the server's, ms. */
let clockAhead = 0;

const feed = new Feed({
  url: `${window.location.protocol.replace("http", "ws")}//${window.location.host}/v1/feed`,
  connect: (url, protocol) => new WebSocket(url, protocol),
  ticket: () => ticket(),
  hello: () => ({ version, panel, ...session.around, ...presence.words() }),
  clock,
  random: Math.random,
  visible,
  onState: (next) => {
    feedState = next;
    wasLive ||= next.name === "live";
    if (next.name === "live") signedOut = endedEarly = false;
    if (next.name === "signed-out") ended();
    surround();
  },
  onEvent: received,
  onWelcome: (welcome) => {
    session.keep(welcome.session);
    const agent = typeof welcome.agent === "string" ? welcome.agent : null;
    if (agent !== state.agent) {
      if (state.agent !== null) notes.clear();
      state = empty(agent);
    }
    newVersion = typeof welcome.version === "string" && welcome.version !== version;
    draw();
  },
});
const signIn = new SignInWindow({
  ask: (path, body) => session.ask(path, body),
  open: (url) => {
    try {
      return window.open(url, "_blank", "popup,width=520,height=680");
    } catch {
      return null; // Firefox throws where a sandbox forbids windows, others give null
    }
  },
  language: document.documentElement.lang,
  secure: window.isSecureContext,
  clock,
  random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
  digest: async (text) =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
  changed: () => surround(),
  signedIn: async (bearer) => {
    // Of a session that still works: what is written belongs to whom it was signed in as.
    if (feedState.name === "live") await notes.flush();
    session.keep(bearer);
    mayAsk = true;
    putOff = false;
    feed.start();
  },
});
const host = new Host({
  parent: framed ? window.parent : null,
  allowed: (origin) => embedders.mayShow(origin),
  clock,
  onConnected: () => {
    hostSettled();
    surround();
  },
});
/** @type {() => void} */
let hostSettled = () => {};
/** @type {Promise<void>} */
const settled = framed ? new Promise((resolve) => (hostSettled = resolve)) : Promise.resolve();
let hostHadTime = !framed;

const pops = new Pops({
  ways: {
    host: (pop) => host.open(pop),
    embedded: ({ url }) => showRecord(byId("record"), url),
    tab: ({ url }) => popTab.navigate(url),
    link: ({ url }) => popTab.openByClick(url),
  },
  around: () => ({ framed, hostConnected: host.connected }),
  settled,
  isOpening: (pop) => state.pops.get(pop)?.state === "opening",
  report: (outcome) => feed.report(outcome),
  change: (pop, change) => {
    state = settle(state, pop, change);
    wantsTab ||= change.rung === "tab"; // the page around did not open it
    draw();
  },
});

async function ticket() {
  clock.clearTimeout(checkAgain);
  if (!mayAsk) throw new SignInRequired();
  try {
    const made = await session.ticket();
    held = null;
    return made;
  } catch (error) {
    held = error instanceof NotYet ? error : null;
    if (held) checkAgain = clock.setTimeout(() => feed.start(), CHECK_AGAIN);
    throw error;
  }
}

/** @param {import("./messages.js").FeedEvent} event */
function received(event) {
  const ahead = event.time === null ? NaN : clock.now() - Date.parse(event.time);
  if (event.type === "screenpop.snapshot") clockAhead = Number.isNaN(ahead) ? 0 : ahead;
  else if (ahead < clockAhead) clockAhead = ahead;
  if (event.type === "screenpop.settings.changed") void settingsChanged(event.data);
  state = reduce(state, event);
  wantsTab ||= [...state.pops.values()].some((each) => each.target === "tab");
  draw();
  void pops.openAll(state.pops.values());
  // A snapshot holds what is open; the rest of the day, and the notes, are asked for beside it.
  if (event.type === "screenpop.snapshot") void lookBack();
}

async function lookBack() {
  const { agent } = state;
  const told = await records.today(new Date(clock.now()));
  if (told === null || state.agent !== agent) return;
  if (Array.isArray(told.contacts)) state = recall(state, told.contacts);
  notes.take(/** @type {Record<string, unknown>} */ (told.notes ?? {}));
  draw();
}

function draw() {
  page.draw(state, notes, clock.now() - clockAhead);
  surround();
  if (isAny("ringing")) afterDrawing(ring);
  else ringer.stop();
}

function ring() {
  if (isAny("ringing")) ringer.ring(isAny("talking"));
}

/** @param {string} phase */
function isAny(phase) {
  return [...state.contacts.values()].some((each) => each.phase === phase);
}

function surround() {
  const signedIn = feedState.name !== "signed-out" && state.agent !== null;
  page.surround({
    feed: feedState,
    now: clock.now(),
    verdict,
    newVersion,
    busy: isBusy(state),
    tabsRefused: popTab.refused,
    reloaded: wasReloaded(),
    wasLive,
    signedOut,
    endedEarly,
    canSignIn: demo === "1" || provider !== "",
    agent: state.agent,
    shift: {
      offered: signedIn && !popTab.ready && !popTab.refused && mayNeedTab(),
      startedBefore: popTab.started,
    },
    sound: ringer.muted ? "muted" : ringer.unlocked ? "on" : "locked",
  });
  drawSignIn();
}

/** Offer the sign-in, or say what it waits for. */
function drawSignIn() {
  const card = document.querySelector("sign-in-card");
  const isOut = feedState.name === "signed-out";
  const offered = provider !== "" && (isOut || isSigningInAgain());
  const endsAt = isOut || session.limit === null ? null : timeOfDay(session.limit.at);
  /** @type {SignInCard | null} */ (card)?.update(
    offered
      ? signInCard({ state: signIn.state, label: provider, held, wasLive, byChoice: signedOut, endedEarly, endsAt })
      : null,
  );
}

/** Whether the session ends soon, or its agent is about to renew it; a contact comes first. */
function isSigningInAgain() {
  if (feedState.name !== "live") return false;
  const busy = isBusy(state);
  if (signIn.state.name !== "idle") return !busy;
  return isEnding({ limit: session.limit, now: clock.now(), busy, putOff });
}

/** @param {string} action */
function signInAction(action) {
  if (action === "start" || action === "other") {
    signIn.start({ choose: action === "other" || signedOut });
  } else if (action === "cancel") signIn.cancel();
  else if (action === "later") {
    putOff = true;
    surround();
  }
  else if (action === "check") feed.start();
  else void signOut();
}

/** The tab is needed where records go there, or where no page around can open them. */
const mayNeedTab = () => wantsTab || (hostHadTime && !host.connected);

/** Ask about the pages around, then open the feed; a refused or lost question is asked again. */
async function start() {
  clock.clearTimeout(startAgain);
  try {
    verdict = await embedders.check(framed ? ancestors(window.location) : []);
    if (verdict.allowed) feed.start();
    else {
      feedState = { ...feedState, name: "stopped" };
      startAgain = clock.setTimeout(() => void start(), ASK_AGAIN);
    }
  } catch {
    const now = clock.now();
    const since = feedState.since ?? now;
    feedState = { name: "waiting", since, retryAt: now + 5_000, code: null, reason: "" };
    startAgain = clock.setTimeout(() => void start(), 5_000);
  }
  surround();
}
let startAgain = 0;

/** @param {Record<string, unknown>} data */
async function settingsChanged(data) {
  if (!framed || !Array.isArray(data.what) || !data.what.includes("domains")) return;
  verdict = await embedders.check(ancestors(window.location)).catch(() => verdict);
  surround();
}

/**
 * Load the page anew and stay signed in, also where no cookie is kept.
 * @param {string} [address] another address of the panel
 */
async function reload(address = window.location.href) {
  const [ticket] = await Promise.all([session.ticket().catch(() => null), notes.flush()]);
  const target = new URL(address);
  target.hash = ticket ? `#ticket=${encodeURIComponent(ticket)}` : "";
  session.leave(() => sessionStorage);
  // The same address with another fragment would not be loaded again.
  window.history.replaceState(null, "", target);
  window.location.reload();
}

function startShift() {
  void ringer.unlock().then(surround);
  popTab.openByClick(byId("start-shift").dataset.tab ?? "about:blank");
  remember(() => sessionStorage, "shift", popTab.started);
  surround();
}

function toggleSound() {
  const locked = !ringer.unlocked;
  ringer.muted = locked ? false : !ringer.muted;
  remember(() => localStorage, "muted", ringer.muted);
  void ringer.unlock().then(surround);
}

/**
 * What customers are called is nobody's any more where the session ended before its time. Notes stay
 * in memory, for when the same agent signs in again.
 */
function ended() {
  const { limit } = session;
  if (signedOut || held || !wasLive || limit === null || limit.at <= clock.now()) return;
  endedEarly = true;
  state = empty(state.agent);
  draw();
}

/** @param {boolean} everywhere also in other windows and on other devices */
async function signOut(everywhere = false) {
  signedOut = true;
  feed.stop();
  ringer.stop();
  await notes.flush();
  notes.clear();
  state = empty();
  held = null;
  clock.clearTimeout(checkAgain);
  draw();
  await session.signOut(everywhere).catch(() => {});
}

/** @param {KeyboardEvent} event */
function key(event) {
  const enter = event.key === "Enter" && document.activeElement === document.body;
  // `code`: with Option held, a Mac's O types another letter.
  if (!enter && !(event.altKey && event.code === "KeyO")) return;
  const card = page.waitingPop() ?? (enter ? null : page.lastPop());
  if (card) event.preventDefault();
  card?.open();
}

function everySecond() {
  page.tick(clock.now() - clockAhead);
  surround();
  const lost = feedState.name !== "live" && feedState.since !== null && wasLive;
  const long = lost && clock.now() - (feedState.since ?? 0) > AUDIBLE_LOSS;
  if (long && !saidLost && feedState.name !== "signed-out") ringer.lost();
  saidLost = long;
}

function wire() {
  document.addEventListener("visibilitychange", () => {
    presence.seen(visible());
    if (visible()) feed.wake();
    else feed.hidden();
    // Another window may have written meanwhile; and what is hidden may never be seen again.
    if (visible() && state.agent !== null) void lookBack();
    else void notes.flush();
  });
  window.addEventListener("pagehide", () => void notes.flush(true));
  window.addEventListener("beforeunload", (event) => {
    if (notes.unsaved && feedState.name !== "live") event.preventDefault();
  });
  for (const type of ["pointerdown", "keydown"]) {
    document.addEventListener(
      type,
      () => {
        presence.used();
        if (!ringer.unlocked) void ringer.unlock().then(surround);
      },
      { capture: true, passive: true },
    );
  }
  document.addEventListener("keydown", key);
  window.addEventListener("online", () => feed.wake());
  window.addEventListener("offline", () => feed.wake());
  window.addEventListener("pageshow", (event) => event.persisted && feed.start());
  window.addEventListener("message", (event) => void host.receive(event));
  document.addEventListener("pop-open", (event) => void pops.openByClick(popOf(event)));
  document.addEventListener("pop-dismiss", (event) => pops.dismiss(popOf(event)));
  document.addEventListener("notice-action", (event) => {
    void (/** @type {CustomEvent} */ (event).detail === "reload" ? reload() : start());
  });
  document.addEventListener("sign-in-action", (event) => {
    signInAction(/** @type {CustomEvent} */ (event).detail);
  });
  document.addEventListener("note-written", (event) => {
    const { contact, text } = /** @type {CustomEvent} */ (event).detail;
    notes.write(contact, text);
  });
  document.addEventListener("note-settled", (event) => {
    const { contact, add } = /** @type {CustomEvent} */ (event).detail;
    notes.settle(contact, add);
  });
  // A card that is over leaves when the agent has left its note; the new focus comes after this.
  const drawSoon = () => void clock.setTimeout(draw, 0);
  document.addEventListener("focusout", drawSoon);
  stayUnderClicks(drawSoon);
  const today = /** @type {HTMLDetailsElement} */ (byId("recent"));
  today.open = recallChoice(() => localStorage, "today");
  today.addEventListener("toggle", () => remember(() => localStorage, "today", today.open));
  wireLanguages((address) => void reload(address));
  byId("start-shift").addEventListener("click", startShift);
  byId("sound").addEventListener("click", toggleSound);
  byId("sign-out").addEventListener("click", () => void signOut());
  document
    .getElementById("sign-out-everywhere")
    ?.addEventListener("click", () => void signOut(true));
  wireSignIn(async (agent) => {
    await session.signIn(agent);
    mayAsk = true;
    feed.start();
  });
}

/** @param {Event} event @returns {import("./contacts_state.js").PopView} */
const popOf = (event) => /** @type {CustomEvent} */ (event).detail;

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

if (messages) await load(messages, request);
customElements.define("connection-state", ConnectionState);
customElements.define("contact-notes", ContactNotes);
customElements.define("contact-card", ContactCard);
customElements.define("pop-card", PopCard);
customElements.define("history-item", HistoryItem);
customElements.define("notice-card", NoticeCard);
customElements.define("shift-start", ShiftStart);
customElements.define("sign-in-card", SignInCard);
ringer.muted = recallChoice(() => localStorage, "muted");
if (recallChoice(() => sessionStorage, "shift")) popTab.recover();
wire();
byId("boot").remove();
clock.setTimeout(hostSettled, HOST_WITHIN);
void settled.then(() => (hostHadTime = true));
window.setInterval(everySecond, 1_000);
window.setInterval(() => feedState.name === "live" && void session.renew().catch(() => {}), RENEW_AFTER);
await start();
rehearse(byId("rehearsal"));
