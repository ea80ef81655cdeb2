"""Check the value that a step writes into a column, as far as the template shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from adapter.dynamics import names
from adapter.errors import Place
from adapter.placeholders import JsonTemplate
from adapter.steps import lengths, templates
from adapter.steps.findings import Found
from adapter.steps.tables import Column, Table

_NUMBERS = ("Integer", "BigInt", "Picklist", "State", "Status", "Decimal", "Double", "Money")
_SHOWN = 8
"""Choices that a fault lists."""


def value(column: Column, written: Any, at: str) -> Found:
    """Check a value: a text is a tuple of literals and placeholders (`JsonTemplate.members`).

    What a placeholder will bring is not known: only its quotes are looked at, as a hint.
    """
    check = _CHECKS.get(column.kind)
    if written is not None and check is not None:
        yield from check(column, written, at)


def state(body: JsonTemplate, table: Table | None, at: str) -> Found:
    """Check that the two columns of a row's state belong together."""
    status = None if table is None else table.column("statuscode")
    if status is None or not status.states:
        return
    state, reason = (templates.whole_number(body.literal(name)) for name in templates.STATE_COLUMNS)
    belongs = dict(status.states).get(reason) if reason is not None else None
    if state is not None and belongs is not None and belongs != state:
        detail = f"{reason} belongs to statecode {belongs}, not to {state}"
        yield True, Place(f"{at}/body/statuscode", detail)


def _text(column: Column, written: Any, at: str) -> Found:
    if not isinstance(written, tuple):
        is_fault = isinstance(written, bool | int | float)
        yield is_fault, Place(at, "is a text column: put the value in quotes")
        return
    least = sum(lengths.units(part) for part in written if isinstance(part, str))
    if column.max_length is not None and least > column.max_length:
        detail = f"has {least} characters or more; {column.name} takes {column.max_length}, "
        yield False, Place(at, f"{detail}and the rest is cut off")


def _flag(_column: Column, written: Any, at: str) -> Found:
    if _literal(written) is not None or _is_number(written):
        yield True, Place(at, "takes true or false, without quotes")
    elif isinstance(written, tuple):
        yield False, Place(at, "takes true or false: leave the quotes around it away")


def _number(column: Column, written: Any, at: str) -> Found:
    literal = _literal(written)
    if isinstance(written, bool) or (literal is not None and not _spells_number(literal)):
        yield True, Place(at, "takes a number")
        return
    if isinstance(written, tuple):
        yield False, Place(at, "takes a number: leave the quotes around it away")
    chosen = templates.whole_number(written if literal is None else literal)
    if column.choices is not None and chosen is not None and chosen not in column.choices:
        listed = ", ".join(map(str, column.choices[:_SHOWN]))
        more = ", …" if len(column.choices) > _SHOWN else ""
        yield True, Place(at, f"{chosen} is none of its choices: {listed}{more}")


def _time(_column: Column, written: Any, at: str) -> Found:
    literal = _literal(written)
    if isinstance(written, bool | int | float) or (literal is not None and not _is_time(literal)):
        yield True, Place(at, "takes a date and time: 2026-01-31T09:00:00Z")


def _id(_column: Column, written: Any, at: str) -> Found:
    literal = _literal(written)
    if isinstance(written, bool | int | float) or (
        literal is not None and not names.is_guid(literal)
    ):
        yield True, Place(at, "takes a record id (GUID)")


_CHECKS: dict[str, Callable[[Column, Any, str], Found]] = {
    "String": _text,
    "Memo": _text,
    "Boolean": _flag,
    "DateTime": _time,
    "Uniqueidentifier": _id,
    **dict.fromkeys(_NUMBERS, _number),
}


def _literal(written: Any) -> str | None:
    """Give a text that no placeholder decides."""
    if isinstance(written, tuple) and all(isinstance(part, str) for part in written):
        return "".join(written)
    return None


def _is_number(written: Any) -> bool:
    return isinstance(written, int | float) and not isinstance(written, bool)


def _spells_number(text: str) -> bool:
    return re.fullmatch(r"-?\d{1,18}(?:\.\d{1,17})?", text.strip(), re.ASCII) is not None


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
