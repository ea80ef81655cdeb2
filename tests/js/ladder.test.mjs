import assert from "node:assert/strict";
import { test } from "node:test";

import { climb, rungs } from "../../adapter/static/panel/ladder.js";
import { PopTab, TAB_NAME } from "../../adapter/static/panel/pop_tab.js";
import { Pops } from "../../adapter/static/panel/pops.js";
import { settle } from "./fake_world.mjs";

const URL1 = "https://contoso.crm4.dynamics.com/main.aspx?id=1";
const URL2 = "https://contoso.crm4.dynamics.com/main.aspx?id=2";

for (const [target, framed, hostConnected, byClick, expected] of [
  ["host", true, true, false, ["host", "tab"]],
  ["host", true, false, false, ["host", "tab"]],
  ["host", false, false, false, ["host", "tab"]],
  ["embedded", true, true, false, ["host", "tab"]],
  ["embedded", false, false, false, ["embedded", "tab"]],
  ["tab", true, true, false, ["tab"]],
  ["tab", false, false, true, ["link"]],
  ["host", true, true, true, ["host", "link"]],
  ["host", true, false, true, ["link"]],
  ["embedded", false, false, true, ["embedded", "link"]],
]) {
  test(`target ${target}, framed ${framed}, host ${hostConnected}, click ${byClick}: ${expected}`, () => {
    assert.deepEqual(rungs(target, { framed, hostConnected }, byClick), expected);
  });
}

const says = (outcome, detail = "") => () => ({ outcome, detail });

async function reports(tries, ways) {
  const all = [];
  const last = await climb({ pop: "p", url: URL1 }, tries, ways, (tried) => all.push(`${tried.rung} ${tried.outcome}`));
  return [all, `${last.rung} ${last.outcome}`];
}

test("the first rung that holds is the last one tried", async () => {
  const ways = { host: says("opened"), tab: says("opened") };
  assert.deepEqual(await reports(["host", "tab"], ways), [["host opened"], "host opened"]);
});

test("each rung that refuses is reported, then the next is tried", async () => {
  const ways = { host: says("failed"), tab: says("blocked") };
  assert.deepEqual(await reports(["host", "tab"], ways), [["host failed", "tab blocked"], "tab blocked"]);
});

test("a rung that cannot know is not doubled by another one", async () => {
  const ways = { embedded: says("unknown"), tab: says("opened") };
  assert.deepEqual(await reports(["embedded", "tab"], ways), [["embedded unknown"], "embedded unknown"]);
});

test("a rung that breaks has failed", async () => {
  const broken = () => {
    throw new Error("broken");
  };
  const ways = { host: broken, tab: says("opened") };
  assert.deepEqual(await reports(["host", "tab"], ways), [["host failed", "tab opened"], "tab opened"]);
});

// --- the tab ---

function browser({ gives = () => ({ closed: false, location: { href: "" }, focus() {} }) } = {}) {
  const it = { opened: [], handle: null };
  it.tab = new PopTab((url, name) => {
    it.opened.push([url, name]);
    it.handle = gives();
    return it.handle;
  });
  return it;
}

test("one click opens the tab by its name; later pops navigate it without opening anything", () => {
  const it = browser();
  assert.equal(it.tab.openByClick("tab.html").outcome, "opened");
  assert.deepEqual(it.tab.navigate(URL1), { outcome: "opened", detail: "" });
  assert.equal(it.handle.location.href, URL1);
  assert.equal(it.tab.navigate(URL2).outcome, "opened");
  assert.deepEqual(it.opened, [["tab.html", TAB_NAME]]);
});

test("without the click there is no tab, and nothing tries to open one", () => {
  const it = browser();
  assert.equal(it.tab.navigate(URL1).outcome, "blocked");
  assert.deepEqual(it.opened, []);
});

test("a closed or cut-off tab blocks, and the next click opens a new one", () => {
  const it = browser();
  it.tab.openByClick("tab.html");
  it.handle.closed = true;
  assert.equal(it.tab.ready, false);
  assert.equal(it.tab.navigate(URL1).outcome, "blocked");
  assert.equal(it.tab.openByClick(URL1).outcome, "opened");
  assert.equal(it.opened.length, 2);
});

