"""Write what stands in a Dataverse address: records, keys, filters, query options. Pure.

Encodings (Microsoft, "Query data using the Web API"): apostrophes are doubled, `+` is sent as
`%2B` (a raw one arrives as a space and matches nothing), and `%`, `_`, `[` are wildcards inside
`contains`, `startswith` and `endswith`, so that text from outside is escaped there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NewType
from urllib.parse import quote
from uuid import UUID

import msgspec

from adapter.errors import MalformedInput

Filter = NewType("Filter", str)
"""An OData filter expression, not yet percent-encoded. Only the functions below make one."""

Literal = str | bool | int | float | Decimal | UUID | datetime | date | None

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}(?:/[A-Za-z_][A-Za-z0-9_]{0,127})?")
# Sub-delimiters that RFC 3986 allows in a query and OData gives no other meaning; not `+ & # ;`.
_SAFE_IN_QUERY = "$(),'/:@"
_SAFE_IN_KEY = "'(),:@$"
# A text keeps its dots; only a key must not be read as a path, so `/` is encoded there.


def entity_set(name: str) -> str:
    """Check an entity set's name, as `phonecalls`."""
    if not _NAME.fullmatch(name):
        raise MalformedInput(f"{name!r} is no entity set name: write the plural, as phonecalls")
    return name


def record(table: str, record_id: str | UUID) -> str:
    """Write the address of a record by its id.

    Raises:
        MalformedInput: the id is no GUID.
    """
    return f"{entity_set(table)}({guid(record_id)})"


def guid(value: str | UUID) -> str:
    """Write a GUID as Dataverse does: lower case, no braces."""
    try:
        return str(value if isinstance(value, UUID) else UUID(value.strip()))
    except ValueError as error:
        raise MalformedInput(f"{value!r} is no record id (GUID)") from error


def keyed(table: str, keys: Mapping[str, Literal]) -> str:
    """Write the address of a record by an alternate key, as `contacts(emailaddress1='a%40b.c')`."""
    if not keys:
        raise MalformedInput("an alternate key needs a column")
    parts = [f"{_column(name)}={quote(literal(v), safe=_SAFE_IN_KEY)}" for name, v in keys.items()]
    return f"{entity_set(table)}({','.join(parts)})"


def literal(value: Literal) -> str:
    """Write a value as an OData literal, not yet percent-encoded."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        return "'" + _clean(value).replace("'", "''") + "'"
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return str(value)  # an integer, a GUID, a date


def compare(column: str, operator: str, value: Literal) -> Filter:
    """Compare a column: `eq`, `ne`, `gt`, `ge`, `lt`, `le`."""
    if operator not in {"eq", "ne", "gt", "ge", "lt", "le"}:
        raise MalformedInput(f"{operator!r} is no comparison of OData")
    return Filter(f"{_property(column)} {operator} {literal(value)}")


def equals(column: str, value: Literal) -> Filter:
    """Match a value exactly (Dataverse ignores case)."""
    return compare(column, "eq", value)


def contains(column: str, text: str) -> Filter:
    """Match text anywhere; wildcards in it mean themselves. Slow on large tables."""
    return Filter(f"contains({_property(column)},{literal(plain(text))})")


def starts_with(column: str, text: str) -> Filter:
    """Match the beginning; wildcards in the text mean themselves."""
    return Filter(f"startswith({_property(column)},{literal(plain(text))})")


def ends_with(column: str, text: str) -> Filter:
    """Match the end, as the last digits of a number; wildcards in the text mean themselves."""
    return Filter(f"endswith({_property(column)},{literal(plain(text))})")


def one_of(column: str, values: Sequence[str]) -> Filter:
    """Match one of several values (`Microsoft.Dynamics.CRM.In`, whose values are JSON)."""
    if not values:
        raise MalformedInput(f"{column}: one of nothing")
    listed = msgspec.json.encode([_clean(value) for value in values]).decode()
    name = literal(_property(column))
    return Filter(f"Microsoft.Dynamics.CRM.In(PropertyName={name},PropertyValues={listed})")


def all_of(*filters: Filter) -> Filter:
    """Match what every filter matches."""
    return _joined(" and ", filters)


def any_of(*filters: Filter) -> Filter:
    """Match what one filter matches."""
    return _joined(" or ", filters)


def negated(inner: Filter) -> Filter:
    """Match what the filter does not."""
    return Filter(f"not ({inner})")


def plain(text: str) -> str:
    """Escape the wildcards of SQL LIKE, so that text from outside means itself."""
    return re.sub(r"[\[%_]", lambda found: f"[{found[0]}]", text)


def query(
    *,
    select: Iterable[str] = (),
    matching: Filter | None = None,
    order: Iterable[tuple[str, str]] = (),
    top: int | None = None,
    expand: str = "",
    count: bool = False,
) -> str:
    """Write the query string of a read, encoded. `order` is (column, `asc` or `desc`)."""
    options: dict[str, str] = {}
    columns = [_property(name) for name in select]
    if columns:
        options["$select"] = ",".join(columns)
    if matching is not None:
        options["$filter"] = matching
    ordered = [f"{_property(name)} {'desc' if way == 'desc' else 'asc'}" for name, way in order]
    if ordered:
        options["$orderby"] = ",".join(ordered)
    if top is not None:
        options["$top"] = str(top)
    if expand:
        options["$expand"] = expand
    if count:
        options["$count"] = "true"
    return encoded(options)


def encoded(options: Mapping[str, str]) -> str:
    """Percent-encode query options: `+` becomes `%2B`, a space `%20`."""
    return "&".join(
        f"{quote(name, safe='$@')}={quote(_clean(value), safe=_SAFE_IN_QUERY)}"
        for name, value in options.items()
    )


def _joined(word: str, filters: tuple[Filter, ...]) -> Filter:
    if not filters:
        raise MalformedInput("a filter of no conditions")
    if len(filters) == 1:
        return filters[0]
    return Filter(word.join(f"({each})" for each in filters))


def _column(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise MalformedInput(f"{name!r} is no column name")
    return name


def _property(name: str) -> str:
    if not _PROPERTY.fullmatch(name):
        raise MalformedInput(f"{name!r} is no column name")
    return name


def _clean(text: str) -> str:
    """Refuse what no URL can carry."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedInput("a lone surrogate cannot be sent") from error
    if "\x00" in text:
        raise MalformedInput("a NUL character cannot be sent")
    return text


def _number(value: float | Decimal) -> str:
    text = format(value, "f") if isinstance(value, Decimal) else repr(value)
    if text.lower() in {"inf", "-inf", "nan", "infinity", "-infinity"}:
        raise MalformedInput(f"{text} is no number of OData")
    return text
