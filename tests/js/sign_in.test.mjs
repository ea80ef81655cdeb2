import assert from "node:assert/strict";
import { test } from "node:test";

import { NotYet, Session } from "../../adapter/static/panel/session.js";
import { SignInWindow } from "../../adapter/static/panel/sign_in_window.js";
import { signInCard } from "../../adapter/static/panel/sign_in_words.js";
import { FakeClock } from "./fake_world.mjs";

/** A panel whose server answers what the test says, each path in turn. */
function world(answers, { opens = true, secure = true } = {}) {
  const clock = new FakeClock();
  const it = { clock, asked: [], opened: [], states: [], signedIn: [] };
  let seed = 0;
  it.window = new SignInWindow({
    ask: async (path, body) => {
      it.asked.push({ path, body });
      const next = (answers[path] ?? []).shift();
      if (next === undefined) return new Promise(() => {}); // a long poll
      if (next instanceof Error) throw next;
      const [status, told] = next;
      return { status, body: told };
    },
    open: (url) => {
      it.opened.push(url);
      return opens ? {} : null;
    },
    language: "ja",
    secure,
    clock,
    random: (count) => new Uint8Array(count).fill(++seed),
    digest: async (text) => new TextEncoder().encode(`digest of ${text}`),
    changed: () => it.states.push(it.window.state),
    signedIn: (bearer) => it.signedIn.push(bearer),
  });
  return it;
}

const REGISTER = "/v1/sign-in";
const REDEEM = "/v1/sign-in/redeem";
const registered = [200, { code: "ABCD" }];

test("the window opens within the click, before anything is asked", () => {
  const it = world({});
  it.window.start();
  assert.equal(it.opened.length, 1);
  assert.match(it.opened[0], /^\/sign-in\/start\?tx=[\w-]{32}&lang=ja$/);
  assert.equal(it.window.state.name, "waiting");
});

test("a page without https says so, and opens no window in vain", () => {
  const it = world({}, { secure: false });
  it.window.start();
  assert.equal(it.opened.length, 0);
  assert.equal(it.asked.length, 0);
  const view = signInCard({ state: it.window.state, label: "x", held: null, wasLive: false, byChoice: false });
  assert.match(view.title, /https/);
  assert.match(view.detail, /every page around it/);
});

test("the secret goes to the server alone, as its digest first", async () => {
  const it = world({ [REGISTER]: [registered] });
  it.window.start();
  await it.clock.pass(0);
  const [register, redeem] = it.asked;
  assert.equal(it.opened[0].includes(redeem.body.verifier), false);
  assert.equal(JSON.stringify(register.body).includes(redeem.body.verifier), false);
  assert.equal(register.body.challenge.length > 40, true);
  assert.equal(it.window.state.code, "ABCD");
});

test("it waits as long as it takes, and the session comes once", async () => {
  const waiting = [200, { state: "waiting", opened: true }];
  const done = [200, { state: "signed-in", session: "BEARER" }];
  const it = world({ [REGISTER]: [registered], [REDEEM]: [waiting, waiting, done] });
  it.window.start();
  await it.clock.pass(100);
  assert.deepEqual(it.signedIn, ["BEARER"]);
  assert.equal(it.window.state.name, "idle");
  assert.equal(it.asked.filter(({ path }) => path === REDEEM).length, 3);
});

test("a lost answer, a busy server and a restart of the network are asked again", async () => {
  const done = [200, { state: "signed-in", session: "B" }];
  const it = world({
    [REGISTER]: [registered],
    [REDEEM]: [new TypeError("network"), [503, {}], [429, {}], done],
  });
  it.window.start();
  await it.clock.pass(10_000);
  assert.deepEqual(it.signedIn, ["B"]);
});

test("what fails says why", async () => {
  const cases = [
    [{ [REGISTER]: [registered], [REDEEM]: [[200, { state: "failed", reason: "denied", detail: "d" }]] }, "denied"],
    [{ [REGISTER]: [registered], [REDEEM]: [[404, {}]] }, "expired"],
    [{ [REGISTER]: [registered], [REDEEM]: [[401, { detail: "elsewhere" }]] }, "refused"],
    [{ [REGISTER]: [[403, { detail: "no" }]] }, "refused"],
    [{ [REGISTER]: [new TypeError("network")] }, "offline"],
  ];
  for (const [answers, reason] of cases) {
    const it = world(answers);
    it.window.start();
    await it.clock.pass(100);
    assert.deepEqual([it.window.state.name, it.window.state.reason], ["failed", reason]);
    assert.deepEqual(it.signedIn, []);
  }
});

