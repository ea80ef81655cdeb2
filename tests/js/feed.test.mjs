import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed } from "../../adapter/static/panel/feed.js";
import { SignInRequired, TicketRefused } from "../../adapter/static/panel/session.js";
import { FakeClock, FakeSocket, event, pop, welcome } from "./fake_world.mjs";

function world({ tickets = [] } = {}) {
  const clock = new FakeClock();
  const it = { clock, sockets: [], events: [], states: [], welcomes: [], visible: true, asked: 0 };
  it.feed = new Feed({
    url: "wss://adapter.test/v1/feed",
    connect: (url, protocol) => {
      const socket = new FakeSocket(url, protocol);
      it.sockets.push(socket);
      return socket;
    },
    ticket: async () => {
      it.asked += 1;
      const next = tickets.shift();
      if (next instanceof Error) throw next;
      return next ?? `T${it.asked}`;
    },
    hello: () => ({ version: "1", panel: "P", visible: true, interacted: null }),
    clock,
    random: () => 0.5,
    visible: () => it.visible,
    onState: (state) => it.states.push(state),
    onEvent: (each) => it.events.push(each),
    onWelcome: (each) => it.welcomes.push(each),
  });
  it.last = () => it.sockets.at(-1);
  it.live = async () => {
    it.feed.start();
    await clock.pass(0);
    it.last().open();
    it.last().say(welcome);
    it.last().say(event(10, "screenpop.snapshot", { contacts: [], pops: [] }, "snapshot-10"));
  };
  it.reopen = async (ms) => {
    await clock.pass(ms);
    it.last().open();
    it.last().say(welcome);
  };
  return it;
}

test("the first message is a hello with a fresh ticket, and no secret stands in the address", async () => {
  const it = world();
  await it.live();
  assert.equal(it.last().url, "wss://adapter.test/v1/feed");
  assert.equal(it.last().protocol, "screenpop.v1");
  assert.deepEqual(it.last().sent[0], {
    type: "hello", ticket: "T1", version: "1", panel: "P", visible: true, interacted: null,
  });
  assert.equal(it.feed.state.name, "live");
  assert.equal(it.welcomes.length, 1);
});

test("after a loss the feed resumes after the last sequence it saw, with a new ticket", async () => {
  const it = world();
  await it.live();
  it.last().say(event(11, "screenpop.contact.offered", {}));
  it.last().say(event(14, "screenpop.contact.answered", {}));
  it.last().end(1006);
  assert.equal(it.feed.state.name, "waiting");
  await it.reopen(700);
  assert.equal(it.last().url, "wss://adapter.test/v1/feed?after=000000000014");
  assert.equal(it.last().sent[0].ticket, "T2");
});

test("the first attempt of all asks for a snapshot by giving no sequence", async () => {
  const it = world();
  it.feed.start();
  await it.clock.pass(0);
  it.last().end(1006);
  await it.clock.pass(1_000);
  assert.equal(it.sockets.length, 2);
  assert.equal(it.last().url, "wss://adapter.test/v1/feed");
});

test("what is delivered twice counts once", async () => {
  const it = world();
  await it.live();
  for (let turn = 0; turn < 3; turn++) it.last().say(event(11, "screenpop.contact.offered", {}));
  it.last().end(1012);
  await it.reopen(2_000);
  it.last().say(event(11, "screenpop.contact.offered", {}));
  it.last().say(event(12, "screenpop.contact.answered", {}));
  assert.deepEqual(it.events.map((each) => each.id), ["snapshot-10", "000000000011", "000000000012"]);
});

test("a pop that passes to this panel under the same id is not taken for a duplicate", async () => {
  const it = world();
  await it.live();
  it.last().say(event(11, "screenpop.pop", pop("p", "mirror")));
  it.last().say(event(11, "screenpop.pop", pop("p", "card", { attempt: 2 })));
  it.last().say(event(11, "screenpop.pop", pop("p", "card", { attempt: 2 })));
  assert.deepEqual(it.events.slice(1).map((each) => each.data.present), ["mirror", "card"]);
});

test("a snapshot of a server whose history starts anew lets small numbers count again", async () => {
  const it = world();
  await it.live();
  it.last().say(event(11, "screenpop.contact.offered", {}));
  it.last().say(event(3, "screenpop.snapshot", { gap: true, contacts: [], pops: [] }, "snapshot-3"));
  it.last().say(event(11, "screenpop.contact.offered", {}));
  assert.equal(it.events.length, 4);
  it.last().say(event(4, "screenpop.contact.updated", {}, "x"));
  it.last().end(1006);
  await it.reopen(1_000);
  assert.match(it.last().url, /after=000000000011$/);
});

