import assert from "node:assert/strict";
import { test } from "node:test";

import { arrange, empty, isBusy, recall, reduce, settle } from "../../adapter/static/panel/contacts_state.js";
import { parse } from "../../adapter/static/panel/messages.js";
import { contact, event, pop } from "./fake_world.mjs";

const read = (message) => parse(JSON.stringify(message)).event;
let numbers = 100;
const play = (state, ...messages) =>
  messages.reduce((each, [type, data]) => reduce(each, read(event(++numbers, `screenpop.${type}`, data))), state);
const ended = (each) => ({ ...each, stage: "ended", stages: { ...each.stages, ended: "2026-11-21T20:09:00Z" } });

test("a ringing contact stands above the others", () => {
  const state = play(
    empty("alice"),
    ["contact.answered", contact("talk", "answered")],
    ["contact.offered", contact("ring", "offered")],
    ["contact.created", contact("wait", "created")],
  );
  const { cards } = arrange(state);
  assert.deepEqual(
    cards.map((each) => [each.contact.id, each.contact.phase]),
    [["ring", "ringing"], ["talk", "talking"], ["wait", "waiting"]],
  );
});

test("a contact that ended goes to the recent list, newest first, and what comes later updates it", () => {
  const [a, b] = [contact("a", "answered"), contact("b", "answered")];
  let state = play(empty("alice"), ["contact.answered", a], ["contact.answered", b]);
  state = play(state, ["contact.ended", ended(a)], ["contact.ended", ended(b)]);
  state = play(state, ["contact.recorded", { ...ended(a), stage: "recorded" }]);
  assert.equal(isBusy(state), false);
  assert.deepEqual(state.recent.map((each) => [each.contact.id, each.left]), [["b", "ended"], ["a", "ended"]]);
});

test("the end of a leg is not the end of the contact: a transfer takes it from this agent", () => {
  const a = contact("a", "answered");
  let state = play(empty("alice"), ["contact.answered", a]);
  state = play(state, ["contact.transferred", { ...a, stage: "transferred", agent: "bob" }]);
  assert.equal(isBusy(state), false);
  assert.equal(state.recent[0].left, "transferred");
  state = play(state, ["contact.ended", { ...ended(a), agent: "bob" }]);
  assert.equal(state.recent[0].left, "transferred");
});

test("a contact transferred here rings and is answered, though its furthest stage is `transferred`", () => {
  const a = contact("a", "transferred", { stages: { answered: "2026-11-21T19:59:00Z", transferred: "2026-11-21T20:00:00Z" } });
  let state = play(empty("alice"), ["contact.transferred", a]);
  const phase = () => state.contacts.get("a").phase;
  assert.equal(phase(), "transferred");
  state = play(state, ["contact.offered", a]);
  assert.equal(phase(), "ringing");
  state = play(state, ["contact.updated", a]);
  assert.equal(phase(), "ringing");
  state = play(state, ["contact.answered", a]);
  assert.equal(phase(), "talking");
});

test("other people's contacts never show, and a name's case does not matter", () => {
  const state = play(
    empty("alice@contoso.com"),
    ["contact.offered", contact("a", "offered", { agent: "bob" })],
    ["contact.offered", contact("b", "offered", { agent: "Alice@Contoso.com" })],
    ["contact.ended", ended(contact("c", "answered", { agent: "bob" }))],
  );
  assert.deepEqual([...state.contacts.keys()], ["b"]);
  assert.deepEqual(state.recent, []);
});

test("a pop opens on the panel it is given to, waits as a card, or belongs to another panel", () => {
  const state = play(
    empty("alice"),
    ["pop", pop("a", "open")], ["pop", pop("b", "card")], ["pop", pop("c", "mirror")],
    ["pop", { ...pop("d", undefined), present: undefined, open: true }],
  );
  assert.deepEqual([...state.pops.values()].map((each) => each.state), ["opening", "ready", "mirror", "ready"]);
});

test("a pop that this panel opened is not opened again, whatever the server says late", () => {
  let state = play(empty("alice"), ["contact.answered", contact("c", "answered")], ["pop", pop("p", "open", { contact: "c" })]);
  state = settle(state, "p", { state: "opened", rung: "tab" });
  state = play(state, ["pop", pop("p", "open", { contact: "c" })], ["pop", pop("p", "card", { contact: "c", attempt: 2 })]);
  state = play(state, ["snapshot", { contacts: [contact("c", "answered")], pops: [pop("p", "card", { contact: "c" })] }]);
  state = play(state, ["pop.withdrawn", { pop: "p", contact: "c", agent: "alice", reason: "transferred" }]);
  assert.equal(state.pops.get("p").state, "opened");
});