test("a server that never says anything but wait is given up after ten minutes", async () => {
  const it = world({ [REGISTER]: [registered], [REDEEM]: Array(1000).fill([503, {}]) });
  it.window.start();
  await it.clock.pass(600_000 + 5_000);
  assert.equal(it.window.state.reason, "expired");
});

test("a cancelled window is told to the server, and what comes late is not heard", async () => {
  let answer = () => {};
  const it = world({ [REGISTER]: [registered] });
  it.window.start();
  await it.clock.pass(0);
  it.window.cancel();
  assert.equal(it.window.state.name, "idle");
  assert.equal(it.asked.at(-1).path, "/v1/sign-in/cancel");
  answer();
  await it.clock.pass(100);
  assert.deepEqual(it.signedIn, []);
});

test("a second start has secrets of its own, and the first one is not heard any more", async () => {
  const done = [200, { state: "signed-in", session: "SECOND" }];
  const it = world({ [REGISTER]: [registered, registered], [REDEEM]: [done] });
  it.window.start();
  it.window.start();
  await it.clock.pass(100);
  assert.notEqual(it.opened[0], it.opened[1]);
  assert.deepEqual(it.signedIn, ["SECOND"]);
});

test("a blocked window can be opened by the link, and works on", async () => {
  const it = world(
    { [REGISTER]: [registered], [REDEEM]: [[200, { state: "waiting", opened: true }]] },
    { opens: false },
  );
  it.window.start();
  assert.equal(it.window.state.name, "blocked");
  await it.clock.pass(100);
  assert.deepEqual(it.window.state, { name: "waiting", code: "ABCD" });
});

test("every state has a title, what to do, and a way on", () => {
  const base = { label: "Contoso", held: null, wasLive: false, byChoice: false };
  const reasons = ["denied", "expired", "offline", "unavailable", "refused", "wrong-token", "wrong-directory", "revoked", "not-set-up", "never heard of"];
  const states = [
    { name: "idle" },
    { name: "waiting", code: "ABCD" },
    { name: "blocked", url: "/sign-in/start?tx=1", code: "" },
    ...reasons.map((reason) => ({ name: "failed", reason, detail: "words" })),
  ];
  for (const state of states) {
    const view = signInCard({ ...base, state });
    assert.ok(view.title && view.detail && view.actions.length > 0, JSON.stringify(state));
  }
  assert.equal(signInCard({ ...base, state: states[1] }).typed, "ABCD");
  assert.equal(signInCard({ ...base, state: states[2] }).link.href, "/sign-in/start?tx=1");
});

test("a session that ended before its time says who may have ended it", () => {
  const view = signInCard({
    state: { name: "idle" }, label: "x", held: null, wasLive: true, byChoice: false, endedEarly: true,
  });
  assert.equal(view.title, "Your access was ended");
  assert.match(view.detail, /administrator/);
});

test("somebody who waits for an admin is told for which agent", () => {
  const view = (why, agent) =>
    signInCard({ state: { name: "idle" }, label: "x", held: { why, agent }, wasLive: true, byChoice: false });
  assert.match(view("agent-unconfirmed", "alice").detail, /alice/);
  assert.deepEqual(view("agent-unconfirmed", null).actions.map(({ id }) => id), ["check", "leave"]);
  assert.match(view("not-an-agent", null).title, /takes no contacts/);
});

test("a ticket that an admin must allow first says so, and a renewed bearer is kept", async () => {
  const asked = [];
  const answers = [
    [403, { type: "urn:screenpop:problem:agent-unconfirmed", agent: "alice" }],
    [200, { ticket: "T", session: "NEW" }],
    [200, { expires: "x", session: "NEWER" }],
    [200, { ticket: "T2" }],
  ];
  const session = new Session(
    async (_, options) => {
      asked.push(options.headers.Authorization);
      const [status, body] = answers.shift();
      return new Response(JSON.stringify(body), { status });
    },
    null,
    [],
  );
  session.keep("OLD");
  await assert.rejects(session.ticket(), (error) => error instanceof NotYet && error.agent === "alice");
  assert.equal(await session.ticket(), "T");
  await session.renew();
  await session.ticket();
  assert.deepEqual(asked, ["Bearer OLD", "Bearer OLD", "Bearer NEW", "Bearer NEWER"]);
});