test("with the last sequence goes the epoch that the last snapshot gave, and no other", async () => {
  const it = world();
  await it.live();
  const snapshot = (epoch) =>
    event(3, "screenpop.snapshot", { epoch, contacts: [], pops: [] }, "snapshot-3");
  for (const [epoch, address] of [["a-1", /after=000000000003&epoch=a-1$/], ["x&y", /&epoch=x%26y$/], [7, /3$/]]) {
    it.last().say(snapshot(epoch));
    it.last().end(1012);
    // Nothing is learnt before the snapshot: the sequence is still of the former epoch.
    await it.reopen(2_000);
    it.last().say({ ...welcome, epoch: "of a later one" });
    assert.match(it.last().url, address);
    it.last().end(1012);
    await it.reopen(2_000);
    assert.match(it.last().url, address);
  }
});

test("a lost network is tried again after 0.5, 1, 2, 4, 8 and then every 15 seconds, plus jitter", async () => {
  const it = world();
  it.feed.start();
  await it.clock.pass(0);
  const waits = [];
  for (let turn = 0; turn < 8; turn++) {
    it.last().end(1006);
    waits.push(it.feed.state.retryAt - it.clock.now());
    await it.clock.pass(waits.at(-1));
  }
  const jitter = 1.15;
  assert.deepEqual(waits, [0.5, 1, 2, 4, 8, 15, 15, 15].map((s) => s * 1000 * jitter));
  assert.equal(it.sockets.length, 9);
});

test("the backoff starts anew after a connection that held, not after one that broke at once", async () => {
  const it = world();
  await it.live();
  for (const wait of [575, 1_150, 2_300]) {
    it.last().end(1011);
    assert.equal(it.feed.state.retryAt - it.clock.now(), wait);
    await it.reopen(wait);
  }
  await it.clock.pass(6_000);
  it.last().end(1011);
  assert.equal(it.feed.state.retryAt - it.clock.now(), 575);
});

for (const [code, wait] of [
  [1001, 575], [1006, 575], [1011, 575], [4408, 575],
  [1012, 1_000], [4429, 1_000], // 0 to 2 s
  [4503, 10_000], [4999, 10_000], // 5 to 15 s
]) {
  test(`after close code ${code} it waits ${wait} ms at medium chance, then resumes`, async () => {
    const it = world();
    await it.live();
    it.last().end(code);
    assert.equal(it.feed.state.retryAt - it.clock.now(), wait);
    await it.clock.pass(wait);
    assert.match(it.last().url, /after=000000000010$/);
  });
}

for (const code of [1009, 4400, 4403, 4404, 4499]) {
  test(`close code ${code} stops, and says why`, async () => {
    const it = world();
    await it.live();
    it.last().end(code, "the reason");
    await it.clock.pass(600_000);
    assert.equal(it.sockets.length, 1);
    const { name, reason } = it.feed.state;
    assert.deepEqual([name, it.feed.state.code, reason], ["stopped", code, "the reason"]);
  });
}

test("4401 gets one new ticket by the session; a second one means signing in", async () => {
  const it = world();
  await it.live();
  it.last().end(4401);
  await it.clock.pass(2_000);
  assert.equal(it.asked, 2);
  it.last().end(4401);
  await it.clock.pass(600_000);
  assert.equal(it.feed.state.name, "signed-out");
  assert.equal(it.sockets.length, 2);
});

test("a session that the server no longer knows asks to sign in, and a sign-in connects", async () => {
  const it = world({ tickets: [new SignInRequired(), "after sign-in"] });
  it.feed.start();
  await it.clock.pass(60_000);
  assert.equal(it.feed.state.name, "signed-out");
  assert.equal(it.sockets.length, 0);
  it.feed.start();
  await it.clock.pass(0);
  it.last().open();
  assert.equal(it.last().sent[0].ticket, "after sign-in");
});

test("a refused ticket stops; a server that cannot be reached is asked again", async () => {
  const refused = world({ tickets: [new TicketRefused(403, "not you")] });
  refused.feed.start();
  await refused.clock.pass(60_000);
  assert.deepEqual([refused.feed.state.name, refused.feed.state.code], ["stopped", 403]);
  const lost = world({ tickets: [new TypeError("network"), new TypeError("network")] });
  lost.feed.start();
  await lost.clock.pass(5_000);
  assert.equal(lost.sockets.length, 1);
});

test("a handshake, a ticket or a welcome that never comes is given up after 10 seconds", async () => {
  const it = world();
  it.feed.start();
  await it.clock.pass(9_999);
  assert.equal(it.sockets.length, 1);
  await it.clock.pass(1_000);
  assert.equal(it.sockets.length, 2);
  assert.equal(it.sockets[0].closed, 1000);
});

test("20 seconds of silence bring a ping, and an answer keeps the line", async () => {
  const it = world();
  await it.live();
  for (let turn = 0; turn < 10; turn++) {
    await it.clock.pass(20_000);
    assert.equal(it.last().sent.at(-1).type, "ping");
    it.last().say({ type: "pong" });
  }
  assert.equal(it.sockets.length, 1);
});

