import assert from "node:assert/strict";
import { test } from "node:test";

import { titleOf } from "../../adapter/static/panel/badge.js";
import { CLOSE_CODES } from "../../adapter/static/panel/close_codes.js";
import { isAfter, Seen } from "../../adapter/static/panel/messages.js";
import { notices } from "../../adapter/static/panel/notices.js";
import { readable } from "../../adapter/static/panel/numbers.js";
import { t } from "../../adapter/static/panel/strings.js";
import { announcement, attributes, caller, duration, humanized, leftWords, reasonWords, talked } from "../../adapter/static/panel/words.js";
import { contact } from "./fake_world.mjs";

test("what the server says of a pop is said to the agent, and a program's words stay its own", () => {
  assert.equal(reasonWords("the contact left the agent"), "The contact left you.");
  assert.equal(reasonWords("callback at 3\u202e"), "callback at 3");
  assert.equal(reasonWords("constructor"), "constructor");
  assert.equal(reasonWords(""), "");
});

for (const [raw, expected] of [
  ["+14255550100", "+1 425 555 0100"],
  ["+81312345678", "+81 3-1234-5678"],
  ["+819012345678", "+81 90-1234-5678"],
  ["+81120123456", "+81 120-123-456"],
  ["+81451234567", "+81 45-123-4567"],
  ["+81466123456", "+81 466123456"],
  ["+818001234567", "+81 800-123-4567"],
  ["+4930901820", "+49 30901820"],
  ["+493023125101", "+49 3023125101"],
  ["tel:+49 (30) 901-820", "+49 30901820"],
  ["+358401234567", "+358 401234567"],
  ["+33123456789", "+33 1 23 45 67 89"],
  ["+33801234567", "+33 801234567"],
  ["+41441234567", "+41 44 123 45 67"],
  ["+4512345678", "+45 12 34 56 78"],
  ["+6561234567", "+65 6123 4567"],
  ["+85221234567", "+852 2123 4567"],
  ["4711", "4711"],
  ["anonymous", "anonymous"],
  ["sip:bob@contoso.com", "sip:bob@contoso.com"],
  ["+123", "+123"],
]) {
  test(`${raw} is read as ${expected}`, () => assert.equal(readable(raw), expected));
}

test("grouping a number loses no digit", () => {
  for (let n = 0; n < 3000; n++) {
    const digits = String(10 ** (7 + (n % 8)) + n * 7919);
    assert.equal(readable(`+${digits}`).replace(/\D/g, ""), digits);
  }
});

test("a caller is a name with a number, or a number, or said to be unknown", () => {
  const of = (customer) => caller({ ...contact("c", "offered"), customer });
  assert.deepEqual(of({ name: "Erika", phone: "+14255550100" }), { title: "Erika", address: "+1 425 555 0100" });
  assert.deepEqual(of({ phone: "+14255550100" }), { title: "+1 425 555 0100", address: "" });
  assert.deepEqual(of({ name: "Erika", email: "e@x.test" }), { title: "Erika", address: "e@x.test" });
  assert.deepEqual(of({}), { title: "Unknown caller", address: "" });
});

test("what rings is announced in one sentence", () => {
  const each = { ...contact("c", "offered"), customer: { name: "Erika", phone: "+14255550100" }, queue: "Sales" };
  assert.equal(announcement(each), "Incoming call from Erika, +1 425 555 0100, queue Sales");
});

test("attributes that help a person show; ids, links and repetitions do not", () => {
  const each = contact("c", "offered", {
    customer: { phone: "+4930123456" },
    attributes: {
      CustomerEndpoint: "+4930123456", loyalty_level: "Gold", OrderNumber: 7, vip: true, empty: " ",
      arn: "arn:aws:connect:x", row: "7a1c0003-53b2-ed11-83ff-000d3a020003", link: "https://x.test",
      long: "x".repeat(121), nested: { a: 1 }, list: [1],
    },
  });
  assert.deepEqual(attributes(each), [["Loyalty level", "Gold"], ["Order number", "7"], ["Vip", "true"]]);
  assert.equal(humanized("CustomerVIPLevel"), "Customer VIPLevel");
});

test("durations read like a clock and never below zero", () => {
  assert.deepEqual([-5, 7_000, 725_000, 3_723_000].map(duration), ["0:00", "0:07", "12:05", "1:02:03"]);
});

test("texts are filled by name, and what has no value stays", () => {
  assert.equal(t("{a} and {b} {constructor}", { a: "$&", b: 2 }), "$& and 2 {constructor}");
  assert.equal(t("toString"), "toString");
});

test("what others wrote never turns the sentence around it", () => {
  const [fsi, pdi] = ["\u2068", "\u2069"];
  assert.equal(t("{who} rings", { who: "שלום" }), `${fsi}שלום${pdi} rings`);
  assert.equal(t("{who} rings", { who: "\u202eecila" }), "ecila rings");
  assert.equal(t("{who} rings", { who: "é\u2069\u202e" }), `${fsi}é${pdi} rings`);
});

