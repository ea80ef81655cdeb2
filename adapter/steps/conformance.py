"""Hold a step against the tables of its environment: columns, lookups, values, responses.

Where the environment has not been read, only what its tables cannot change is checked: the form of
a lookup's address, and fields that a GET does not select.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from adapter.errors import Place
from adapter.placeholders import Reference
from adapter.steps import bindings, column_values, tables, templates
from adapter.steps.definitions import RequestStep, Steps
from adapter.steps.findings import Found
from adapter.steps.spelling import meant
from adapter.steps.tables import LOOKUPS, Known, Metadata, Table

_QUOTED = re.compile(r"'(?:[^']|'')*'")
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}|(?<![\w.-])(?:STEP\d{1,2}-Response[\w.@]*|objectUrl)")
_COMPARED = re.compile(
    r"(?<![\w/.'@$])([A-Za-z_]\w*)\s+(?:eq|ne|gt|ge|lt|le)\s"
    r"|(?:contains|startswith|endswith)\(\s*([A-Za-z_]\w*)\s*,",
    re.ASCII,
)
_COMPARED_BARE = re.compile(
    rf"(?<![\w/.'@$])([A-Za-z_]\w*)\s+(?:eq|ne|gt|ge|lt|le)\s+({_PLACEHOLDER.pattern})", re.ASCII
)
_KEYED = re.compile(r"(?:^\(|,)\s*([A-Za-z_]\w*)\s*=", re.ASCII)
_LOOKUP_VALUE = re.compile(r"_(\w+)_value", re.ASCII)


def of_step(step: RequestStep, metadata: Metadata | None, at: str) -> Found:
    """Give what the environment would refuse of a step, and what it would take amiss."""
    table = None if metadata is None else metadata.find(step.table.entity_set)
    if metadata is not None and table is None and metadata.complete:
        shown = step.table.entity_set
        near = meant(shown, [each.entity_set for each in metadata.tables])
        yield True, Place(f"{at}/table", f"{shown} is no table of this environment{near}")
        return
    yield from _body(step, table, metadata, at)
    if table is not None and table.columns is not None:
        for name in _asked(step):
            if not _is_readable(table, name):
                detail = f"{table.name} has no column {name}{meant(name, _readable(table))}"
                yield True, Place(f"{at}/query_string", detail)
        yield from _bare_texts(step, table, f"{at}/query_string")


def _body(step: RequestStep, table: Table | None, metadata: Metadata | None, at: str) -> Found:
    body = templates.body(step)
    if body is None:
        return
    for name, value in body.members.items():
        where = f"{at}/body/{name}"
        navigation, annotated, what = name.partition("@")
        if what == bindings.BIND:
            yield from bindings.bound(table, metadata, navigation, value, where)
        elif not annotated and table is not None and table.columns is not None:
            yield from _member(step, table, name, value, where)
    yield from column_values.state(body, table, at)


def answered(steps: Steps, reference: Reference, known: Known, at: str) -> Iterator[Place]:
    """Give the fault of a placeholder whose step will not answer with its field."""
    step = None if reference.step is None else steps.request(reference.step)
    field = _field(reference)
    if step is None or "@" in field:
        return
    selected, expanded = _options(step)
    if field in (step.table.id_column, *expanded):
        return
    if selected and field not in selected:
        yield Place(at, f"step {step.number} does not ask for {field}: add it to its $select")
        return
    metadata = tables.of_account(known, step.account)
    table = None if metadata is None else metadata.find(step.table.entity_set)
    if table is None or table.columns is None:
        return
    column = table.column(field)
    if column is not None and column.kind in LOOKUPS:
        detail = f"{field} is a lookup: step {step.number} answers with _{field}_value"
        yield Place(at, detail)
    elif not _is_readable(table, field):
        near = meant(field, _readable(table))
        yield Place(at, f"step {step.number} answers with a {table.name}: no {field}{near}")


def _member(step: RequestStep, table: Table, name: str, value: Any, at: str) -> Found:
    if not isinstance(value, dict | list):
        yield from _column(step, table, name, value, at)
    elif bindings.navigations(table, name) == []:
        known = [each.name for each in table.navigations or ()]
        detail = f"{table.name} has no navigation property of this name{meant(name, known)}"
        yield True, Place(at, detail)


def _column(step: RequestStep, table: Table, name: str, value: Any, at: str) -> Found:
    column = table.column(name)
    if column is None:
        lookup = _LOOKUP_VALUE.fullmatch(name)
        if lookup is not None and table.column(lookup[1]) is not None:
            yield True, Place(at, f"can only be read{bindings.how_to(table, lookup[1])}")
        else:
            known = [each.name for each in table.columns or ()]
            detail = f"{table.name} has no such column{meant(name.lower(), known)}"
            yield True, Place(at, detail)
        return
    if column.kind in LOOKUPS:
        yield True, Place(at, f"is a lookup{bindings.how_to(table, name)}")
        return
    settable = column.creatable if step.method == "POST" else column.updatable
    if not settable and name not in templates.STATE_COLUMNS:
        when = "created" if step.method == "POST" else "changed"
        yield False, Place(at, f"Dynamics does not take this column when a row is {when}")
    yield from column_values.value(column, value, at)


def _asked(step: RequestStep) -> list[str]:
    """Give the columns that a query string names, each once."""
    text = _PLACEHOLDER.sub("0", unquote(step.query_string, errors="replace"))
    bare = _QUOTED.sub("''", text)
    key, _, query = bare.partition("?")
    options = dict(part.partition("=")[::2] for part in (query or key).split("&"))
    found = _KEYED.findall(key) if key.startswith("(") else []
    found += [name.strip() for name in options.get("$select", "").split(",")]
    found += [part.split()[0] for part in options.get("$orderby", "").split(",") if part.split()]
    found += ["".join(each) for each in _COMPARED.findall(options.get("$filter", ""))]
    return [name for name in dict.fromkeys(found) if re.fullmatch(r"[A-Za-z_]\w*", name)]


def _bare_texts(step: RequestStep, table: Table, at: str) -> Found:
    """Find text columns that are compared with a placeholder which is not in apostrophes."""
    bare = _QUOTED.sub("''", unquote(step.query_string, errors="replace"))
    for name, placeholder in _COMPARED_BARE.findall(bare):
        column = table.column(name)
        if column is not None and column.kind in ("String", "Memo"):
            detail = f"{name} is a text column: put apostrophes around {placeholder}"
            yield True, Place(at, detail)


def _options(step: RequestStep) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give what a GET selects and expands; nothing selected is everything."""
    if step.method != "GET":
        return (), ()
    text = unquote(step.query_string, errors="replace")
    expanded = "".join(re.findall(r"\$expand=([^&]*)", text))
    outside = re.sub(r"\([^()]*\)", "", text)
    selected = "".join(re.findall(r"\$select=([^&]*)", outside)).split(",")
    named = tuple(name.strip() for name in selected if name.strip())
    return named, (*re.findall(r"[A-Za-z_]\w*", expanded), "value")


def _field(reference: Reference) -> str:
    """Give the top-level field of a row, without the place in a list of rows."""
    path = reference.field.split(".")
    if path[0] == "value" and len(path) > 2 and path[1].isdecimal():  # noqa: PLR2004
        path = path[2:]
    return path[0]


def _is_readable(table: Table, name: str) -> bool:
    lookup = _LOOKUP_VALUE.fullmatch(name)
    return table.column(lookup[1] if lookup else name) is not None


def _readable(table: Table) -> list[str]:
    return [
        f"_{each.name}_value" if each.kind in LOOKUPS else each.name for each in table.columns or ()
    ]
