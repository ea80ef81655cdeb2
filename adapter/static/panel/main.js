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
//   [data-recent=ID]               a contact that is over, in #recent
//   #sign-in-form, #sign-in-agent, #sign-in, #sign-out, #start-shift, #sound[data-state], #empty,
//   #announcer (role=alert), #record (the frame beside the panel)

import { ConnectionState } from "./connection-state.js";
import { ContactCard } from "./contact-card.js";
import { empty, isBusy, reduce, settle } from "./contacts_state.js";
import { Embedders, ancestors, surroundings } from "./embedder.js";
import { Feed } from "./feed.js";
import { Host } from "./host.js";
import { NoticeCard } from "./notice-card.js";
import { Page } from "./page.js";
import { panelId, wasReloaded } from "./page_load.js";
import { PopCard } from "./pop-card.js";
import { PopTab } from "./pop_tab.js";
import { Pops } from "./pops.js";
import { recall, remember } from "./preferences.js";
import { Presence } from "./presence.js";
import { showRecord } from "./record_frame.js";
import { Ringer } from "./ringer.js";
import { Session, takeTicket } from "./session.js";
import { ShiftStart } from "./shift-start.js";
import { wireSignIn } from "./sign_in.js";
import { load } from "./strings.js";

/** The page around gets this long to connect before records open elsewhere; ms. */
const HOST_WITHIN = 1_500;
/** A refused page is asked about again, because an admin may be adding the line just now; ms. */
const ASK_AGAIN = 15_000;
/** A loss is worth a sound when it lasts this long; ms. */
const AUDIBLE_LOSS = 10_000;

const { version = "", demo = "", messages = "" } = document.body.dataset;
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
const session = new Session(
  request,
  takeTicket(window.location, window.history),
  surroundings(window.location, framed),
);
const popTab = new PopTab((url, name) => window.open(url, name));
const ringer = new Ringer(() => new AudioContext(), clock, navigator.locks);
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
/** The browser's clock minus the server's, ms. */
let clockAhead = 0;

const feed = new Feed({
  url: `${window.location.protocol.replace("http", "ws")}//${window.location.host}/v1/feed`,
  connect: (url, protocol) => new WebSocket(url, protocol),
  ticket: () => session.ticket(),
  hello: () => ({ version, panel, ...session.around, ...presence.words() }),
  clock,
  random: Math.random,
  visible,
  onState: (next) => {
    feedState = next;
    wasLive ||= next.name === "live";
    if (next.name === "live") signedOut = false;
    surround();
  },
  onEvent: received,
  onWelcome: (welcome) => {
    session.keep(welcome.session);
    const agent = typeof welcome.agent === "string" ? welcome.agent : null;
    if (agent !== state.agent) state = empty(agent);
    newVersion = typeof welcome.version === "string" && welcome.version !== version;
    draw();
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
}

function draw() {
  page.draw(state, clock.now() - clockAhead);
  const contacts = [...state.contacts.values()];
  const talking = contacts.some((each) => each.phase === "talking");
  if (contacts.some((each) => each.phase === "ringing")) ringer.ring(talking);
  else ringer.stop();
  surround();
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
    canSignIn: demo === "1",
    agent: state.agent,
    shift: {
      offered: signedIn && !popTab.ready && !popTab.refused && mayNeedTab(),
      startedBefore: popTab.started,
    },
    sound: ringer.muted ? "muted" : ringer.unlocked ? "on" : "locked",
  });
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

/** Load the page anew and stay signed in, also where no cookie is kept. */
async function reload() {
  const ticket = await session.ticket().catch(() => null);
  if (ticket) window.history.replaceState(null, "", `#ticket=${encodeURIComponent(ticket)}`);
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

async function signOut() {
  feed.stop();
  ringer.stop();
  state = empty();
  signedOut = true;
  draw();
  await session.signOut().catch(() => {});
}

/** @param {KeyboardEvent} event */
function key(event) {
  const enter = event.key === "Enter" && document.activeElement === document.body;
  // `code`: with Option held, a Mac's O types another letter.
  if (!enter && !(event.altKey && event.code === "KeyO")) return;
  const card = page.waitingPop();
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
  byId("start-shift").addEventListener("click", startShift);
  byId("sound").addEventListener("click", toggleSound);
  byId("sign-out").addEventListener("click", () => void signOut());
  wireSignIn(async (agent) => {
    await session.signIn(agent);
    feed.start();
  });
}

/** @param {Event} event @returns {import("./contacts_state.js").PopView} */
const popOf = (event) => /** @type {CustomEvent} */ (event).detail;

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

await load(messages, request);
customElements.define("connection-state", ConnectionState);
customElements.define("contact-card", ContactCard);
customElements.define("pop-card", PopCard);
customElements.define("notice-card", NoticeCard);
customElements.define("shift-start", ShiftStart);
ringer.muted = recall(() => localStorage, "muted");
if (recall(() => sessionStorage, "shift")) popTab.recover();
wire();
byId("boot").remove();
clock.setTimeout(hostSettled, HOST_WITHIN);
void settled.then(() => (hostHadTime = true));
window.setInterval(everySecond, 1_000);
await start();
