"""Read what tables an environment has, and the columns and lookups of some of them.

Microsoft, "Query table definitions using the Web API": lengths and choices belong to kinds of
columns, so each kind is read by its cast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from adapter.dataverse import queries
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.requests import Priority
from adapter.steps import Column, Metadata, Navigation, Table

_CAST = "Attributes/Microsoft.Dynamics.CRM.{}AttributeMetadata"
_TEXTS = ("String", "Memo")
_CHOICES = ("Picklist", "State", "Status")
_Rows = list[dict[str, Any]]
_PATIENCE = 10.0
"""Seconds for which one of these reads waits for its turn behind the work on contacts."""


async def tables(client: DataverseClient) -> Metadata:
    """Give every table of the environment by its names; columns are not read.

    Raises:
        DataverseError: the environment did not answer, or not to this account.
    """
    query = queries.query(select=("LogicalName", "EntitySetName", "PrimaryIdAttribute"))
    page = await client.read(
        "EntityDefinitions", query, priority=Priority.BACKGROUND, patience=_PATIENCE
    )
    found = [
        Table(
            name=row["LogicalName"], entity_set=row["EntitySetName"], id_column=_text(row, _PRIMARY)
        )
        for row in _rows(page)
        # Some tables of the platform's own have no place in the Web API.
        if row.get("EntitySetName") and row.get("LogicalName")
    ]
    return Metadata(tuple(found))


_PRIMARY = "PrimaryIdAttribute"


async def with_columns(client: DataverseClient, table: Table) -> Table:
    """Give a table with its columns and navigation properties.

    Raises:
        DataverseError: the environment did not answer, or not to this account.
    """
    base = f"EntityDefinitions(LogicalName='{table.name}')"
    plain = queries.query(
        select=("LogicalName", "AttributeType", "AttributeOf", "IsValidForCreate", _UPDATABLE)
    )
    lengths = queries.query(select=("LogicalName", "MaxLength"))
    choices = queries.query(select=("LogicalName",), expand="OptionSet($select=Options)")
    both = f"{choices},GlobalOptionSet($select=Options)"
    wanted = [
        ("Attributes", plain),
        *((_CAST.format(kind), lengths) for kind in _TEXTS),
        *((_CAST.format(kind), both if kind == "Picklist" else choices) for kind in _CHOICES),
        ("ManyToOneRelationships", queries.query(select=_TO_ONE)),
        ("OneToManyRelationships", queries.query(select=_TO_MANY)),
    ]
    found = await client.read_together(
        [(f"{base}/{part}", query) for part, query in wanted],
        priority=Priority.BACKGROUND,
        patience=_PATIENCE,
    )
    columns, *chosen, one, many = map(_rows, found)
    texts, chosen = chosen[: len(_TEXTS)], chosen[len(_TEXTS) :]
    most = {row["LogicalName"]: row.get("MaxLength") for each in texts for row in each}
    options = {row["LogicalName"]: _options(row) for each in chosen for row in each}
    return msgspec.structs.replace(
        table,
        columns=tuple(
            _column(row, most.get(row["LogicalName"]), options.get(row["LogicalName"]))
            for row in columns
            # What belongs to another column (its label, its type) cannot be written or selected.
            if not row.get("AttributeOf")
        ),
        navigations=(*_to_one(one), *_to_many(many)),
    )


_UPDATABLE = "IsValidForUpdate"
_TO_ONE = ("ReferencingAttribute", "ReferencedEntity", "ReferencingEntityNavigationPropertyName")
_TO_MANY = ("ReferencingEntity", "ReferencedEntityNavigationPropertyName")


def _rows(page: Mapping[str, Any]) -> _Rows:
    rows = page.get("value")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _column(
    row: Mapping[str, Any], length: object, options: list[Mapping[str, Any]] | None
) -> Column:
    values = [each for each in options or () if isinstance(each.get("Value"), int)]
    return Column(
        name=row["LogicalName"],
        kind=_text(row, "AttributeType"),
        max_length=length if isinstance(length, int) and length > 0 else None,
        choices=tuple(each["Value"] for each in values) or None,
        states=tuple(
            (each["Value"], each["State"]) for each in values if isinstance(each.get("State"), int)
        ),
        creatable=row.get("IsValidForCreate") is not False,
        updatable=row.get(_UPDATABLE) is not False,
    )


def _options(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    for name in ("OptionSet", "GlobalOptionSet"):
        held = row.get(name)
        listed = held.get("Options") if isinstance(held, dict) else None
        if listed:
            return [each for each in listed if isinstance(each, dict)]
    return []


def _to_one(rows: Iterable[Mapping[str, Any]]) -> Iterator[Navigation]:
    for row in rows:
        name = _text(row, "ReferencingEntityNavigationPropertyName")
        if name:
            table, column = _text(row, "ReferencedEntity"), _text(row, "ReferencingAttribute")
            yield Navigation(name=name, table=table, column=column)


def _to_many(rows: Iterable[Mapping[str, Any]]) -> Iterator[Navigation]:
    for row in rows:
        name = _text(row, "ReferencedEntityNavigationPropertyName")
        if name:
            yield Navigation(name=name, table=_text(row, "ReferencingEntity"))


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