test("the card of an open contact goes on saying that its record was opened, snapshot or not", () => {
  const c = contact("c", "answered");
  let state = play(empty("alice"), ["contact.answered", c], ["pop", pop("p", "open", { contact: "c" })]);
  state = settle(state, "p", { state: "opened", rung: "tab" });
  state = play(state, ["snapshot", { contacts: [c], pops: [] }]);
  assert.equal(arrange(state).cards[0].pops[0].state, "opened");
  assert.equal(play(state, ["snapshot", { contacts: [], pops: [] }]).pops.size, 0);
});

test("a withdrawn pop says so beside its contact, and is gone where there is none", () => {
  let state = play(empty("alice"), ["contact.answered", contact("c", "answered")]);
  state = play(state, ["pop", pop("p", "card", { contact: "c" })], ["pop", pop("q", "card")]);
  state = play(state, ["pop.withdrawn", { pop: "p", reason: "why" }], ["pop.withdrawn", { pop: "q", reason: "why" }]);
  assert.deepEqual([state.pops.get("p").state, state.pops.get("p").detail], ["withdrawn", "why"]);
  assert.equal(state.pops.has("q"), false);
});

test("an unopened record outlives its contact, until it is dismissed", () => {
  let state = play(empty("alice"), ["contact.answered", contact("c", "answered")], ["pop", pop("p", "card", { contact: "c" })]);
  assert.equal(arrange(state).loose.length, 0);
  state = play(state, ["contact.ended", ended(contact("c", "answered"))]);
  const { loose } = arrange(state);
  assert.deepEqual(loose.map(({ pop, contact }) => [pop.pop, contact.id]), [["p", "c"]]);
  assert.deepEqual(loose[0].contact.customer, contact("c", "answered").customer);
  assert.equal(arrange(settle(state, "p", { state: "dismissed" })).loose.length, 0);
});

for (const url of ["javascript:alert(1)", "data:text/html,x", "", "main.aspx", null, 7, "file:///etc/passwd"]) {
  test(`a pop to ${JSON.stringify(url)} is no pop`, () => {
    assert.equal(play(empty("alice"), ["pop", pop("p", "open", { url })]).pops.size, 0);
  });
}

test("ids that are names of JavaScript's own are ids like any other", () => {
  const state = play(empty("alice"), ["contact.offered", contact("__proto__", "offered")], ["contact.offered", contact("constructor", "offered")]);
  assert.deepEqual([...state.contacts.keys()].sort(), ["__proto__", "constructor"]);
});

test("a panel that is open for weeks stays small", () => {
  let state = empty("alice");
  for (let each = 0; each < 500; each++) {
    const c = contact(`c${each}`, "answered");
    state = play(state, ["contact.answered", c], ["pop", pop(`p${each}`, "open", { contact: c.id })]);
    state = settle(state, `p${each}`, { state: "opened", rung: "tab" });
    state = play(state, ["contact.ended", ended(c)]);
  }
  assert.equal(state.contacts.size, 0);
  assert.equal(state.recent.length, 60);
  assert.ok(state.pops.size <= 60, String(state.pops.size));
});

// --- the history of the day ---

const over = (id, more = {}) => ({
  contact: { ...ended(contact(id, "answered")), ...more },
  left: "ended",
  at: "2026-11-21T20:09:00Z",
  pop: null,
});

test("after a reload the day is there again, with the records to open", () => {
  const item = { ...over("a"), pop: { ...pop("p", "card", { contact: "a" }), outcome: "opened" } };
  const state = recall(empty("alice"), [item, over("b"), null, { contact: {} }, "x"]);
  assert.deepEqual(state.recent.map((each) => [each.contact.id, each.left, each.pop?.pop]), [["a", "ended", "p"], ["b", "ended", undefined]]);
  // Opening it again counts for nobody: only what waits is reported.
  assert.equal(state.recent[0].pop.state, "opened");
});

test("what is open, or ended while the history was asked for, is known better here", () => {
  let state = play(empty("alice"), ["contact.answered", contact("open", "answered")], ["contact.answered", contact("new", "answered")]);
  state = play(state, ["contact.ended", ended(contact("new", "answered"))]);
  state = recall(state, [over("open"), over("old")]);
  assert.deepEqual(state.recent.map((each) => each.contact.id), ["new", "old"]);
  assert.deepEqual([...state.contacts.keys()], ["open"]);
});

test("a record that cannot be opened safely is none in the history either", () => {
  const item = { ...over("a"), pop: { ...pop("p", "card"), url: "javascript:alert(1)" } };
  assert.equal(recall(empty("alice"), [item]).recent[0].pop, null);
});