test("a caller's name and attributes read in the order in which they were written", () => {
  const turned = contact("c-1", "offered", {
    customer: { name: "\u202egnp.exe\u2066", email: "\u202ea@b.example" },
    attributes: { "\u202efile": "\u202egnp.exe" },
  });
  assert.deepEqual(caller(turned), { title: "gnp.exe", address: "a@b.example" });
  assert.deepEqual(attributes(turned), [["File", "gnp.exe"]]);
  assert.equal(caller(contact("c-1", "offered", { customer: { name: "\u202e", phone: "123" } })).title, "123");
});

test("sequences are compared as numbers of any length", () => {
  assert.equal(isAfter("000000000010", "9"), true);
  assert.equal(isAfter("9", "000000000010"), false);
  assert.equal(isAfter("90071992547409930", "90071992547409929"), true);
  assert.equal(isAfter("1", null), true);
  assert.equal(isAfter("5", "5"), false);
});

test("the memory of what was seen is bounded, and forgets the oldest first", () => {
  const seen = new Seen(3);
  assert.deepEqual(["a", "b", "c", "a", "d", "a", "b"].map((each) => seen.add(each)), [true, true, true, false, true, true, true]);
});

// --- notices ---

const calm = {
  feed: { name: "live", since: null, retryAt: null, code: null, reason: "" },
  now: 100_000, verdict: { allowed: true }, newVersion: false, busy: false, tabsRefused: false,
  reloaded: false, wasLive: true, signedOut: false, canSignIn: false,
};
const feed = (name, more = {}) => ({ ...calm.feed, name, since: 0, ...more });
const ids = (more) => notices({ ...calm, ...more }).map((each) => each.id);

test("a quiet panel says nothing", () => assert.deepEqual(ids({}), []));

test("a refused page is named with the line that would allow it, and nothing else is said", () => {
  const verdict = { allowed: false, origin: "https://x.test", line: "https://x.test", detail: "" };
  const [notice, ...others] = notices({ ...calm, verdict, wasLive: false, feed: feed("stopped") });
  assert.equal(others.length, 0);
  assert.equal(notice.code, "https://x.test");
  assert.match(notice.detail, /https:\/\/x\.test/);
  assert.equal(notices({ ...calm, verdict })[0].kind, "warning");
});

test("a lost server is said after some seconds, not at once", () => {
  assert.deepEqual(ids({ feed: feed("waiting", { since: 95_000 }) }), []);
  assert.deepEqual(ids({ feed: feed("waiting") }), ["lost-server"]);
  assert.deepEqual(ids({ feed: feed("connecting") }), ["lost-server"]);
});

for (const [code, rule] of Object.entries(CLOSE_CODES).filter(([, each]) => each.advice === "stop")) {
  test(`close code ${code} has a card that names it`, () => {
    const [notice] = notices({ ...calm, feed: feed("stopped", { code: Number(code), reason: "r" }) });
    assert.equal(notice.title, rule.title);
    assert.equal(notice.code, `${code}: r`);
    assert.equal(notice.action.id, "retry");
  });
}

test("who is signed out reads why, except where a sign-in form is shown", () => {
  const title = (more) => notices({ ...calm, feed: feed("signed-out"), wasLive: false, ...more })[0]?.title;
  assert.equal(title({ canSignIn: true }), undefined);
  assert.equal(title({ reloaded: true }), "This page was reloaded");
  assert.equal(title({}), "This link cannot be used");
  assert.equal(title({ wasLive: true }), "Your session has ended");
  assert.equal(title({ wasLive: true, endedEarly: true }), "Your access was ended");
  assert.equal(title({ wasLive: true, signedOut: true }), "You are signed out");
});

test("a new version offers one reload, never during a contact", () => {
  assert.equal(notices({ ...calm, newVersion: true })[0].action.id, "reload");
  assert.equal(notices({ ...calm, newVersion: true, busy: true })[0].action, undefined);
});

test("what became of a contact is said in a word", () => {
  const told = (stages, more = {}) => leftWords({ ...contact("c", "ended"), stages, ...more }, "ended");
  const [offered, answered, ended] = ["2026-11-21T20:00:00Z", "2026-11-21T20:00:05Z", "2026-11-21T20:04:17Z"];
  assert.equal(told({ offered, answered, ended }), "Ended");
  assert.equal(told({ offered, ended }), "Missed");
  assert.equal(told({ made: offered, ended }, { direction: "outbound" }), "Not answered");
  assert.equal(told({ ended }), "Ended"); // a source that tells no more
  assert.equal(leftWords({ ...contact("c", "ended"), stages: { offered } }, "transferred"), "Transferred");
  assert.equal(talked({ stages: { answered, ended } }), "4:12");
  assert.equal(talked({ stages: { ended } }), "");
  assert.equal(talked({ stages: { answered: ended, ended: answered } }), "");
});

test("the page's title counts what rings and names the first", () => {
  const ringing = (name) => ({ ...contact("c", "offered", { customer: { name } }), phase: "ringing" });
  assert.equal(titleOf([]), "Screenpop");
  assert.equal(titleOf([ringing("Maria")]), "(1) Ringing: Maria");
  assert.equal(titleOf([ringing("Maria"), ringing("Jon")]), "(2) Ringing: Maria");
});
