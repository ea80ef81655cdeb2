// Drive the simulated Dataverse with the npm client dynamics-web-api; exit 0 when all is right.
// Argument: the client's module. Environment: URL, TOKEN, NODE_EXTRA_CA_CERTS.
import assert from "node:assert/strict";

const { DynamicsWebApi } = await import(process.argv[2]);
const contact = "7a1c0001-53b2-ed11-83ff-000d3a020001";
const options = {
  serverUrl: process.env.URL,
  dataApi: { version: "9.2" },
  onTokenRefresh: async () => process.env.TOKEN,
};
const api = new DynamicsWebApi(options);

const whoAmI = await api.callFunction("WhoAmI");
assert.ok(whoAmI.UserId);

const id = await api.create({ collection: "phonecalls", data: { subject: "Ruf ä" } });
assert.match(id, /^[0-9a-f-]{36}$/);
const row = await api.create({
  collection: "tasks", data: { subject: "x" }, returnRepresentation: true, select: ["subject"],
});
assert.equal(row.subject, "x");

const read = await api.retrieve({ collection: "phonecalls", key: id, select: ["subject"] });
assert.equal(read.subject, "Ruf ä");
const updated = await api.update({
  collection: "phonecalls", key: id, data: { description: "d" }, returnRepresentation: true,
});
assert.equal(updated.description, "d");
await assert.rejects(
  api.update({ collection: "phonecalls", key: id, data: { subject: "y" }, ifmatch: 'W/"1"' })
    .then((done) => { if (done === false) throw new Error("412"); }),
);
await api.updateSingleProperty({
  collection: "phonecalls", key: id, fieldValuePair: { subject: "z" },
});
assert.equal((await api.retrieve({ collection: "phonecalls", key: id })).subject, "z");

const key = "screenpop_contactid='c-1'";
await api.upsert({ collection: "phonecalls", key, data: { subject: "first" } });
await api.upsert({ collection: "phonecalls", key, data: { subject: "second" } });
assert.equal((await api.retrieve({ collection: "phonecalls", key })).subject, "second");
const blocked = await api.upsert({
  collection: "phonecalls", key, data: { subject: "third" }, ifnonematch: "*",
});
assert.equal(blocked, null);

const found = await api.retrieveMultiple({
  collection: "contacts",
  select: ["fullname", "_parentcustomerid_value"],
  filter: "contains(telephone1,'+49')",
  orderBy: ["fullname"],
  expand: [{ property: "parentcustomerid_account", select: ["name"] }],
  includeAnnotations: "*",
  count: true,
});
assert.equal(found.oDataCount, 2);
assert.equal(found.value[1].parentcustomerid_account.name, "Adatum Freight GmbH");
assert.equal(found.value[1]._parentcustomerid_value_Formatted, "Adatum Freight GmbH");

const all = await api.retrieveAll({ collection: "contacts", select: ["fullname"] });
assert.equal(all.value.length, 10);
const page = await api.retrieveMultiple({
  collection: "contacts", select: ["fullname"], maxPageSize: 6,
});
const next = await api.retrieveMultiple({ collection: "contacts", maxPageSize: 6 },
  page.oDataNextLink);
assert.deepEqual([page.value.length, next.value.length], [6, 4]);
assert.equal(await api.count({ collection: "contacts" }), 10);

await api.disassociateSingleValued({
  collection: "contacts", primaryKey: contact, navigationProperty: "parentcustomerid_account",
});
await api.associateSingleValued({
  collection: "contacts", primaryKey: contact, navigationProperty: "parentcustomerid_account",
  relatedCollection: "accounts", relatedKey: "7a1c0001-53b2-ed11-83ff-000d3a010001",
});

const entity = await api.retrieveEntity({
  key: "LogicalName='phonecall'", select: ["EntitySetName"],
});
assert.equal(entity.EntitySetName, "phonecalls");
const attributes = await api.retrieveAttributes({
  entityKey: "LogicalName='phonecall'",
  castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
  expand: [{ property: "OptionSet" }],
});
assert.ok(attributes.value.some((one) => one.LogicalName === "prioritycode"));

api.startBatch();
api.create({ collection: "tasks", data: { subject: "a" }, contentId: "1" });
api.create({ collection: "annotations", data: {
  notetext: "n", "objectid_task@odata.bind": "$1",
} });
const [taskId, noteId] = await api.executeBatch();
assert.ok(taskId && noteId);
api.startBatch();
api.retrieve({ collection: "contacts", key: contact, select: ["fullname"] });
api.retrieveMultiple({ collection: "tasks", select: ["subject"] });
const [one, many] = await api.executeBatch();
assert.equal(one.fullname, "Maria Weber");
assert.equal(many.value.length, 2);

const agent = new DynamicsWebApi({ ...options, impersonateAAD: process.env.BOB });
assert.notEqual((await agent.callFunction("WhoAmI")).UserId, whoAmI.UserId);

await api.deleteRecord({ collection: "phonecalls", key: id });
await assert.rejects(api.retrieve({ collection: "phonecalls", key: id }), { status: 404 });
console.log("all right");