test("a tab that cannot be navigated has failed, and is not trusted again", () => {
  const it = browser();
  it.tab.openByClick("tab.html");
  Object.defineProperty(it.handle, "location", {
    get() {
      throw new DOMException("cross-origin", "SecurityError");
    },
  });
  assert.equal(it.tab.navigate(URL1).outcome, "failed");
  assert.equal(it.tab.ready, false);
});

test("showing the record that is there does not load it again: the agent may have typed into it", () => {
  const it = browser();
  let focused = 0;
  it.tab.openByClick(URL1);
  it.handle.focus = () => (focused += 1);
  it.handle.location = Object.freeze({ href: "what the agent went on to" });
  assert.equal(it.tab.openByClick(URL1).outcome, "opened");
  assert.equal(focused, 1);
});

test("a browser that gives no handle leaves it unknown; one that throws has refused", () => {
  const silent = browser({ gives: () => null });
  assert.equal(silent.tab.openByClick(URL1).outcome, "unknown");
  assert.equal(silent.tab.refused, true);
  const throwing = browser({
    gives: () => {
      throw new DOMException("sandboxed", "InvalidAccessError");
    },
  });
  assert.equal(throwing.tab.openByClick(URL1).outcome, "failed");
  assert.equal(throwing.tab.refused, true);
});

// --- carrying pops out ---

function carrier(ways, { opening = true } = {}) {
  const it = { reported: [], changed: [] };
  it.pops = new Pops({
    ways,
    around: () => ({ framed: true, hostConnected: true }),
    settled: new Promise((resolve) => (it.hostHadItsTime = resolve)),
    isOpening: () => opening,
    report: (each) => it.reported.push(`${each.rung} ${each.outcome}`),
    change: (id, each) => it.changed.push(`${id} ${each.state}`),
  });
  return it;
}

const view = (more) => ({ pop: "p", target: "host", url: URL1, state: "opening", rung: null, ...more });

test("a pop for the page around waits until that had its time to connect, and opens once", async () => {
  let asked = 0;
  const it = carrier({ host: () => ((asked += 1), { outcome: "opened", detail: "" }) });
  it.pops.openAll([view()]);
  it.pops.openAll([view()]);
  await settle();
  assert.equal(asked, 0);
  it.hostHadItsTime();
  await settle();
  assert.equal(asked, 1);
  assert.deepEqual(it.reported, ["host opened"]);
  assert.deepEqual(it.changed, ["p opened"]);
});

test("what was withdrawn while it waited does not open", async () => {
  const it = carrier({ host: says("opened") }, { opening: false });
  it.pops.openAll([view()]);
  it.hostHadItsTime();
  await settle();
  assert.deepEqual(it.reported, []);
});

test("cards and mirrors never open by themselves", async () => {
  const it = carrier({ tab: says("opened") });
  it.pops.openAll(["ready", "mirror", "blocked", "opened"].map((state) => view({ state, target: "tab" })));
  await settle();
  assert.deepEqual(it.reported, []);
});

test("a click on a blocked pop opens it as a link, and reports that", async () => {
  const it = carrier({ link: says("opened") });
  await it.pops.openByClick(view({ state: "blocked", target: "tab" }));
  assert.deepEqual(it.reported, ["link opened"]);
});

test("looking at another panel's pop, or once more at an opened one, is no outcome", async () => {
  const it = carrier({ link: says("opened") });
  await it.pops.openByClick(view({ state: "mirror", target: "tab" }));
  await it.pops.openByClick(view({ state: "opened", target: "tab" }));
  assert.deepEqual(it.reported, []);
});

test("a dismissed pop is reported and goes", () => {
  const it = carrier({});
  it.pops.dismiss(view({ state: "ready" }));
  assert.deepEqual(it.reported, ["link dismissed"]);
  assert.deepEqual(it.changed, ["p dismissed"]);
});
