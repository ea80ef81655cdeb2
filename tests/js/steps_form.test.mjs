import assert from "node:assert/strict";
import { test } from "node:test";

import { lookWhileTyped } from "../../adapter/static/portal/steps_form.js";

const text = (value, defaultValue = value) => ({ type: "textarea", value, defaultValue });
const box = (checked, defaultChecked) => ({ type: "checkbox", checked, defaultChecked });
const list = (...options) => ({
  type: "select-one",
  options: options.map(([selected, defaultSelected]) => ({ selected, defaultSelected })),
});
const fieldset = { type: "fieldset" };

class Form extends EventTarget {
  constructor(...elements) {
    super();
    this.elements = elements;
  }
}

function looks(form) {
  let count = 0;
  lookWhileTyped(form, () => count++);
  return () => count;
}

for (const [what, element] of [
  ["a text", text("pasted", "")],
  ["a box", box(true, false)],
  ["a choice of a list that names none", list([false, false], [true, false])],
  ["a choice of a list that names one", list([true, false], [false, true])],
]) {
  test(`${what} of before the script was there is looked at`, () => {
    assert.equal(looks(new Form(fieldset, text("as sent"), element))(), 1);
  });
}

test("a form as it came is looked at when something is typed, not before", () => {
  const untouched = [fieldset, text("as sent"), box(true, true), box(false, false)];
  const form = new Form(...untouched, list([true, false], [false, false]), list([false, false], [true, true]));
  const count = looks(form);
  assert.equal(count(), 0);
  form.dispatchEvent(new Event("input"));
  assert.equal(count(), 1);
});
