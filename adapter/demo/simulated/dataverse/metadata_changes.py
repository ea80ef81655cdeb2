"""Answer `RetrieveMetadataChanges` and `RelationshipDefinitions`, as far as clients ask them."""

from __future__ import annotations

import json
from typing import Any

from adapter.demo.simulated.dataverse import metadata
from adapter.demo.simulated.dataverse.messages import Answer, Request, answer
from adapter.demo.simulated.dataverse.metadata_shapes import (
    TYPE,
    column_json,
    relationships,
    table_json,
)
from adapter.demo.simulated.dataverse.refusals import Refusal, bad_url, not_simulated
from adapter.demo.simulated.dataverse.schema import Catalog

Json = dict[str, Any]


def changes(catalog: Catalog, request: Request) -> Answer:
    """Answer with the tables and columns that the query in `@p1` names.

    Conditions may ask for equality alone; there is no earlier version to compare with.
    """
    try:
        query = _object(json.loads(request.options.get("@p1", "")))
    except (ValueError, RecursionError) as error:
        raise _malformed() from error
    found = []
    for table in catalog:
        item = table_json(table)
        if not _meets(query.get("Criteria"), item):
            continue
        columns = [column_json(table, column) for column in table.columns.values()]
        wanted = _object(query.get("AttributeQuery"))
        item["Attributes"] = [
            _shown(column, wanted) for column in columns if _meets(wanted.get("Criteria"), column)
        ]
        found.append(_shown(item, query))
    kind = f"{request.base}/$metadata#{TYPE}RetrieveMetadataChangesResponse"
    stamp = {"ServerVersionStamp": "1!", "DeletedMetadata": None}
    return answer(200, {"@odata.context": kind, "EntityMetadata": found, **stamp})


def definitions(catalog: Catalog, request: Request) -> Answer:
    """Answer `RelationshipDefinitions`: every one-to-many relationship."""
    items = [
        item
        for table in catalog
        for item in relationships(catalog, table, "ManyToOneRelationships")
    ]
    return metadata.listed(request, "RelationshipDefinitions", items)


def _meets(criteria: object, item: Json) -> bool:
    conditions = _object(criteria).get("Conditions") or []
    if not isinstance(conditions, list):
        raise _malformed()
    for condition in map(_object, conditions):
        if condition.get("ConditionOperator") != "Equals":
            raise not_simulated(f"The operator '{condition.get('ConditionOperator')}'")
        wanted = _object(condition.get("Value")).get("Value")
        if item.get(str(condition.get("PropertyName"))) != wanted:
            return False
    return True


def _shown(item: Json, query: Json) -> Json:
    properties = _object(query.get("Properties"))
    names = properties.get("PropertyNames")
    if properties.get("AllProperties") or not isinstance(names, list):
        return item
    always = ("@odata.type", "MetadataId", "LogicalName")
    return {name: value for name, value in item.items() if name in names or name in always}


def _object(value: object) -> Json:
    """Give a JSON object; a missing one is empty, anything else is refused."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _malformed()
    return value


def _malformed() -> Refusal:
    return bad_url("The parameter '@p1' must hold an EntityQueryExpression as JSON.")
