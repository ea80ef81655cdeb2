"""Answer functions and actions: WhoAmI, CreateMultiple and its kin, BulkDelete."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

from adapter.demo.simulated.dataverse import addresses
from adapter.demo.simulated.dataverse.messages import Answer, Request, answer
from adapter.demo.simulated.dataverse.records import Records
from adapter.demo.simulated.dataverse.refusals import bad_payload, no_such_segment, not_simulated
from adapter.demo.simulated.dataverse.schema import Catalog, Table

PREFIX = "Microsoft.Dynamics.CRM."
_ENGLISH = 1033
_FILTER = re.compile(r"primaryobjecttypecode eq '(\w+)'")
_MESSAGES = uuid.UUID("b3a0c7e8-0000-5000-8000-000d3a000000")


def who_am_i(records: Records, request: Request, organization: str) -> Answer:
    """Answer `WhoAmI` with the user that the request runs as."""
    caller = records.reader.caller
    return answer(
        200,
        {
            "@odata.context": f"{request.base}/$metadata#{PREFIX}WhoAmIResponse",
            "BusinessUnitId": caller.business_unit,
            "UserId": caller.user,
            "OrganizationId": organization,
        },
    )


def languages(request: Request) -> Answer:
    """Answer `RetrieveAvailableLanguages`."""
    kind = f"{request.base}/$metadata#{PREFIX}RetrieveAvailableLanguagesResponse"
    return answer(200, {"@odata.context": kind, "LocaleIds": [_ENGLISH]})


def bound(records: Records, table: Table, name: str, request: Request) -> Answer:
    """Answer an action on an entity set; all of its targets are written, or none."""
    action = name.removeprefix(PREFIX)
    doers = {"CreateMultiple": _create, "UpdateMultiple": _update, "UpsertMultiple": _upsert}
    if action not in doers:
        raise no_such_segment(name)
    targets = request.json(table.plural).get("Targets")
    if not isinstance(targets, list) or not all(isinstance(item, dict) for item in targets):
        raise bad_payload(table.plural, "Microsoft.OData.ODataException: 'Targets' is missing.")
    with records.database.transaction():
        made = [doers[action](records, table, target) for target in targets]
    if action == "CreateMultiple":
        kind = f"{request.base}/$metadata#{PREFIX}CreateMultipleResponse"
        return answer(200, {"@odata.context": kind, "Ids": made})
    return Answer(204)


def _create(records: Records, table: Table, target: Mapping[str, object]) -> str:
    return records.writer.create(table, target)


def _update(records: Records, table: Table, target: Mapping[str, object]) -> str:
    record = str(target.get(table.id, "")).lower()
    records.writer.update(table, record, target)
    return record


def _upsert(records: Records, table: Table, target: Mapping[str, object]) -> str:
    steps = addresses.segments(addresses.local_path(str(target.get("@odata.id", ""))))
    if len(steps) != 1 or steps[0].key is None:
        raise bad_payload(table.plural, "Microsoft.OData.ODataException: '@odata.id' is missing.")
    named = addresses.key_values(table, steps[0].key)
    record = records.find(table, named)
    if record is not None:
        records.writer.update(table, record, target)
        return record
    given = {table.id: named} if isinstance(named, str) else dict(named)
    return records.writer.create(table, target, given)


def bulk_delete(records: Records, request: Request) -> Answer:
    """Answer `BulkDelete` as far as Microsoft's Python client uses it: ids in a list.

    The real job runs later; this one has run when its id is answered.
    """
    for query in _list(request.json("BulkDelete").get("QuerySet")):
        table = records.database.catalog.table(str(query.get("EntityName")))
        if table is None:
            raise no_such_segment(str(query.get("EntityName")))
        for record in _ids(table, query.get("Criteria")):
            if records.database.get(table.name, record) is not None:
                records.writer.delete(table, record)
    kind = f"{request.base}/$metadata#{PREFIX}BulkDeleteResponse"
    return answer(200, {"@odata.context": kind, "JobId": str(uuid.uuid4())})


def _ids(table: Table, criteria: object) -> list[str]:
    conditions = _list(criteria.get("Conditions")) if isinstance(criteria, dict) else []
    if len(conditions) != 1 or (
        conditions[0].get("AttributeName"),
        conditions[0].get("Operator"),
    ) != (table.id, "In"):
        raise not_simulated("BulkDelete by anything but a list of ids")
    return [str(value.get("Value")).lower() for value in _list(conditions[0].get("Values"))]


def _list(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def message_filters(catalog: Catalog, request: Request) -> Answer:
    """Answer `sdkmessagefilters` as clients ask it: which bulk messages a table supports."""
    match = _FILTER.search(request.options.get("$filter", ""))
    table = catalog.table(match[1]) if match else None
    if table is None:
        raise not_simulated("sdkmessagefilters by anything but primaryobjecttypecode")
    value = [
        {
            "sdkmessagefilterid": str(uuid.uuid5(_MESSAGES, f"{table.name}/{message}")),
            "sdkmessageid": {"name": message},
        }
        for message in ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
    ]
    where = f"{request.base}/$metadata#sdkmessagefilters"
    return answer(200, {"@odata.context": where, "value": value})
