"""Answer `EntityDefinitions`: tables, their columns, choices, keys and relationships."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapter.demo.simulated.dataverse import expanding
from adapter.demo.simulated.dataverse.addresses import Segment
from adapter.demo.simulated.dataverse.literals import literal, tokens
from adapter.demo.simulated.dataverse.messages import Answer, Request, answer
from adapter.demo.simulated.dataverse.metadata_shapes import (
    TYPE,
    column_json,
    key_json,
    relationships,
    table_json,
)
from adapter.demo.simulated.dataverse.refusals import Refusal, bad_url, no_such_segment
from adapter.demo.simulated.dataverse.schema import Catalog, Key, Table

Json = dict[str, Any]


def respond(catalog: Catalog, steps: list[Segment], request: Request) -> Answer:
    """Answer a path that begins with `EntityDefinitions`."""
    if steps[0].key is None:
        _only_get(request)
        return listed(request, "EntityDefinitions", [table_json(table) for table in catalog])
    table = _table(catalog, steps[0].key)
    if len(steps) == 1:
        _only_get(request)
        return _one(request, "EntityDefinitions", _expanded(catalog, table, request))
    part = steps[1]
    if part.name == "Keys":
        return _keys(catalog, table, part, request)
    _only_get(request)
    cast = steps[2].name if len(steps) > 2 else None  # noqa: PLR2004 - table, part, cast
    items = [item for item in _part(catalog, table, part.name) if _is(item, cast)]
    if part.key is None:
        return listed(request, f"EntityDefinitions('{table.name}')/{part.name}", items)
    wanted = _key_text(part.key)
    for item in items:
        if wanted in (item.get("LogicalName"), item.get("MetadataId"), item.get("SchemaName")):
            return _one(request, f"EntityDefinitions('{table.name}')/{part.name}", item)
    raise Refusal(404, "0x80060888", f"Could not find '{wanted}' of '{table.name}'.")


def _only_get(request: Request) -> None:
    if request.method != "GET":
        raise Refusal(501, "0x80060888", "Changing metadata is not part of this simulation.")


def _is(item: Json, cast: str | None) -> bool:
    return cast is None or str(item.get("@odata.type", "")).endswith(cast)


def _table(catalog: Catalog, key: str) -> Table:
    wanted = _key_text(key)
    for table in catalog:
        if wanted.lower() in (table.name, table.metadata_id):
            return table
    raise Refusal(404, "0x80040217", f"Could not find an entity with name '{wanted}'.")


def _key_text(key: str) -> str:
    """Read `<guid>` or `LogicalName='x'`."""
    found = list(tokens(key))
    if len(found) == 1:
        return found[0].text
    if len(found) == 3 and found[1].text == "=":  # noqa: PLR2004 - name, mark, value
        return str(literal(found[2]))
    raise bad_url(f"Syntax error in the key '{key}'.")


def _part(catalog: Catalog, table: Table, name: str) -> list[Json]:
    if name == "Attributes":
        return [column_json(table, column) for column in table.columns.values()]
    if name in ("ManyToOneRelationships", "OneToManyRelationships"):
        return list(relationships(catalog, table, name))
    if name == "ManyToManyRelationships":
        return []
    raise no_such_segment(name)


def _keys(catalog: Catalog, table: Table, part: Segment, request: Request) -> Answer:
    """List, add and remove alternate keys (an administrator's work; a key is active at once)."""
    if request.method == "GET":
        items = [key_json(table, key) for key in table.keys]
        return listed(request, f"EntityDefinitions('{table.name}')/Keys", items)
    if request.method == "POST" and part.key is None:
        key = _new_key(table, request.json("Keys"))
        catalog.put(table.with_keys((*table.keys, key)))
        named = f"EntityDefinitions(LogicalName='{table.name}')/Keys({key.metadata_id})"
        where = f"{request.base}/{named}"
        return Answer(204, headers={"OData-EntityId": where})
    if request.method == "DELETE" and part.key is not None:
        wanted = _key_text(part.key)
        kept = tuple(
            key for key in table.keys if wanted not in (key.metadata_id, key.name, key.name.lower())
        )
        if len(kept) == len(table.keys):
            raise Refusal(404, "0x80040217", f"The key '{wanted}' does not exist.")
        catalog.put(table.with_keys(kept))
        return Answer(204)
    raise no_such_segment("Keys")


def _new_key(table: Table, body: Mapping[str, Any]) -> Key:
    names = body.get("KeyAttributes")
    name = body.get("SchemaName")
    if not isinstance(names, list) or not names or not isinstance(name, str):
        raise bad_url("SchemaName and KeyAttributes are required.")
    for column in names:
        if not isinstance(column, str) or column not in table.columns:
            raise bad_url(f"The attribute '{column}' of the entity '{table.name}' does not exist.")
    return Key(name, tuple(names))


def listed(request: Request, what: str, items: list[Json]) -> Answer:
    """Answer with the items that `$filter` lets pass, by `$select` and `$expand`."""
    options = request.options
    for name in options:
        if name not in ("$select", "$filter", "$expand", "$count"):
            raise bad_url(f"The query parameter '{name}' is not supported.")
    if "$filter" in options:
        items = [item for item in items if _passes(options["$filter"], item)]
    shown = [_projected(item, options) for item in items]
    return answer(200, {"@odata.context": f"{request.base}/$metadata#{what}", "value": shown})


def _one(request: Request, what: str, item: Json) -> Answer:
    shown = _projected(item, request.options)
    where = f"{request.base}/$metadata#{what}/$entity"
    return answer(200, {"@odata.context": where, **shown})


def _expanded(catalog: Catalog, table: Table, request: Request) -> Json:
    item = table_json(table)
    for name, inner in expanding.parse(request.options.get("$expand", "")):
        if name == "Keys":
            found = [key_json(table, key) for key in table.keys]
        else:
            found = _part(catalog, table, name)
        item[name] = [_projected(one, inner) for one in found]
    return item


def _projected(item: Json, options: Mapping[str, str]) -> Json:
    expanded = dict(expanding.parse(options.get("$expand", "")))
    text = options.get("$select")
    if text is None:
        # Choices come only when they are expanded.
        return {name: value for name, value in item.items() if name != "OptionSet" or expanded}
    names = [part.strip() for part in text.split(",") if part.strip()]
    for name in names:
        if name not in item and name not in _SOMETIMES:
            raise bad_url(
                f"Could not find a property named '{name}' on type '{TYPE}EntityMetadata'."
            )
    kept = {name: item.get(name) for name in names}
    extra = {name: item[name] for name in expanded if name in item}
    always: Json = {name: item[name] for name in ("@odata.type", "MetadataId") if name in item}
    return {**always, **kept, **extra}


_SOMETIMES = frozenset({"MaxLength", "MinValue", "MaxValue", "OptionSet", "Targets", "Format"})
"""Properties of some kinds of columns alone; the others show them as null here."""


def _passes(text: str, item: Json) -> bool:
    """Evaluate the filters that clients send: equalities joined by `and` or `or`."""
    found = [token for token in tokens(text) if token.text not in ("(", ")")]
    results: list[bool] = []
    joins = {token.text for token in found[3::4]}
    if len(found) % 4 != 3 or len(joins) > 1 or not joins <= {"and", "or"}:  # noqa: PLR2004
        raise bad_url(f"Syntax error in '{text}'.")
    for at in range(0, len(found), 4):
        name, operator, value = found[at : at + 3]
        if operator.text not in ("eq", "ne"):
            raise Refusal(501, "0x8006088a", f"The operator '{operator.text}' on metadata.")
        same = _plain(item.get(name.text)) == literal(value)
        results.append(same is (operator.text == "eq"))
    return any(results) if joins == {"or"} else all(results)


def _plain(value: object) -> object:
    return value.get("Value") if isinstance(value, dict) else value
