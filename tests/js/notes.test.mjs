import assert from "node:assert/strict";
import { test } from "node:test";

import { NoteRefused, Notes, readNote } from "../../adapter/static/panel/notes.js";
import { FakeClock, settle } from "./fake_world.mjs";

/** The server's side: answers when told to, merges as `adapter/notes.py` does. */
class Server {
  asked = [];
  notes = new Map();

  save = (contact, draft, leaving) =>
    new Promise((resolve, reject) => this.asked.push({ contact, ...draft, leaving, resolve, reject }));

  /** Answer the oldest request. */
  async answer(outcome) {
    const { contact, text, base, settled, resolve, reject } = this.asked.shift();
    if (outcome instanceof Error) reject(outcome);
    else {
      const known = this.notes.get(contact) ?? { text: "", version: 0, replaced: "" };
      const behind = known.version > 0 && base !== known.version;
      const lost = behind && !text.includes(known.text) ? known.text : "";
      const replaced = [settled && !behind ? "" : known.replaced, lost].filter(Boolean).join("\n\n");
      this.notes.set(contact, { text, version: known.version + 1, replaced });
      resolve(this.notes.get(contact));
    }
    await settle();
  }
}

function world() {
  const clock = new FakeClock();
  const server = new Server();
  const seen = { changes: 0 };
  const notes = new Notes({ save: server.save, clock, changed: () => void seen.changes++ });
  return { clock, server, notes, seen };
}

test("a note is saved when the agent pauses, once", async () => {
  const { clock, server, notes } = world();
  for (const text of ["H", "He", "Hel"]) {
    notes.write("c", text);
    await clock.pass(300);
  }
  assert.equal(server.asked.length, 0);
  assert.equal(notes.view("c").state, "waiting");
  await clock.pass(600);
  assert.deepEqual(server.asked.map((each) => [each.text, each.base]), [["Hel", 0]]);
  await server.answer();
  assert.equal(notes.view("c").state, "saved");
  assert.equal(notes.unsaved, false);
  await clock.pass(60_000);
  assert.equal(server.asked.length, 0);
});

test("who types without a pause loses three seconds at most", async () => {
  const { clock, server, notes } = world();
  for (let count = 1; count <= 35; count++) {
    notes.write("c", "x".repeat(count));
    await clock.pass(100);
  }
  assert.ok(server.asked.length >= 1);
  assert.ok(server.asked[0].text.length >= 25);
});

test("what is typed while a save is under way is saved after it, on its version", async () => {
  const { clock, server, notes } = world();
  notes.write("c", "one");
  await clock.pass(1_000);
  notes.write("c", "one two");
  await clock.pass(5_000);
  assert.equal(server.asked.length, 1);
  await server.answer();
  assert.equal(notes.view("c").state, "waiting");
  await clock.pass(1_000);
  assert.deepEqual(server.asked.map((each) => [each.text, each.base]), [["one two", 1]]);
  await server.answer();
  assert.equal(notes.view("c").state, "saved");
  assert.equal(server.notes.get("c").replaced, "");
});

test("a lost server is tried again until it takes the note, and the words stay", async () => {
  const { clock, server, notes } = world();
  notes.write("c", "one");
  await clock.pass(1_000);
  for (let time = 0; time < 8; time++) {
    await server.answer(new TypeError("Failed to fetch"));
    assert.equal(notes.view("c").state, "failed");
    assert.equal(notes.view("c").text, "one");
    assert.equal(notes.unsaved, true);
    await clock.pass(15_000);
    assert.equal(server.asked.length, 1);
  }
  await server.answer();
  assert.equal(notes.view("c").state, "saved");
});

test("what the server will never take is said and not tried again, until it is changed", async () => {
  const { clock, server, notes } = world();
  notes.write("c", "one");
  await clock.pass(1_000);
  await server.answer(new NoteRefused());
  assert.equal(notes.view("c").state, "refused");
  assert.equal(notes.unsaved, true);
  await clock.pass(120_000);
  assert.equal(server.asked.length, 0);
  notes.write("c", "two");
  await clock.pass(1_000);
  assert.equal(server.asked.length, 1);
});

test("the server's note comes in, but not over what is typed and not saved", async () => {
  const { clock, server, notes } = world();
  server.notes.set("a", { text: "theirs", version: 4, replaced: "" });
  notes.write("a", "mine");
  notes.take({ a: { text: "theirs", version: 4, replaced: "" }, b: { text: "kept", version: 2, replaced: "" }, c: 7 });
  assert.equal(notes.view("a").text, "mine");
  assert.deepEqual(notes.view("b").text, "kept");
  assert.equal(notes.view("b").state, "saved");
  assert.equal(notes.view("c").text, "");
  await clock.pass(1_000);
  await server.answer();
  assert.equal(notes.view("a").text, "mine");
  assert.equal(notes.view("a").replaced, "theirs");
});

test("an old answer of the server does not undo a newer save", async () => {
  const { clock, server, notes } = world();
  notes.write("a", "first");
  await clock.pass(1_000);
  await server.answer();
  notes.write("a", "second");
  await clock.pass(1_000);
  await server.answer();
  notes.take({ a: { text: "first", version: 1, replaced: "" } });
  assert.equal(notes.view("a").text, "second");
});

test("what another window wrote is shown until the agent adds it or leaves it out", async () => {
  for (const add of [true, false]) {
    const { clock, server, notes } = world();
    server.notes.set("a", { text: "theirs", version: 1, replaced: "" });
    notes.write("a", "mine");
    await clock.pass(1_000);
    await server.answer();
    notes.settle("a", add);
    assert.equal(notes.view("a").replaced, "");
    assert.equal(notes.view("a").text, add ? "mine\n\ntheirs" : "mine");
    assert.deepEqual([server.asked[0].settled, server.asked[0].base], [true, 2]);
    await server.answer();
    assert.equal(notes.view("a").state, "saved");
    assert.equal(notes.view("a").replaced, "");
    await clock.pass(60_000);
    assert.equal(server.asked.length, 0);
  }
});

test("a page that goes away saves at once, also while a save is under way", async () => {
  const { clock, server, notes } = world();
  notes.write("a", "one");
  await clock.pass(1_000);
  notes.write("a", "one two");
  void notes.flush(true);
  assert.deepEqual(server.asked.map((each) => [each.text, each.leaving]), [["one", false], ["one two", true]]);
  await server.answer();
  assert.equal(notes.view("a").state, "waiting"); // the first answer says nothing of the second
  await server.answer();
  assert.equal(notes.view("a").state, "saved");
  assert.equal(notes.view("a").text, "one two");
});

test("another agent finds nothing, and nothing of the one before is saved as theirs", async () => {
  const { clock, server, notes } = world();
  notes.write("a", "mine");
  notes.clear();
  await clock.pass(60_000);
  assert.equal(server.asked.length, 0);
  assert.equal(notes.view("a").text, "");
});

test("a note of the server is read, and anything else is none", () => {
  assert.deepEqual(readNote({ text: "x", version: 3, saved: "…" }), { text: "x", version: 3, replaced: "" });
  for (const wrong of [null, 7, "x", {}, { text: 1, version: 1 }, { text: "x", version: "1" }]) {
    assert.equal(readNote(wrong), null);
  }
});
