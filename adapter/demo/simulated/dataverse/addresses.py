"""Take a Web API path apart: entity set, key, property, navigation or action."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from adapter.demo.simulated.dataverse.literals import Guid, Literal, Token, literal, tokens
from adapter.demo.simulated.dataverse.refusals import bad_url, no_such_segment
from adapter.demo.simulated.dataverse.schema import REFERENCES, Table

_SEGMENT = re.compile(r"(?P<name>[$A-Za-z_][\w.$]*)(?:\((?P<key>.*)\))?", re.DOTALL)
_API = re.compile(r"/?api/data/v(?:9\.[0-2](?:\.\d+)?)/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: a name, and what stands in parentheses (None: no parentheses)."""

    name: str
    key: str | None = None


def segments(raw_path: str) -> list[Segment]:
    """Split a percent-encoded path (below `/api/data/v9.x/`) into its steps.

    A slash inside a quoted key value does not split. Raises a 404 for a step that is no name.
    """
    steps = []
    for part in _split(unquote(raw_path).strip("/")):
        match = _SEGMENT.fullmatch(part)
        if match is None:
            raise no_such_segment(part)
        steps.append(Segment(match["name"], match["key"]))
    return steps


def _split(path: str) -> list[str]:
    parts, quoted = [""], False
    for character in path:
        quoted ^= character == "'"
        if character == "/" and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def key_values(table: Table, key: str) -> str | Mapping[str, str | int]:
    """Read what stands in the parentheses: an id, or the values of an alternate key.

    Raises a 400 where the columns are no key of the table.
    """
    found = list(tokens(key))
    if len(found) == 1 and found[0].kind == "guid":
        return found[0].text.lower()
    named = _named(found)
    if named is None:
        raise bad_url(f"Syntax error in the key '{key}' of '{table.plural}'.")
    primary = named.get(table.id)
    if len(named) == 1 and isinstance(primary, Guid):
        return primary.text
    return _alternate(table, named)


def _named(found: list[Token]) -> dict[str, Literal] | None:
    """Read `name=literal,name=literal`; None where it is not of that shape."""
    named: dict[str, Literal] = {}
    rest = iter([*found, Token("mark", ",", 0)])
    for name, equals, value, comma in zip(rest, rest, rest, rest, strict=False):
        if (name.kind, equals.text, comma.text) != ("name", "=", ","):
            return None
        named[name.text] = literal(value)
    return named if 4 * len(named) == len(found) + 1 else None


def _alternate(table: Table, named: Mapping[str, Literal]) -> Mapping[str, str | int]:
    values: dict[str, str | int] = {}
    for name, value in named.items():
        column = table.column(name)
        if column is None or (column.kind in REFERENCES) != isinstance(value, Guid):
            raise _no_key(table)
        if isinstance(value, Guid):
            values[column.name] = value.text
        elif isinstance(value, str | int):
            values[column.name] = value
    if not any(set(key.columns) == set(values) for key in table.keys):
        raise _no_key(table)
    return values


def _no_key(table: Table) -> Exception:
    resource = f"'Microsoft.Dynamics.CRM.{table.name}'"
    return bad_url(
        f"The key in the request URI is not valid for resource {resource}. Ensure that the names "
        "and number of key properties match the declared or alternate key properties for the "
        f"resource {resource}."
    )


def local_path(reference: str) -> str:
    """Give the part below `/api/data/v9.x/` of a reference as bodies carry it.

    It may be absolute, rooted (`/contacts(…)`, `/api/data/v9.2/contacts(…)`) or relative.
    """
    if "://" in reference:
        parts = urlsplit(reference)
        reference = parts.path + (f"?{parts.query}" if parts.query else "")
    return _API.sub("", reference, count=1).lstrip("/")
