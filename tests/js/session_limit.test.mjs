import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "../../adapter/static/panel/session.js";
import { isEnding, readLimit } from "../../adapter/static/panel/session_limit.js";
import { signInCard } from "../../adapter/static/panel/sign_in_words.js";

const MINUTE = 60_000;
const shift = { at: 720 * MINUTE, lasts: 720 * MINUTE };
const at = (minutes, more = {}) =>
  isEnding({ limit: shift, now: minutes * MINUTE, busy: false, putOff: false, ...more });

test("a shift's end is spoken of for its last half hour, and not after it", () => {
  assert.equal(at(689), false);
  assert.equal(at(690), true);
  assert.equal(at(719), true);
  assert.equal(at(720), false);
});

test("a contact comes first, however near the end is", () => {
  assert.equal(at(719, { busy: true }), false);
});

test("who put it off is asked once more, five minutes before", () => {
  assert.equal(at(700, { putOff: true }), false);
  assert.equal(at(715, { putOff: true }), true);
});

test("of a short session it is the last quarter, and half of that after it was put off", () => {
  const limit = { at: 8 * MINUTE, lasts: 8 * MINUTE };
  const short = (minutes, putOff) => isEnding({ limit, now: minutes * MINUTE, busy: false, putOff });
  assert.deepEqual([short(5, false), short(6, false)], [false, true]);
  assert.deepEqual([short(6.5, true), short(7, true)], [false, true]);
});

test("what no server has told is no limit", () => {
  assert.equal(isEnding({ limit: null, now: 0, busy: false, putOff: false }), false);
  assert.equal(readLimit({}, 0), null);
  assert.equal(readLimit({ ends_in: "600", lasts: 43_200 }, 0), null);
});

test("a session knows its end from whatever answer tells it, by the page's own clock", async () => {
  const answers = [{ ticket: "T", ends_in: 600, lasts: 43_200 }, { expires: "…" }];
  const fetch = async () => new Response(JSON.stringify(answers.shift()), { status: 200 });
  const session = new Session(fetch, null, null, () => 5_000);
  await session.ticket();
  await session.renew();
  assert.deepEqual(session.limit, { at: 605_000, lasts: 43_200_000 });
});

test("signing out everywhere says so, and the end is forgotten", async () => {
  const sent = [];
  const fetch = async (path, { body }) => {
    sent.push([path, JSON.parse(body)]);
    return new Response("{}", { status: 200 });
  };
  const session = new Session(fetch, null, null);
  session.limit = shift;
  await session.signOut(true);
  assert.deepEqual(sent, [["/v1/session/end", { everywhere: true }]]);
  assert.equal(session.limit, null);
});

test("the card offers to sign in again and to wait, and speaks of no end while it waits", () => {
  const say = (state) =>
    signInCard({ state, label: "Contoso", held: null, wasLive: true, byChoice: false, endsAt: "17:40" });
  const card = say({ name: "idle" });
  assert.equal(card.state, "ending");
  assert.match(card.title, /ends at 17:40/);
  assert.deepEqual(card.actions.map((each) => each.id), ["start", "later"]);
  assert.equal(say({ name: "waiting", code: "ABCD" }).state, "waiting");
  assert.match(say({ name: "waiting", code: "ABCD" }).detail, /keep reaching you/);
});
