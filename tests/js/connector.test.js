// The connector's decisions, without a browser: whom it frames and what it opens.
const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { before, test } = require("node:test");

const HOME = "https://contoso.crm4.dynamics.com";
const ID = "7a1c0003-53b2-ed11-83ff-000d3a020003";
let connector;

before(async () => {
  // The file is a module by its script tag, not by its name.
  const source = readFileSync(join(__dirname, "../../adapter/static/connector.js"), "utf8");
  connector = await import(`data:text/javascript,${encodeURIComponent(source)}`);
});

const query = (address) => `?typename=account&data=${encodeURIComponent(address)}`;

for (const [address, origin] of [
  ["https://acme.screenpop.example", "https://acme.screenpop.example"],
  [" https://acme.screenpop.example:8443/ ", "https://acme.screenpop.example:8443"],
  ["https://ACME.screenpop.example:443", "https://acme.screenpop.example"],
  ["http://screenpop.localhost:8000", "http://screenpop.localhost:8000"],
  ["http://127.0.0.1:8000", "http://127.0.0.1:8000"],
]) {
  test(`frames ${address}`, () => assert.equal(connector.adapterOrigin(query(address)), origin));
}

for (const address of [
  "http://acme.screenpop.example",
  "http://localhost.evil.example",
  "http://notlocalhost",
  "javascript:alert(1)//https://acme.example",
  "data:text/html,hello",
  "https://user@acme.example",
  "https://acme.example/path",
  "https://acme.example/?q",
  "https://acme.example/#ticket=1",
  "acme.example",
  "//acme.example",
]) {
  test(`does not frame ${address}`, () => {
    assert.throws(() => connector.adapterOrigin(query(address)), { key: "invalid" });
  });
}

test("asks for the address where there is none", () => {
  assert.throws(() => connector.adapterOrigin(""), { key: "missing" });
  assert.throws(() => connector.adapterOrigin("?data=%20"), { key: "missing" });
});

test("keeps to the one adapter that the installation names", () => {
  const pinned = "https://acme.example";
  assert.equal(connector.adapterOrigin("", pinned), pinned);
  assert.equal(connector.adapterOrigin(query("https://acme.example/"), pinned), pinned);
  assert.throws(() => connector.adapterOrigin(query("https://evil.example"), pinned), { key: "pinned" });
});

const open = (parameters, home = HOME) => connector.pageInput(`${home}/main.aspx?${parameters}`, HOME);

test("opens a record by its GUID, with or without braces", () => {
  const record = { pageType: "entityrecord", entityName: "contact", entityId: ID };
  assert.deepEqual(open(`appid=x&pagetype=entityrecord&etn=contact&id=${ID}`), record);
  assert.deepEqual(open(`pagetype=entityrecord&etn=contact&id=%7B${ID.toUpperCase()}%7D`), record);
});

test("opens a new form with its default values decoded twice", () => {
  const extraqs = encodeURIComponent(`formid=${ID}&lastname=A%3DB%26C&telephone1=%2B4930`);
  assert.deepEqual(open(`pagetype=entityrecord&etn=contact&extraqs=${extraqs}`), {
    pageType: "entityrecord",
    entityName: "contact",
    formId: ID,
    data: { lastname: "A=B&C", telephone1: "+4930" },
  });
});

test("opens a list in a system view or a personal one", () => {
  const list = { pageType: "entitylist", entityName: "account", viewId: ID, viewType: "savedquery" };
  assert.deepEqual(open(`pagetype=entitylist&etn=account&viewid=${ID}`), list);
  const personal = open(`pagetype=entitylist&etn=account&viewid=${ID}&viewtype=4230`);
  assert.equal(personal.viewType, "userquery");
});

for (const [why, parameters, home] of [
  ["another organisation", `pagetype=entityrecord&etn=contact&id=${ID}`, "https://fabrikam.crm4.dynamics.com"],
  ["another port", `pagetype=entityrecord&etn=contact&id=${ID}`, `${HOME}:8443`],
  ["another protocol", `pagetype=entityrecord&etn=contact&id=${ID}`, HOME.replace("https", "http")],
  ["a look-alike", `pagetype=entityrecord&etn=contact&id=${ID}`, `${HOME}.evil.example`],
  ["user information", `pagetype=entityrecord&etn=contact&id=${ID}`, `${HOME}@evil.example`],
  ["no GUID", "pagetype=entityrecord&etn=contact&id=42"],
  ["no table name", `pagetype=entityrecord&etn=Contact%20x&id=${ID}`],
  ["a search", "pagetype=search&searchText=weber"],
  ["a wrong view type", `pagetype=entitylist&etn=account&viewid=${ID}&viewtype=1`],
]) {
  test(`does not open ${why}`, () => assert.throws(() => open(parameters, home), Error));
}

test("does not open what is no main.aspx address", () => {
  for (const address of ["", "x", null, `${HOME}/api/data/v9.2/contacts`, "javascript:alert(1)"]) {
    assert.throws(() => connector.pageInput(address, HOME), Error);
  }
});

test("finds the app's Xrm past windows that are closed to it", () => {
  const Xrm = { Navigation: {} };
  const closed = { get Xrm() { throw new Error("SecurityError"); } };
  assert.equal(connector.findXrm({ parent: closed, top: { Xrm } }), Xrm);
  assert.equal(connector.findXrm({ parent: { Xrm: {} }, top: {}, Xrm }), Xrm);
  assert.equal(connector.findXrm({ parent: closed, top: closed }), null);
});

test("navigates in place, and says which way", async () => {
  const calls = [];
  const navigateTo = async (...given) => calls.push(given);
  const input = { pageType: "entityrecord", entityName: "contact", entityId: ID };
  assert.equal(await connector.open({ Navigation: { navigateTo } }, input), "navigateTo");
  assert.deepEqual(calls, [[input, { target: 1 }]]);
});

test("uses openForm where the app is older, whose silence is good news", { timeout: 5000 }, async () => {
  const openForm = () => new Promise(() => {});
  const input = { pageType: "entityrecord", entityName: "contact", entityId: ID };
  assert.equal(await connector.open({ Navigation: { openForm } }, input), "openForm, not confirmed");
  await assert.rejects(connector.open({ Navigation: { openForm } }, { pageType: "entitylist" }));
});

test("passes on why the app refused", async () => {
  const navigateTo = async () => { throw { errorCode: 1, message: "not found" }; };
  await assert.rejects(connector.open({ Navigation: { navigateTo } }, {}), { message: "not found" });
  await assert.rejects(connector.open(null, {}), /no Xrm/);
});

test("says everything in both languages, also where scripts are off", () => {
  const folder = join(__dirname, "../../adapter/static");
  const source = readFileSync(join(folder, "connector.js"), "utf8");
  const keys = ["en", "ja"].map((language) => {
    const [, texts] = new RegExp(`^  ${language}: \\{\\n([\\s\\S]*?)^  \\},`, "m").exec(source);
    return [...texts.matchAll(/^    (\w+):/gm)].map(([, key]) => key);
  });
  assert.ok(keys[0].length > 3);
  assert.deepEqual(keys[1], keys[0]);
  const page = readFileSync(join(folder, "connector.html"), "utf8");
  assert.match(page, /<noscript>[^]*Scripts are off[^]*lang="ja"[^]*スクリプト[^]*<\/noscript>/);
});
