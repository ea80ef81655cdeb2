"""Describe tables, columns, lookups and alternate keys as Dataverse's metadata does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

_METADATA = uuid.UUID("5f7a2c10-0000-5000-8000-000d3a000000")


class Kind(StrEnum):
    """What a column holds. The values are Dataverse's `AttributeType`."""

    STRING = "String"
    MEMO = "Memo"
    INTEGER = "Integer"
    BIGINT = "BigInt"
    BOOLEAN = "Boolean"
    CHOICE = "Picklist"
    STATE = "State"
    STATUS = "Status"
    DATETIME = "DateTime"
    GUID = "Uniqueidentifier"
    LOOKUP = "Lookup"
    CUSTOMER = "Customer"
    OWNER = "Owner"


REFERENCES = frozenset({Kind.LOOKUP, Kind.CUSTOMER, Kind.OWNER})
NUMBERED = frozenset({Kind.CHOICE, Kind.STATE, Kind.STATUS})


@dataclass(frozen=True, slots=True)
class Target:
    """One table that a lookup may point to.

    `navigations` are the names by which it is bound and expanded from this side (the first is the
    one that annotations name), `collection` the name of the list at the other side.
    """

    table: str
    navigations: tuple[str, ...]
    collection: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `options` are a choice's labels; `creatable`/`updatable` as in the metadata."""

    name: str
    kind: Kind = Kind.STRING
    label: str = ""
    length: int = 100
    minimum: int = -2_147_483_648
    maximum: int = 2_147_483_647
    options: Mapping[int, str] = field(default_factory=dict)
    default: str | int | bool | None = None
    creatable: bool = True
    updatable: bool = True
    required: bool = False
    targets: tuple[Target, ...] = ()

    @property
    def property_name(self) -> str:
        """Name the column as it stands in JSON, `$select` and `$filter`."""
        return f"_{self.name}_value" if self.kind in REFERENCES else self.name


@dataclass(frozen=True, slots=True)
class Key:
    """An alternate key: these columns together are unique where all are filled."""

    name: str
    columns: tuple[str, ...]

    @property
    def metadata_id(self) -> str:
        """Give the same GUID for the same key."""
        return str(uuid.uuid5(_METADATA, f"key/{self.name}"))


@dataclass(frozen=True, slots=True)
class State:
    """One state of a table's rows, with its status reasons; the first is the default."""

    label: str
    reasons: Mapping[int, str]
    closed: bool = False
    """Rows in this state refuse changes of anything but their state."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `rights` is the word in its privileges: prvCreate + rights."""

    name: str
    plural: str
    schema_name: str
    label: str
    labels: str
    id: str
    title: str
    rights: str
    type_code: int
    columns: Mapping[str, Column]
    keys: tuple[Key, ...] = ()
    states: Mapping[int, State] = field(default_factory=dict)
    activity: bool = False

    @property
    def metadata_id(self) -> str:
        """Give the same GUID for the same table."""
        return str(uuid.uuid5(_METADATA, self.name))

    def column(self, property_name: str) -> Column | None:
        """Find a column by its name in JSON: a lookup only as `_name_value`."""
        name = property_name
        if name.startswith("_") and name.endswith("_value"):
            name = name[1:-6]
        found = self.columns.get(name)
        return found if found is not None and found.property_name == property_name else None

    def lookups(self) -> Iterator[tuple[Column, Target]]:
        """List every lookup with each table it may point to."""
        for column in self.columns.values():
            for target in column.targets:
                yield column, target

    def navigation(self, name: str) -> tuple[Column, Target] | None:
        """Find a lookup by the name of its single-valued navigation property."""
        for column, target in self.lookups():
            if name in target.navigations:
                return column, target
        return None

    def with_column(self, column: Column) -> Table:
        """Give the table with one column more."""
        return replace(self, columns={**self.columns, column.name: column})

    def with_keys(self, keys: tuple[Key, ...]) -> Table:
        """Give the table with these alternate keys."""
        return replace(self, keys=keys)


class Catalog:
    """The tables of one environment; an administrator may add columns and keys while it runs."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = dict(tables)

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def table(self, name: str) -> Table | None:
        """Find a table by its logical name."""
        return self._tables.get(name)

    def by_set(self, plural: str) -> Table | None:
        """Find a table by its entity set name; Dataverse compares it exactly."""
        return next((table for table in self if table.plural == plural), None)

    def put(self, table: Table) -> None:
        """Add a table, or replace the one of this name."""
        self._tables[table.name] = table

    def collection(self, table: Table, name: str) -> tuple[Table, Column] | None:
        """Find the 1:N list `name` of a table: the other table, and its lookup back."""
        for other in self:
            for column, target in other.lookups():
                if target.table == table.name and target.collection and target.collection == name:
                    return other, column
        return None
