"""Read the body of a create or update: columns, `@odata.bind`, and rows to make with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapter.demo.simulated.dataverse import addresses, values
from adapter.demo.simulated.dataverse.database import Database, Reference, Value, by_key
from adapter.demo.simulated.dataverse.refusals import (
    NO_RECORD_WITH_KEY,
    Refusal,
    bad_payload,
    no_such_record,
    no_such_segment,
    not_simulated,
)
from adapter.demo.simulated.dataverse.schema import REFERENCES, Column, Table

_BIND = "@odata.bind"


@dataclass(slots=True)
class Payload:
    """What a body asks for: stored values by column, and rows of lists to make (deep insert)."""

    columns: dict[str, Value | Reference] = field(default_factory=dict)
    children: list[tuple[Table, Column, Mapping[str, object]]] = field(default_factory=list)


def read(database: Database, table: Table, body: Mapping[str, object]) -> Payload:
    """Check every property of a body. Raises a 400 (404 for a bound row that is not there)."""
    payload = Payload()
    for name, value in body.items():
        if name.endswith(_BIND):
            _bind(database, table, name.removesuffix(_BIND), value, payload)
        elif "@" not in name:
            _property(database, table, name, value, payload)
    return payload


def _property(database: Database, table: Table, name: str, value: object, payload: Payload) -> None:
    column = table.column(name)
    if column is not None and column.kind not in REFERENCES:
        payload.columns[column.name] = values.accept(table, column, value)
        return
    if column is not None:
        raise bad_payload(
            table.plural,
            "Microsoft.Crm.CrmException: CRM do not support direct update of Entity Reference "
            "properties, Use Navigation properties instead.",
        )
    navigation = table.navigation(name)
    if navigation is not None and value is None:
        payload.columns[navigation[0].name] = None
        return
    if navigation is not None and isinstance(value, dict):
        raise not_simulated(f"Creating a row through '{name}' in the same request")
    many = database.catalog.collection(table, name)
    if many is None or not isinstance(value, list):
        raise _invalid(table, name)
    for item in value:
        if not isinstance(item, dict):
            raise _invalid(table, name)
        payload.children.append((*many, item))


def _bind(database: Database, table: Table, name: str, value: object, payload: Payload) -> None:
    navigation = table.navigation(name)
    if navigation is None:
        raise bad_payload(
            table.plural,
            f"Microsoft.OData.ODataException: An undeclared property '{name}' which only has "
            "property annotations in the payload but no property value was found in the payload. "
            "In OData, only declared navigation properties and declared named streams can be "
            "represented as properties without values.",
        )
    column, target = navigation
    if value is None:
        payload.columns[column.name] = None
        return
    if not isinstance(value, str):
        raise _invalid(table, name)
    reference = resolve(database, value)
    if reference.table != target.table:
        raise bad_payload(
            table.plural,
            f"Microsoft.Crm.CrmException: The property '{name}' takes a row of '{target.table}', "
            f"not of '{reference.table}'.",
        )
    payload.columns[column.name] = reference


def resolve(database: Database, text: str) -> Reference:
    """Find the row that `@odata.bind`, `@odata.id` or `$ref` names. Raises a 400 or a 404."""
    steps = addresses.segments(addresses.local_path(text))
    table = database.catalog.by_set(steps[0].name) if len(steps) == 1 else None
    if table is None or steps[0].key is None:
        raise no_such_segment(steps[0].name)
    key = addresses.key_values(table, steps[0].key)
    if isinstance(key, str):
        if database.get(table.name, key) is None:
            raise no_such_record(table.schema_name, key)
        return Reference(table.name, key)
    found = by_key(database, table, key)
    if found is None:
        raise no_such_key(table)
    return Reference(table.name, found)


def no_such_key(table: Table) -> Refusal:
    """Refuse values of an alternate key that no row has."""
    return Refusal(
        404,
        NO_RECORD_WITH_KEY,
        f"A record with the specified key values does not exist in {table.name} entity",
    )


def _invalid(table: Table, name: str) -> Refusal:
    full = f"Microsoft.Dynamics.CRM.{table.name}"
    return bad_payload(
        table.plural,
        f"Microsoft.Crm.CrmException: Invalid property '{name}' was found in entity '{full}'. "
        f"---> Microsoft.OData.ODataException: The property '{name}' does not exist on type "
        f"'{full}'. Make sure to only use property names that are defined by the type.",
    )
