"""Judge `extraqs`: the default values of a form's columns, a query inside the query.

Source: Microsoft, "Set column values using parameters passed to a form" (2026-03-27): "Any
attempt to pass an invalid parameter or value results in an error."
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from adapter.demo.crm_refusals import Refused
from adapter.demo.crm_tables import Column, Kind, Table

_GUID = re.compile(r"\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?", re.IGNORECASE)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DATE = re.compile(
    r"\d{1,2}/\d{1,2}/(?:\d{2}|\d{4})|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?"
)
_CUSTOMERS = ("account", "contact")


@dataclass(frozen=True, slots=True)
class Default:
    """One default value: as it stood in extraqs, decoded, and as the form shows it."""

    name: str
    raw: str
    value: str
    label: str

    @property
    def is_form(self) -> bool:
        """Tell the form's id apart from the values."""
        return self.name == "formid"


def judge(table: Table, extraqs: str) -> tuple[Default, ...]:
    """Read extraqs (already decoded once). Raises Refused, which names the column."""
    given: dict[str, tuple[str, str]] = {}
    for part in extraqs.split("&") if extraqs else ():
        name, equals, raw = part.partition("=")
        if not equals or not name:
            raise _refused(name or part, f"{part!r} is not column=value; was a & encoded once?")
        if name in given:
            raise _refused(name, f"The column {name!r} comes more than once.")
        given[name] = (raw, _decoded(name, raw))
    values = {name: value for name, (_, value) in given.items()}
    return tuple(
        Default(name, raw, value, _judge_one(table, name, values))
        for name, (raw, value) in given.items()
    )


def _refused(column: str, detail: str) -> Refused:
    return Refused("extraqs", detail, column=column)


def _decoded(name: str, raw: str) -> str:
    if _BROKEN_ESCAPE.search(raw):
        raise _refused(name, "A % is not followed by two hexadecimal digits: encode twice.")
    try:
        return unquote_plus(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise _refused(name, "The escaped bytes are not UTF-8.") from error


def _judge_one(table: Table, name: str, values: Mapping[str, str]) -> str:
    """Give the text that the form shows for one value; companions of a lookup show nothing."""
    value = values[name]
    if name == "formid":
        if value.strip("{}").lower() != table.form:
            raise _refused(name, f"The table {table.name!r} has no form {value!r}.")
        return "Main form"
    column = table.columns.get(name)
    if column is not None:
        return _KINDS[column.kind](column, values)
    for companion in ("name", "type"):
        lookup = table.columns.get(name.removesuffix(companion))
        if name.endswith(companion) and lookup and lookup.kind in {Kind.LOOKUP, Kind.CUSTOMER}:
            if lookup.name not in values:
                raise _refused(name, f"{name!r} is given without {lookup.name!r}.")
            return ""
    raise _refused(name, f"The table {table.name!r} has no column {name!r} on this form.")


def _text(column: Column, values: Mapping[str, str]) -> str:
    value = values[column.name]
    if len(value) > column.length:
        raise _refused(column.name, f"{column.label} holds at most {column.length} characters.")
    if "<script" in value.lower():
        raise _refused(column.name, "A value may hold no script.")
    return value


def _boolean(column: Column, values: Mapping[str, str]) -> str:
    wanted = {"false": "0", "true": "1"}.get(values[column.name].lower(), values[column.name])
    if wanted not in {"0", "1"}:
        raise _refused(column.name, f"{column.label} is 0, 1, true or false.")
    return column.options[wanted]


def _choice(column: Column, values: Mapping[str, str]) -> str:
    if values[column.name] not in column.options:
        known = ", ".join(f"{number} {label}" for number, label in column.options.items())
        raise _refused(column.name, f"{column.label} has the choices {known}.")
    return column.options[values[column.name]]


def _date(column: Column, values: Mapping[str, str]) -> str:
    if not _DATE.fullmatch(values[column.name]):
        raise _refused(column.name, f"{column.label} is a date like 01/31/11 or 2011-01-31.")
    return values[column.name]


def _lookup(column: Column, values: Mapping[str, str]) -> str:
    if not _GUID.fullmatch(values[column.name]):
        raise _refused(column.name, f"{column.label} is a GUID, not {values[column.name]!r}.")
    if not values.get(f"{column.name}name"):
        raise _refused(column.name, f"{column.name!r} needs {column.name}name beside it.")
    if column.kind is Kind.LOOKUP and f"{column.name}type" in values:
        raise _refused(f"{column.name}type", "A simple lookup takes no type.")
    return values[f"{column.name}name"]


def _customer(column: Column, values: Mapping[str, str]) -> str:
    name = _lookup(column, values)
    if values.get(f"{column.name}type") not in _CUSTOMERS:
        raise _refused(column.name, f"{column.name!r} needs {column.name}type=account or contact.")
    return name


def _never(column: Column, values: Mapping[str, str]) -> str:
    del values
    reason = {
        Kind.COMPUTED: "is written by the system",
        Kind.PARTYLIST: "is a list of parties, which cannot be set by an address",
        Kind.REGARDING: "is a regarding lookup, which cannot be set by an address",
    }[column.kind]
    raise _refused(column.name, f"{column.label} {reason}.")


_KINDS: Mapping[Kind, Callable[[Column, Mapping[str, str]], str]] = {
    Kind.TEXT: _text,
    Kind.MEMO: _text,
    Kind.PHONE: _text,
    Kind.EMAIL: _text,
    Kind.URL: _text,
    Kind.BOOLEAN: _boolean,
    Kind.CHOICE: _choice,
    Kind.DATETIME: _date,
    Kind.LOOKUP: _lookup,
    Kind.CUSTOMER: _customer,
    Kind.COMPUTED: _never,
    Kind.PARTYLIST: _never,
    Kind.REGARDING: _never,
}
