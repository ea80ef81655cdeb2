import assert from "node:assert/strict";
import { test } from "node:test";

import { Host } from "../../adapter/static/panel/host.js";
import { FakeClock, settle } from "./fake_world.mjs";

const CRM = "https://contoso.crm4.dynamics.com";
const EVIL = "https://evil.example";
const connect = { type: "screenpop.connect", protocol: 1 };

function page() {
  const it = { sent: [] };
  it.postMessage = (message, { targetOrigin }) => it.sent.push([message, targetOrigin]);
  return it;
}

function world({ framed = true, allowed = [CRM] } = {}) {
  const it = { clock: new FakeClock(), parent: page(), connected: 0 };
  it.host = new Host({
    parent: framed ? it.parent : null,
    allowed: async (origin) => allowed.includes(origin),
    clock: it.clock,
    onConnected: () => (it.connected += 1),
  });
  it.hear = (data, origin = CRM, source = it.parent) => it.host.receive({ data, origin, source });
  return it;
}

test("an allowed page around is answered at its exact origin, and told once", async () => {
  const it = world();
  await it.hear(connect);
  await it.hear(connect);
  assert.deepEqual(it.parent.sent[0], [{ type: "screenpop.connected", protocol: 1 }, CRM]);
  assert.equal(it.connected, 1);
  assert.equal(it.host.connected, true);
});

for (const [name, message] of [
  ["a page whose origin is not allowed", (it) => it.hear(connect, EVIL)],
  ["a window that is not the parent", (it) => it.hear(connect, CRM, page())],
  ["another protocol", (it) => it.hear({ ...connect, protocol: 2 })],
  ["words that are no message", (it) => it.hear("screenpop.connect")],
  ["null", (it) => it.hear(null)],
]) {
  test(`${name} gets no answer`, async () => {
    const it = world();
    await message(it);
    assert.deepEqual(it.parent.sent, []);
    assert.equal(it.host.connected, false);
  });
}

test("a top page has no host, whoever speaks", async () => {
  const it = world({ framed: false });
  await it.hear(connect);
  assert.equal(it.host.connected, false);
});

test("the pinned origin stays: another allowed one that takes the parent over gets nothing", async () => {
  const it = world({ allowed: [CRM, "https://fabrikam.crm4.dynamics.com"] });
  await it.hear(connect);
  await it.hear(connect, "https://fabrikam.crm4.dynamics.com");
  assert.equal(it.parent.sent.length, 1);
});

const pop = { pop: "p", url: `${CRM}/main.aspx?id=1`, record: { table: "contact", id: "1" } };

test("a record is opened by the host, and its answer is the outcome", async () => {
  const it = world();
  await it.hear(connect);
  for (const [type, outcome] of [["screenpop.opened", "opened"], ["screenpop.failed", "failed"]]) {
    const answer = it.host.open(pop);
    const [message, origin] = it.parent.sent.at(-1);
    assert.equal(origin, CRM);
    assert.deepEqual({ ...message, request: "" }, { type: "screenpop.open", request: "", ...pop });
    await it.hear({ type, request: message.request, detail: "words" });
    assert.deepEqual(await answer, { outcome, detail: "words" });
  }
});

test("a host that does not answer within 3 seconds has failed; its late answer changes nothing", async () => {
  const it = world();
  await it.hear(connect);
  const answer = it.host.open(pop);
  await it.clock.pass(3_000);
  assert.equal((await answer).outcome, "failed");
  await it.hear({ type: "screenpop.opened", request: it.parent.sent.at(-1)[0].request });
});

test("an answer from another origin or window is no answer", async () => {
  const it = world();
  await it.hear(connect);
  let outcome = null;
  it.host.open(pop).then((each) => (outcome = each.outcome));
  const { request } = it.parent.sent.at(-1)[0];
  await it.hear({ type: "screenpop.opened", request }, EVIL);
  await it.hear({ type: "screenpop.opened", request }, CRM, page());
  await settle();
  assert.equal(outcome, null);
  await it.clock.pass(3_000);
  assert.equal(outcome, "failed");
});

test("without a host the rung fails at once, so that the next can be tried", async () => {
  assert.equal((await world().host.open(pop)).outcome, "failed");
});
