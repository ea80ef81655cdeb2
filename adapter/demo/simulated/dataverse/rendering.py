"""Write rows as JSON: selected columns, ETag, formatted values and lookup annotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from adapter.demo.simulated.dataverse.database import Database, Reference, Row, Value, etag
from adapter.demo.simulated.dataverse.literals import moment
from adapter.demo.simulated.dataverse.schema import NUMBERED, Column, Kind, Table

FORMATTED = "OData.Community.Display.V1.FormattedValue"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
LOOKUP_TABLE = "Microsoft.Dynamics.CRM.lookuplogicalname"


class Annotations:
    """The annotations that a request asked for by `Prefer: odata.include-annotations`."""

    def __init__(self, patterns: str = "") -> None:
        self._patterns = [part.strip() for part in patterns.split(",") if part.strip()]

    def wants(self, name: str) -> bool:
        """Say whether one is included: a later `-pattern` takes back what an earlier gave."""
        wanted = False
        for pattern in self._patterns:
            if fnmatchcase(name, pattern.removeprefix("-")):
                wanted = not pattern.startswith("-")
        return wanted


def entity(
    database: Database,
    table: Table,
    row: Row,
    *,
    select: Iterable[Column] | None,
    annotations: Annotations,
) -> dict[str, object]:
    """Give a row's JSON without its context: the selected columns and always the primary key."""
    columns = list(table.columns.values() if select is None else select)
    if not any(column.name == table.id for column in columns):
        columns.append(table.columns[table.id])
    result: dict[str, object] = {"@odata.etag": etag(row)}
    for column in columns:
        value = row.get(column.name)
        result.update(_annotated(database, column, value, annotations))
        result[column.property_name] = value.id if isinstance(value, Reference) else value
    return result


def _annotated(
    database: Database, column: Column, value: Value | Reference, annotations: Annotations
) -> Iterator[tuple[str, object]]:
    if value is None:
        return
    name = column.property_name
    text = formatted(database, column, value)
    if text is not None and annotations.wants(FORMATTED):
        yield f"{name}@{FORMATTED}", text
    if isinstance(value, Reference):
        target = next((one for one in column.targets if one.table == value.table), None)
        if target is not None and column.kind is not Kind.OWNER and annotations.wants(NAVIGATION):
            yield f"{name}@{NAVIGATION}", target.navigations[0]
        if annotations.wants(LOOKUP_TABLE):
            yield f"{name}@{LOOKUP_TABLE}", value.table


def formatted(database: Database, column: Column, value: Value | Reference) -> str | None:
    """Give what a person would see (English, United States); None for plain text."""
    if isinstance(value, Reference):
        return database.name_of(value)
    if column.kind in NUMBERED and isinstance(value, int):
        return column.options.get(value, str(value))
    if isinstance(value, bool):
        return column.options.get(int(value), "Yes" if value else "No")
    if isinstance(value, int):
        return f"{value:,}"
    if column.kind is Kind.DATETIME and value is not None:
        time = moment(value)
        hour = time.hour % 12 or 12
        half = "AM" if time.hour < 12 else "PM"  # noqa: PLR2004 - noon
        return f"{time.month}/{time.day}/{time.year} {hour}:{time.minute:02d} {half}"
    return None


def context(base: str, plural: str, select: Iterable[Column] | None, *, single: bool) -> str:
    """Give `@odata.context`; `base` is the URL up to and with the version."""
    names = "" if select is None else f"({','.join(column.property_name for column in select)})"
    return f"{base}/$metadata#{plural}{names}{'/$entity' if single else ''}"