test("a ping without an answer in 8 seconds means a dead line: reconnect at once, resume", async () => {
  const it = world();
  await it.live();
  await it.clock.pass(20_000);
  await it.clock.pass(7_999);
  assert.equal(it.sockets.length, 1);
  await it.clock.pass(1);
  assert.equal(it.sockets.length, 2);
  assert.match(it.last().url, /after=000000000010$/);
  // What the dead line still says is not heard.
  it.sockets[0].end(4403);
  assert.equal(it.feed.state.name, "connecting");
});

test("after the computer slept it reconnects at once", async () => {
  const it = world();
  await it.live();
  await it.clock.pass(4_000);
  await it.clock.sleep(3_600_000);
  assert.equal(it.sockets.length, 2);
});

test("timers that a hidden page runs once a minute are no sleep", async () => {
  const it = world();
  await it.live();
  it.visible = false;
  it.feed.hidden();
  for (let minute = 0; minute < 5; minute++) {
    it.clock.time += 59_000; // the browser holds the timers back
    await it.clock.pass(0);
    it.last().say({ type: "pong" });
  }
  assert.equal(it.sockets.length, 1);
  // Seen again: the late timer of that minute is no sleep either.
  it.clock.time += 59_000;
  it.visible = true;
  await it.clock.pass(0);
  assert.equal(it.sockets.length, 1);
});

test("waking asks a live line for a sign of life, and ends the wait of a lost one", async () => {
  const it = world();
  await it.live();
  it.feed.wake();
  assert.equal(it.last().sent.at(-1).type, "ping");
  await it.clock.pass(3_000);
  assert.equal(it.sockets.length, 2);
  it.last().end(1006);
  it.feed.wake();
  await it.clock.pass(0);
  assert.equal(it.sockets.length, 3);
});

test("an outcome is sent again after a reconnect until the server has stored it", async () => {
  const it = world();
  await it.live();
  const outcome = { pop: "p", outcome: "opened", rung: "tab", detail: "" };
  it.feed.report(outcome);
  assert.deepEqual(it.last().sent.at(-1), { type: "pop.outcome", ...outcome });
  it.last().end(1006);
  it.feed.report({ pop: "q", outcome: "blocked", rung: "tab", detail: "x".repeat(1000) });
  await it.reopen(1_000);
  const again = it.last().sent.filter((each) => each.type === "pop.outcome");
  assert.deepEqual(again.map((each) => each.pop), ["p", "q"]);
  assert.equal(again[1].detail.length, 300);
  it.last().say({ type: "outcome.stored", pop: "p" });
  it.last().say({ type: "outcome.stored", pop: "q" });
  it.last().end(1006);
  await it.reopen(3_000);
  assert.equal(it.last().sent.filter((each) => each.type === "pop.outcome").length, 0);
});

test("each rung's outcome of one pop is acknowledged in turn", async () => {
  const it = world();
  await it.live();
  it.feed.report({ pop: "p", outcome: "failed", rung: "host", detail: "" });
  it.feed.report({ pop: "p", outcome: "opened", rung: "tab", detail: "" });
  it.last().say({ type: "outcome.stored", pop: "p" });
  it.last().end(1006);
  await it.reopen(1_000);
  const again = it.last().sent.filter((each) => each.type === "pop.outcome");
  assert.deepEqual(again.map((each) => each.rung), ["tab"]);
});

for (const frame of ["", "{", "[]", "null", '"x"', '{"specversion":"1.0","type":"a"}', "{}", 7]) {
  test(`a frame that is no message changes nothing: ${JSON.stringify(frame)}`, async () => {
    const it = world();
    await it.live();
    it.last().onmessage({ data: frame });
    assert.equal(it.events.length, 1);
    assert.equal(it.feed.state.name, "live");
  });
}

test("after a sign-out nothing connects any more and nothing is remembered", async () => {
  const it = world();
  await it.live();
  it.feed.stop();
  await it.clock.pass(600_000);
  it.feed.wake();
  await it.clock.pass(600_000);
  assert.equal(it.sockets.length, 1);
  assert.equal(it.feed.state.name, "signed-out");
  it.feed.start();
  await it.clock.pass(0);
  assert.equal(it.last().url, "wss://adapter.test/v1/feed");
});

test("the state says since when the feed is lost, over all attempts", async () => {
  const it = world();
  await it.live();
  await it.clock.pass(1_000);
  const lost = it.clock.now();
  it.last().end(1006);
  await it.clock.pass(600);
  it.last().end(1006);
  assert.equal(it.feed.state.since, lost);
  await it.reopen(2_000);
  assert.equal(it.feed.state.since, null);
});
