import assert from "node:assert/strict";
import { test } from "node:test";

import { Embedders, ancestors, check, surroundings } from "../../adapter/static/panel/embedder.js";
import { Presence } from "../../adapter/static/panel/presence.js";
import { Session, SignInRequired, TicketRefused, takeTicket } from "../../adapter/static/panel/session.js";
import { FakeClock } from "./fake_world.mjs";

function server(...answers) {
  const it = { asked: [] };
  it.fetch = async (path, options) => {
    it.asked.push({ path, ...options, body: JSON.parse(options.body) });
    const [status, body] = answers.shift();
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  };
  return it;
}

test("the ticket of the address is used once, then the session makes tickets", async () => {
  const it = server([200, { ticket: "T2", expires_in: 30 }]);
  const session = new Session(it.fetch, "T1", []);
  assert.equal(await session.ticket(), "T1");
  session.keep("BEARER");
  assert.equal(await session.ticket(), "T2");
  const [asked] = it.asked;
  assert.equal(asked.path, "/v1/feed/ticket");
  assert.equal(asked.headers.Authorization, "Bearer BEARER");
  assert.equal(asked.headers["X-Screenpop"], "1");
  assert.deepEqual(asked.body, { ancestors: [] });
});

test("without a bearer the cookie alone may do, and unknown surroundings are not claimed", async () => {
  const it = server([200, { ticket: "T" }]);
  await new Session(it.fetch, null, null).ticket();
  assert.equal("Authorization" in it.asked[0].headers, false);
  assert.deepEqual(it.asked[0].body, {});
});

test("a hello says the same surroundings as the requests, or none where they are unknown", () => {
  const hello = (ancestors) => ({ ...new Session(server().fetch, null, ancestors).around });
  assert.deepEqual(hello(["https://a.b"]), { ancestors: ["https://a.b"] });
  assert.deepEqual(hello([]), { ancestors: [] });
  assert.deepEqual(hello(null), {});
});

test("401 means signing in; 403 will not change; 503, 429 and nonsense pass", async () => {
  const ask = (status, body = {}) => new Session(server([status, body]).fetch, null, []).ticket();
  await assert.rejects(ask(401), SignInRequired);
  await assert.rejects(ask(403, { detail: "not you" }), (error) => error instanceof TicketRefused && error.message === "not you" && error.status === 403);
  for (const [status, body] of [[503, {}], [429, {}], [500, "<html>"], [200, "<html>"]]) {
    await assert.rejects(ask(status, body), (error) => !(error instanceof TicketRefused) && !(error instanceof SignInRequired));
  }
});

test("a refused sign-in says the server's words", async () => {
  const session = new Session(server([400, { title: "Bad", detail: "no such agent" }]).fetch, null, []);
  await assert.rejects(session.signIn("x"), /no such agent/);
});

test("the ticket leaves the address, so that no history and no bookmark keeps it", () => {
  const replaced = [];
  const history = { state: null, replaceState: (...each) => replaced.push(each) };
  const location = (hash) => ({ hash, pathname: "/", search: "?a=1" });
  assert.equal(takeTicket(location("#ticket=abc%2B1"), history), "abc+1");
  assert.deepEqual(replaced, [[null, "", "/?a=1"]]);
  assert.equal(takeTicket(location(""), history), null);
  assert.equal(takeTicket(location("#ticket="), history), null);
});

const own = "https://adapter.test";

test("only real origins of other pages are asked about, nearest first", () => {
  const list = ["https://a.test", own, "null", "file://", "http://b.test:8080", "https://a.test"];
  const origins = ["https://a.test", "http://b.test:8080"];
  assert.deepEqual(ancestors({ origin: own, ancestorOrigins: list }), origins);
  assert.deepEqual(ancestors({ origin: own }), []);
});

test("a top page has nobody around; a frame whose browser hides them does not know", () => {
  assert.deepEqual(surroundings({ origin: own, ancestorOrigins: [] }, false), []);
  assert.equal(surroundings({ origin: own, ancestorOrigins: ["null"] }, true), null);
});

test("a refused embedder comes with the line that would allow it", async () => {
  const it = server([403, { origin: "https://x.test", line: "https://x.test", detail: "d" }]);
  const verdict = await check(it.fetch, ["https://x.test"]);
  assert.deepEqual(verdict, { allowed: false, origin: "https://x.test", line: "https://x.test", detail: "d" });
  assert.deepEqual(it.asked[0].body, { ancestors: ["https://x.test"] });
});

test("a server that cannot say is asked again; nobody around needs no question", async () => {
  await assert.rejects(check(server([500, {}]).fetch, ["https://x.test"]));
  assert.deepEqual(await check(server().fetch, []), { allowed: true });
});

test("an origin is asked about once, a refused one again after a while", async () => {
  const clock = new FakeClock();
  const it = server([200, {}], [403, {}], [200, {}]);
  const embedders = new Embedders(it.fetch, clock);
  assert.deepEqual(await embedders.check(["https://a.test"]), { allowed: true });
  assert.equal(await embedders.mayShow("https://a.test"), true);
  assert.equal(it.asked.length, 1);
  for (let turn = 0; turn < 5; turn++) assert.equal(await embedders.mayShow("https://b.test"), false);
  assert.equal(it.asked.length, 2);
  await clock.pass(15_000);
  assert.equal(await embedders.mayShow("https://b.test"), true);
});

test("presence is told at most once in two seconds, and never late about becoming visible", async () => {
  const clock = new FakeClock();
  const sent = [];
  const presence = new Presence((each) => sent.push(each), clock, true);
  presence.used();
  for (let turn = 0; turn < 50; turn++) presence.used();
  assert.equal(sent.length, 1);
  await clock.pass(2_000);
  assert.equal(sent.length, 2);
  presence.seen(false);
  await clock.pass(2_000);
  assert.deepEqual(sent.map((each) => each.visible), [true, true, false]);
  presence.seen(false);
  presence.seen(true);
  assert.equal(sent.at(-1).visible, true);
  assert.equal(sent.at(-1).type, "presence");
  assert.match(sent.at(-1).interacted, /^\d{4}-.*Z$/);
});

test("a reload hands the bearer on within the tab, once, and does without where it cannot", () => {
  const kept = new Map();
  const storage = () => ({
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  });
  const blocked = () => {
    throw new Error("SecurityError");
  };
  const before = new Session(fetch, null, null);
  before.leave(storage); // nobody is signed in: nothing to leave
  assert.equal(kept.size, 0);
  before.keep("secret");
  before.leave(storage);
  before.leave(blocked);
  const after = new Session(fetch, null, null);
  assert.equal(after.resume(blocked), false);
  assert.equal(after.resume(storage), true);
  assert.equal(after.headers.Authorization, "Bearer secret");
  assert.equal(kept.size, 0);
  assert.equal(new Session(fetch, null, null).resume(storage), false);
});
