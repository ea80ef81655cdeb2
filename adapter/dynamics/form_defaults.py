"""Write and read `extraqs`, the query string inside the query string that presets a form.

Source: "Set column values using parameters passed to a form" (Microsoft, 2026-03-27). A value is
encoded twice, once for each query string: `A=B&C` becomes `name%3DA%253DB%2526C`. One value that
does not fit its column makes Dynamics refuse the whole form, so what can be known is checked here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from urllib.parse import parse_qsl, quote, urlencode

from adapter.dynamics.names import InvalidArgument, guid, is_guid, shown, text

Value = str | bool | int | float | Decimal | date | Sequence[int]
"""Text; a yes or no; a number (a choice too); a date; or the numbers of a multi-select choice."""

Defaults = Mapping[str, Value] | Iterable[tuple[str, Value]]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
_ARGUMENT = "defaults"

_CUSTOMER = frozenset({"account", "contact"})
_OWNER = frozenset({"systemuser", "team"})
_TRIPLETS = {
    "customerid": _CUSTOMER,
    "parentcustomerid": _CUSTOMER,
    "billingcustomerid": _CUSTOMER,
    "ownerid": _OWNER,
}
"""Lookups of more than one table: `<column>name` and `<column>type` belong to each."""

_NOT_BY_URL = frozenset(
    column + suffix
    for column in (
        # The regarding lookup and the party lists: "can't be set" by a URL.
        *("regardingobjectid", "to", "from", "cc", "bcc", "organizer"),
        *("requiredattendees", "optionalattendees", "resources", "partners", "customers"),
    )
    for suffix in ("", "name", "type")
)

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def columns(defaults: Defaults) -> tuple[tuple[str, str], ...]:
    """Give the column names with their values as the text that Dynamics expects, in order.

    Raises `InvalidArgument` for a name or a value that the form would refuse.
    """
    pairs: dict[str, str] = {}
    seen: set[str] = set()
    for column, value in _pairs(defaults):
        name = _name(column)
        if name.lower() in seen:
            raise InvalidArgument(_ARGUMENT, f"{name} is there twice")
        seen.add(name.lower())
        pairs[name] = _written(name, value)
    return tuple(_with_lookups(pairs).items())


def write(pairs: Iterable[tuple[str, str]]) -> str:
    """Encode for the place after `extraqs=`: spaces are `%20` twice over, never `+`."""
    return quote(urlencode(list(pairs), quote_via=quote), safe="")


def read(query: str) -> tuple[tuple[str, str], ...]:
    """Take the decoded value of `extraqs` apart; names are as they were written."""
    # The documented example of `formid` ends in a stray %0D%0A, and people have copied it.
    query = query.removesuffix("\r\n")
    pairs = named_values(query, "extraqs", "a value with & in it must be encoded twice")
    for part in chain.from_iterable(pairs):
        text("extraqs", part, empty=True)
    return pairs


def named_values(query: str, argument: str, hint: str) -> tuple[tuple[str, str], ...]:
    """Decode `name=value` pairs, each name once; what is not well formed is an error."""
    if _BROKEN_ESCAPE.search(query):
        raise InvalidArgument(argument, "has a % that is not followed by two hexadecimal digits")
    seen: set[str] = set()
    found: list[tuple[str, str]] = []
    for part in filter(None, query.split("&")):
        if "=" not in part:
            raise InvalidArgument(argument, f"{shown(part)} has no value ({hint})")
        try:
            pairs = parse_qsl(part, keep_blank_values=True, errors="strict")
        except UnicodeDecodeError as broken:
            raise InvalidArgument(argument, f"{shown(part)} is not UTF-8") from broken
        for name, value in pairs:
            if name.lower() in seen:
                raise InvalidArgument(argument, f"{shown(name)} is there twice")
            seen.add(name.lower())
            found.append((name, value))
    return tuple(found)


def _pairs(defaults: Defaults) -> Iterable[tuple[str, Value]]:
    if isinstance(defaults, Mapping):
        yield from defaults.items()
        return
    for pair in defaults:
        match pair:
            case (column, value):
                yield column, value
            case _:
                raise InvalidArgument(_ARGUMENT, "must be pairs of a column and a value")


def _name(column: object) -> str:
    name = text(_ARGUMENT, column)
    if not _NAME.fullmatch(name):
        raise InvalidArgument(_ARGUMENT, f"{shown(name)} is no logical name of a column")
    if name.lower() == "formid":
        raise InvalidArgument(_ARGUMENT, "formid is an argument of its own")
    if name.lower() in _NOT_BY_URL:
        raise InvalidArgument(
            _ARGUMENT,
            f"{name} cannot be set by a URL (a party list or the regarding lookup): "
            "create the row by the Web API, then open it by its id",
        )
    # A parameter that the form itself declares has an underscore and may have capitals.
    if "_" not in name and name != name.lower():
        raise InvalidArgument(_ARGUMENT, f"{name}: logical names are lower case ({name.lower()})")
    return name


def _written(column: str, value: object) -> str:
    match value:
        case str():
            return text(f"{_ARGUMENT}: {column}", value, empty=True)
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() | Decimal() if math.isfinite(value):
            return f"{Decimal(str(value)):f}"
        case datetime():
            fault = "Microsoft documents only dates, not times: give text, or a date"
            raise InvalidArgument(_ARGUMENT, f"{column}: {fault}")
        case date():
            return f"{value:%m/%d}/{value.year:04d}"
        case list() | tuple() if all(type(number) is int for number in value):
            return f"[{','.join(str(number) for number in value)}]"
        case _:
            fault = "must be text, a boolean, a finite number, a date or a list of integers"
            raise InvalidArgument(_ARGUMENT, f"{column} {fault}")


def _with_lookups(pairs: dict[str, str]) -> dict[str, str]:
    """Check each lookup's companions, and write its id in the one canonical way."""
    checked = dict(pairs)
    for column, types in _TRIPLETS.items():
        together = (column, f"{column}name", f"{column}type")
        if any(name in pairs for name in together):
            _require(pairs, together)
            if pairs[f"{column}type"] not in types:
                known = " or ".join(sorted(types))
                raise InvalidArgument(_ARGUMENT, f"{column}type must be {known}")
            checked[column] = guid(f"{_ARGUMENT}: {column}", pairs[column])
    for column, value in pairs.items():
        if column in _TRIPLETS or not _is_lookup(column, value):
            continue
        _require(pairs, (column, f"{column}name"))
        if f"{column}type" in pairs:
            fault = f"{column} is a lookup of one table and takes no {column}type"
            raise InvalidArgument(_ARGUMENT, fault)
        checked[column] = guid(f"{_ARGUMENT}: {column}", value)
    return checked


def _is_lookup(column: str, value: str) -> bool:
    """Tell a lookup by its looks; names with `_` may be a form's own parameters, so they pass."""
    return column.endswith("id") and "_" not in column and is_guid(value)


def _require(pairs: Mapping[str, str], together: tuple[str, ...]) -> None:
    missing = [name for name in together if not pairs.get(name)]
    if missing:
        fault = f"{together[0]} is a lookup and needs {' and '.join(together[1:])}"
        raise InvalidArgument(_ARGUMENT, f"{fault}; missing: {', '.join(missing)}")
