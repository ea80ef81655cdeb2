import assert from "node:assert/strict";
import { test } from "node:test";

import { Ringer } from "../../adapter/static/panel/ringer.js";
import { FakeClock, FakeLocks, settle } from "./fake_world.mjs";

/** A sound device that counts the notes that begin. */
class Device {
  state = "suspended";
  currentTime = 0;
  notes = 0;

  async resume() {
    this.state = "running";
  }

  createGain() {
    const gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} };
    return { gain, connect: (next) => next };
  }

  createOscillator() {
    return {
      frequency: {},
      connect: (next) => next,
      start: () => (this.notes += 1),
      stop() {},
    };
  }
}

/** A panel of the browser whose locks these are; one that is clicked may make sounds. */
async function panel(clock, locks, { clicked = true, muted = false } = {}) {
  const device = new Device();
  const ringer = new Ringer(() => device, clock, locks);
  ringer.muted = muted;
  if (clicked) await ringer.unlock();
  return { ringer, device, clock };
}

async function ring(...panels) {
  for (const { ringer } of panels) ringer.ring(false);
  await panels[0].clock.pass(0);
}

/** Two panels of one browser, for one call that rings. */
async function twoForOneCall() {
  const clock = new FakeClock();
  const locks = new FakeLocks();
  const first = await panel(clock, locks);
  const second = await panel(clock, locks);
  await ring(first, second);
  return { clock, first, second };
}

test("it rings every three seconds until it stops", async () => {
  const clock = new FakeClock();
  const only = await panel(clock, new FakeLocks());
  await ring(only);
  await clock.pass(6_500);
  assert.equal(only.device.notes, 6);
  only.ringer.stop();
  await clock.pass(60_000);
  assert.equal(only.device.notes, 6);
});

test("of several panels one rings, and another goes on when it stops", async () => {
  const { clock, first, second } = await twoForOneCall();
  assert.deepEqual([first.device.notes, second.device.notes], [2, 0]);
  await clock.pass(2_000);
  first.ringer.stop();
  await clock.pass(1_000);
  assert.deepEqual([first.device.notes, second.device.notes], [2, 2]);
});

test("a call that is answered is not rung for by the panel that waited", async () => {
  const { clock, first, second } = await twoForOneCall();
  await clock.pass(2_000);
  first.ringer.stop();
  await clock.pass(200); // in which the other panel draws that it is answered
  second.ringer.stop();
  await clock.pass(10_000);
  assert.deepEqual([first.device.notes, second.device.notes], [2, 0]);
});

test("a sound device that is taken away lets another panel ring", async () => {
  const { clock, first, second } = await twoForOneCall();
  await clock.pass(2_000);
  first.device.state = "interrupted";
  first.device.onstatechange();
  await clock.pass(1_000);
  assert.deepEqual([first.device.notes, second.device.notes], [2, 2]);
});

test("a panel that can make no sound keeps none from ringing", async () => {
  for (const silent of [{ clicked: false }, { muted: true }]) {
    const clock = new FakeClock();
    const locks = new FakeLocks();
    const first = await panel(clock, locks, silent);
    const second = await panel(clock, locks);
    await ring(first, second);
    assert.deepEqual([first.device.notes, second.device.notes], [0, 2]);
  }
});

test("who mutes the panel that rings hears another, and may have it back", async () => {
  const clock = new FakeClock();
  const locks = new FakeLocks();
  const only = await panel(clock, locks);
  await ring(only);
  only.ringer.muted = true;
  await clock.pass(10_000);
  assert.equal(only.device.notes, 2);
  only.ringer.muted = false;
  await clock.pass(0);
  assert.equal(only.device.notes, 4);
});

test("a click while it rings makes it heard", async () => {
  const clock = new FakeClock();
  const only = await panel(clock, undefined, { clicked: false });
  await ring(only);
  assert.equal(only.device.notes, 0);
  await only.ringer.unlock();
  assert.equal(only.device.notes, 2);
  await clock.pass(3_000);
  assert.equal(only.device.notes, 4);
  only.ringer.stop();
  await clock.pass(10_000);
  assert.equal(only.device.notes, 4);
});

test("a call that ends before its turn has come rings nowhere", async () => {
  const { clock, first, second } = await twoForOneCall();
  second.ringer.stop();
  first.ringer.stop();
  await settle();
  await clock.pass(10_000);
  assert.deepEqual([first.device.notes, second.device.notes], [2, 0]);
});
