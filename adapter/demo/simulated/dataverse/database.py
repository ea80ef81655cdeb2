"""Hold the rows: in memory, each write a new version, a whole changeset undone at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from adapter.demo.simulated.dataverse.schema import Catalog, Table

Value = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Reference:
    """What a lookup column holds: a row of a table."""

    table: str
    id: str


Row = Mapping[str, "Value | Reference"]
"""A row by its columns' logical names. Never changed in place: a write puts a new one."""


class Database:
    """The rows of every table, and the counter that numbers their versions."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._rows: dict[str, dict[str, Row]] = {}
        self._version = 1_000_000

    def rows(self, table: str) -> Mapping[str, Row]:
        """Give a table's rows by id, in the order in which they were made."""
        return self._rows.get(table, {})

    def get(self, table: str, record: str) -> Row | None:
        """Find one row."""
        return self.rows(table).get(record)

    def next_version(self) -> int:
        """Number a write: the row's `versionnumber` and its ETag."""
        self._version += 1
        return self._version

    def put(self, table: str, record: str, row: Row) -> None:
        """Store a row, new or changed."""
        self._rows.setdefault(table, {})[record] = row

    def remove(self, table: str, record: str) -> None:
        """Delete a row that is there."""
        del self._rows[table][record]

    def name_of(self, reference: Reference) -> str:
        """Give the primary name of the row that a lookup points to."""
        table = self.catalog.table(reference.table)
        row = self.get(reference.table, reference.id)
        if table is None or row is None:
            return ""
        return str(row.get(table.title) or "")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo every write of the block if it fails."""
        before = {table: dict(rows) for table, rows in self._rows.items()}
        try:
            yield
        except BaseException:
            self._rows = before
            raise


def etag(row: Row) -> str:
    """Give a row's ETag as Dataverse writes it: weak, the version number."""
    return f'W/"{row["versionnumber"]}"'


def by_key(database: Database, table: Table, values: Mapping[str, Value | Reference]) -> str | None:
    """Find the id of the row that has these values; texts compare without case, as in SQL."""
    for record, row in database.rows(table.name).items():
        if all(_same(row.get(column), value) for column, value in values.items()):
            return record
    return None


def _same(left: Value | Reference, right: Value | Reference) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    if isinstance(left, Reference) and isinstance(right, str):
        return left.id == right
    return left == right


def written(moment: datetime) -> str:
    """Write a time as the Web API does: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
