"""Answer queries: filter, order, count, page, select and expand rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from adapter.demo.simulated.dataverse import expanding, filters, rendering
from adapter.demo.simulated.dataverse.database import Database, Reference, Row
from adapter.demo.simulated.dataverse.literals import moment
from adapter.demo.simulated.dataverse.messages import MOST_ROWS, Request
from adapter.demo.simulated.dataverse.refusals import bad_url, no_such_property, not_simulated
from adapter.demo.simulated.dataverse.schema import Column, Kind, Table
from adapter.demo.simulated.dataverse.security import Caller

_KNOWN = {"$select", "$filter", "$orderby", "$top", "$count", "$expand", "$skiptoken"}
_ELSEWHERE = {"fetchxml", "sql", "savedquery", "userquery", "$apply", "$search", "$format"}
_PAGE = re.compile(r"pagenumber='([0-9]{1,9})' first='([0-9]{1,9})'")


@dataclass(frozen=True, slots=True)
class Reader:
    """Read rows as one caller."""

    database: Database
    caller: Caller

    def one(self, table: Table, row: Row, request: Request) -> dict[str, object]:
        """Give one row with its context, by `$select` and `$expand`."""
        options = checked(request.options)
        select = selected(table, options.get("$select"))
        result: dict[str, object] = {
            "@odata.context": rendering.context(request.base, table.plural, select, single=True)
        }
        result.update(
            rendering.entity(
                self.database, table, row, select=select, annotations=request.annotations
            )
        )
        self._expand(table, row, result, options, request)
        return result

    def many(self, table: Table, rows: Iterable[Row], request: Request) -> dict[str, object]:
        """Give a page of rows, with `@odata.nextLink` where there are more."""
        options = checked(request.options)
        matching = arranged(self.database, table, rows, options)
        select = selected(table, options.get("$select"))
        first, size = _page(options, request.page_size)
        page = matching[first : first + size]
        result: dict[str, object] = {
            "@odata.context": rendering.context(request.base, table.plural, select, single=False)
        }
        if request.annotations.wants("Microsoft.Dynamics.CRM.totalrecordcount"):
            counted = len(matching) if options.get("$count") == "true" else -1
            result["@Microsoft.Dynamics.CRM.totalrecordcount"] = min(counted, MOST_ROWS)
            result["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] = counted > MOST_ROWS
        if options.get("$count") == "true":
            result["@odata.count"] = min(len(matching), MOST_ROWS)  # Microsoft: at most 5,000
        value = []
        for row in page:
            item = rendering.entity(
                self.database, table, row, select=select, annotations=request.annotations
            )
            self._expand(table, row, item, options, request)
            value.append(item)
        result["value"] = value
        limited = "$top" in options and request.page_size is None
        if first + size < len(matching) and not limited:
            result["@odata.nextLink"] = _next(request, table, options, first + size)
        return result

    def _expand(
        self,
        table: Table,
        row: Row,
        result: dict[str, object],
        options: Mapping[str, str],
        request: Request,
    ) -> None:
        for name, inner in expanding.parse(options.get("$expand", "")):
            result[name] = self._expanded(table, row, name, inner, request)

    def _expanded(
        self, table: Table, row: Row, name: str, inner: Mapping[str, str], request: Request
    ) -> object:
        single = table.navigation(name)
        if single is not None:
            reference = row.get(single[0].name)
            if not isinstance(reference, Reference) or reference.table != single[1].table:
                return None
            return self._related(reference, inner, request)
        many = self.database.catalog.collection(table, name)
        if many is None:
            raise no_such_property(name, table.name)
        other, back = many
        self.caller.require("Read", other)
        here = Reference(table.name, str(row[table.id]))
        rows = [far for far in self.database.rows(other.name).values() if far[back.name] == here]
        select = selected(other, inner.get("$select"))
        return [
            rendering.entity(
                self.database, other, far, select=select, annotations=request.annotations
            )
            for far in arranged(self.database, other, rows, inner)[: _top(inner)]
        ]

    def _related(
        self, reference: Reference, inner: Mapping[str, str], request: Request
    ) -> dict[str, object] | None:
        other = self.database.catalog.table(reference.table)
        far = self.database.get(reference.table, reference.id)
        if other is None or far is None:
            return None
        self.caller.require("Read", other)
        select = selected(other, inner.get("$select"))
        return rendering.entity(
            self.database, other, far, select=select, annotations=request.annotations
        )


def checked(options: Mapping[str, str]) -> Mapping[str, str]:
    """Refuse query options that Dataverse or this program does not have."""
    for name in options:
        if name.lower() in _ELSEWHERE:
            raise not_simulated(f"The query option '{name}'")
        if name == "$skip":
            raise bad_url("Skip Clause is not supported in CRM")
        if name.startswith("$") and name not in _KNOWN:
            raise bad_url(f"The query parameter '{name}' is not supported.")
    return options


def selected(table: Table, text: str | None) -> Sequence[Column] | None:
    """Read `$select`; None means every column. Raises a 400 for a column that is not there."""
    if text is None or text.strip() in ("", "*"):
        return None
    columns = []
    for name in text.split(","):
        column = table.column(name.strip()) or _by_lookup(table, name.strip())
        if column is None:
            raise no_such_property(name.strip(), table.name)
        columns.append(column)
    return columns


def _by_lookup(table: Table, name: str) -> Column | None:
    """Accept the name of a lookup's navigation property in `$select`, as Dataverse does."""
    found = table.navigation(name)
    return found[0] if found else None