test("a contact that ends takes its record into the history, and keeps it when more is told", () => {
  const a = contact("a", "answered");
  let state = play(empty("alice"), ["contact.answered", a], ["pop", pop("p", "open", { contact: "a" })]);
  state = settle(state, "p", { state: "opened", rung: "tab" });
  state = play(state, ["contact.ended", ended(a)], ["contact.recorded", { ...ended(a), stage: "recorded" }]);
  assert.equal(state.recent[0].pop.pop, "p");
});

test("a card that is written in stays when its contact ends, and leaves when the agent does", () => {
  let state = play(empty("alice"), ["contact.answered", contact("a", "answered")], ["contact.offered", contact("b", "offered")]);
  state = play(state, ["contact.ended", ended(contact("a", "answered"))]);
  const during = arrange(state, "a");
  assert.deepEqual(during.cards.map((each) => [each.contact.id, each.contact.phase]), [["b", "ringing"], ["a", "ended"]]);
  assert.deepEqual(during.recent, []);
  const after = arrange(state, null);
  assert.deepEqual(after.cards.map((each) => each.contact.id), ["b"]);
  assert.deepEqual(after.recent.map((each) => each.contact.id), ["a"]);
});

// --- a snapshot and the events that led to it give the same state ---

/** A small generator of its own, so that a failure names its seed (mulberry32). */
const chance = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

/** What a server would do: contacts advance, are transferred and end; pops come and are withdrawn. */
function shift(random, length) {
  const contacts = new Map();
  const pops = new Map();
  const messages = [];
  const pick = (list) => list[Math.floor(random() * list.length)];
  const stages = ["created", "offered", "answered", "ended"];
  for (let step = 0; step < length; step++) {
    const id = `c${Math.floor(random() * 6)}`;
    const known = contacts.get(id);
    const dice = random();
    if (known && dice < 0.2) {
      const p = pop(`${id}-p${step}`, pick(["card", "mirror"]), { contact: id });
      pops.set(p.pop, p);
      messages.push(["pop", p]);
    } else if (dice < 0.3 && pops.size) {
      const p = pick([...pops.values()]);
      pops.delete(p.pop);
      messages.push(["pop.withdrawn", { pop: p.pop, contact: p.contact, agent: "alice", reason: "r" }]);
    } else {
      const reached = known ? Object.keys(known.stages).length : 0;
      const stage = stages[Math.min(reached, 3)];
      const next = contact(id, stage, {
        agent: random() < 0.1 ? "bob" : "alice",
        stages: { ...known?.stages, [stage]: `2026-11-21T20:00:${String(step % 60).padStart(2, "0")}Z` },
      });
      contacts.set(id, next);
      messages.push([`contact.${stage}`, next]);
    }
  }
  const open = [...contacts.values()].filter((each) => each.agent === "alice" && !each.stages.ended);
  return { messages, snapshot: { contacts: open, pops: [...pops.values()] } };
}

const visible = (state) => ({
  contacts: [...state.contacts.values()].sort((a, b) => a.id.localeCompare(b.id)),
  pops: [...state.pops.values()]
    .filter((each) => each.state !== "withdrawn")
    .sort((a, b) => a.pop.localeCompare(b.pop)),
});

for (let seed = 1; seed <= 60; seed++) {
  test(`a snapshot equals the events before it, and repairs a panel that missed some (seed ${seed})`, () => {
    const random = chance(seed);
    const { messages, snapshot } = shift(random, 60);
    const lived = play(empty("alice"), ...messages);
    const fresh = play(empty("alice"), ["snapshot", snapshot]);
    const gap = play(empty("alice"), ...messages.filter(() => random() < 0.5), ["snapshot", { ...snapshot, gap: true }]);
    assert.deepEqual(visible(lived), visible(fresh));
    assert.deepEqual(visible(gap), visible(fresh));
  });
}

test("a contact that ended while the panel was away is listed as recent", () => {
  let state = play(empty("alice"), ["contact.answered", contact("a", "answered")]);
  state = play(state, ["snapshot", { contacts: [], pops: [], gap: true }]);
  assert.deepEqual(state.recent.map((each) => each.contact.id), ["a"]);
});

test("reducing changes no state that somebody holds", () => {
  const before = play(empty("alice"), ["contact.offered", contact("a", "offered")], ["pop", pop("p", "card")]);
  const copy = structuredClone(before);
  play(before, ["contact.ended", ended(contact("a", "offered"))], ["pop.withdrawn", { pop: "p" }], ["snapshot", {}]);
  assert.deepEqual(before, copy);
});
