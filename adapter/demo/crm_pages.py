"""Turn rows and tables into what the templates of the simulated Dynamics show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from adapter.demo import samples
from adapter.demo.crm_address import Page
from adapter.demo.crm_tables import INCIDENT, TABLES, Column, Kind, Table, View
from adapter.demo.samples import Reference, Row

MEANINGFUL_DIGITS = 4
"""Fewer digits than these are in too many numbers to look for."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form; `url` leads to the row of a lookup."""

    name: str
    label: str
    kind: str
    text: str
    url: str = ""
    prefilled: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart, `share` being its length against the longest (0 to 100)."""

    label: str
    count: int
    share: int


def address(**parameters: str) -> str:
    """Write a `main.aspx` address of the demo's app."""
    query = urlencode({"appid": samples.APP_ID, **parameters}, quote_via=quote)
    return f"/main.aspx?{query}"


def record_address(table: str, row_id: str) -> str:
    """Write the address of one row's form."""
    return address(pagetype="entityrecord", etn=table, id=row_id)


def list_address(table: Table) -> str:
    """Write the address of a table's first view."""
    return address(pagetype="entitylist", etn=table.name, viewid=table.views[0].id, viewtype="1039")


def site_map() -> Mapping[str, Sequence[tuple[str, str, str]]]:
    """List the areas of the app: group, then (label, icon, address)."""
    lists = {name: list_address(table) for name, table in TABLES.items()}
    return {
        "My Work": (
            ("Dashboards", "dashboard", address(pagetype="dashboard")),
            ("Phone Calls", "phonecall", lists["phonecall"]),
        ),
        "Customers": (
            ("Accounts", "account", lists["account"]),
            ("Contacts", "contact", lists["contact"]),
        ),
        "Service": (("Cases", "incident", lists["incident"]),),
    }


def shown(column: Column, row: Row) -> str:
    """Read a column as a person sees it: labels, not numbers."""
    text = row.text(column.name)
    return column.options.get(text, text)


def sections(page: Page) -> Mapping[str, Sequence[Field]]:
    """Give a form's fields by section: a row's values, or the defaults of a new one."""
    assert page.table is not None  # noqa: S101 - a form always has a table
    defaults = {} if page.row else {default.name: default.label for default in page.defaults}
    return {
        title: [_field(column, page.row, defaults) for column in columns]
        for title, columns in page.table.sections.items()
    }


def _field(column: Column, row: Row | None, defaults: Mapping[str, str]) -> Field:
    if row is None:
        text = defaults.get(column.name, "")
        return Field(
            column.name, column.label, column.kind, text, prefilled=column.name in defaults
        )
    value = row.values.get(column.name)
    url = record_address(value.table, value.id) if isinstance(value, Reference) else ""
    return Field(column.name, column.label, column.kind, shown(column, row), url)


def listing(table: Table, view: View) -> tuple[Sequence[str], Sequence[tuple[str, Sequence[str]]]]:
    """Give a view's headings, and its rows as (address, cells)."""
    columns = [table.columns[name] for name in view.columns]
    rows = [
        (record_address(table.name, row.id), [shown(column, row) for column in columns])
        for row in samples.rows_of(table.name)
    ]
    return [column.label for column in columns], rows


def found(text: str) -> Sequence[tuple[Table, Sequence[tuple[str, Row]]]]:
    """Find the rows in which a column holds the text, or the digits of a number, by table."""
    needle = text.casefold()
    digits = samples.dialled(text)[1:]
    hits = (
        (
            table,
            [
                (record_address(table.name, row.id), row)
                for row in samples.rows_of(table.name)
                if _holds(table, row, needle, digits)
            ],
        )
        for table in TABLES.values()
    )
    return [(table, rows) for table, rows in hits if rows]


def _holds(table: Table, row: Row, needle: str, digits: str) -> bool:
    phones = (c for c in table.columns.values() if c.kind is Kind.PHONE)
    by_number = len(digits) >= MEANINGFUL_DIGITS and any(
        digits in samples.dialled(row.text(column.name)) for column in phones
    )
    return by_number or any(needle in row.text(column).casefold() for column in row.values)


def bars(rows: Sequence[Row], column: Column) -> Sequence[Bar]:
    """Count rows by a choice, in the choice's order."""
    counts = Counter(row.text(column.name) for row in rows)
    longest = max(counts.values(), default=1)
    return [
        Bar(label, counts[number], round(100 * counts[number] / longest))
        for number, label in column.options.items()
        if counts[number]
    ]


def dashboard() -> Mapping[str, object]:
    """Give the numbers, charts and lists of the dashboard."""
    cases = samples.INCIDENTS
    columns = INCIDENT.columns
    urgent = [row for row in cases if row.text("prioritycode") == "1"]
    return {
        "numbers": (
            ("Active cases", len(cases)),
            ("High priority", len(urgent)),
            ("On hold", sum(row.text("statuscode") == "2" for row in cases)),
            ("Open phone calls", len(samples.PHONECALLS)),
        ),
        "by_priority": bars(cases, columns["prioritycode"]),
        "by_origin": bars(cases, columns["caseorigincode"]),
        "cases": [(record_address("incident", row.id), row) for row in cases],
        "calls": [(record_address("phonecall", row.id), row) for row in samples.PHONECALLS],
        "priority": columns["prioritycode"],
    }