def arranged(
    database: Database, table: Table, rows: Iterable[Row], options: Mapping[str, str]
) -> list[Row]:
    """Filter and order rows; without `$orderby` by the primary key."""
    result = sorted(rows, key=lambda row: str(row[table.id]))
    if "$filter" in options:
        result = list(filter(filters.parse(options["$filter"], table, database), result))
    for part in reversed(_parts(options.get("$orderby", ""))):
        name, _, direction = part.partition(" ")
        column = table.column(name)
        if column is None:
            raise no_such_property(name, table.name)
        if direction.strip() not in ("", "asc", "desc"):
            raise bad_url(f"Syntax error at position {len(name)} in '{part}'.")
        result.sort(
            key=lambda row, column=column: _rank(column, row),  # type: ignore[misc]
            reverse=direction.strip() == "desc",
        )
    return result


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _rank(column: Column, row: Row) -> tuple[int, float, str]:
    """Order empty columns first, as SQL Server does."""
    value = row.get(column.name)
    if value is None:
        return (0, 0, "")
    if isinstance(value, Reference):
        return (1, 0, value.id)
    if isinstance(value, int):
        return (1, value, "")
    if column.kind is Kind.DATETIME:
        when: datetime = moment(value)
        return (1, when.timestamp(), "")
    return (1, 0, value.casefold())


def _top(options: Mapping[str, str]) -> int:
    text = options.get("$top")
    if text is None:
        return MOST_ROWS
    if re.fullmatch("[0-9]{1,9}", text) is None or int(text) < 1:
        raise bad_url(f"Invalid value '{text}' for $top query option found.")
    return min(int(text), MOST_ROWS)


def _page(options: Mapping[str, str], size: int | None) -> tuple[int, int]:
    """Give the first row's index and the number of rows. With a page size $top is ignored."""
    first = 0
    if "$skiptoken" in options:
        match = _PAGE.search(options["$skiptoken"])
        if match is None:
            raise bad_url("Malformed XML in the skip token.")
        first = int(match[2])
    return first, _top(options) if size is None else size


def _next(request: Request, table: Table, options: Mapping[str, str], first: int) -> str:
    page = 2
    if "$skiptoken" in options:
        match = _PAGE.search(options["$skiptoken"])
        page = int(match[1]) + 1 if match else 2
    token = f"<cookie pagenumber='{page}' first='{first}' istracking='False' />"
    kept = {name: value for name, value in options.items() if name != "$skiptoken"}
    query = urlencode({**kept, "$skiptoken": token}, quote_via=quote, safe="$,()")
    return f"{request.base}/{request.path.strip('/') or table.plural}?{query}"
