"""Check one JSON value against its column, with the refusals that Dataverse gives."""

from __future__ import annotations

from datetime import datetime

from adapter.demo.simulated.dataverse.database import Value, written
from adapter.demo.simulated.dataverse.literals import guid, moment
from adapter.demo.simulated.dataverse.refusals import (
    NO_SUCH_CHOICE,
    OUT_OF_RANGE,
    TOO_LONG,
    Refusal,
    bad_payload,
)
from adapter.demo.simulated.dataverse.schema import NUMBERED, Column, Kind, Table

_TEXTS = frozenset({Kind.STRING, Kind.MEMO})


def accept(table: Table, column: Column, value: object) -> Value:
    """Give the value as it is stored. Raises a 400 for a wrong type, length, choice or range."""
    if value is None:
        return None
    if column.kind in _TEXTS:
        return _text(table, column, value)
    if column.kind is Kind.BOOLEAN:
        return _boolean(table, value)
    if column.kind is Kind.GUID:
        return _guid(table, value)
    if column.kind is Kind.DATETIME:
        return _time(table, value)
    return _number(table, column, value)


def _text(table: Table, column: Column, value: object) -> str:
    if not isinstance(value, str) or not _is_unicode(value):
        raise _wrong_type(table, value, "Edm.String")
    if len(value) > column.length:
        raise Refusal(
            400,
            TOO_LONG,
            f"A validation error occurred. The length of the '{column.name}' attribute of the "
            f"'{table.name}' entity exceeded the maximum allowed length of '{column.length}'.",
        )
    return value


def _is_unicode(text: str) -> bool:
    """Say whether a text can be written: JSON may carry half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _boolean(table: Table, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(table, value, "Edm.Boolean")
    return value


def _guid(table: Table, value: object) -> str:
    found = guid(value) if isinstance(value, str) else None
    if found is None:
        raise _wrong_type(table, value, "Edm.Guid")
    return found


def _time(table: Table, value: object) -> str:
    wrong = _wrong_type(table, value, "Edm.DateTimeOffset")
    if not isinstance(value, str):
        raise wrong
    try:
        read: datetime = moment(value)
    except Refusal:
        raise wrong from None
    return written(read)


def _number(table: Table, column: Column, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(table, value, "Edm.Int32")
    if column.kind in NUMBERED:
        if value not in column.options:
            accepted = ",".join(str(option) for option in column.options)
            raise Refusal(
                400,
                NO_SUCH_CHOICE,
                f"A validation error occurred. The value {value} of '{column.name}' on record of "
                f"type '{table.name}' is outside the valid range. Accepted Values: {accepted}",
            )
    elif not column.minimum <= value <= column.maximum:
        raise Refusal(
            400,
            OUT_OF_RANGE,
            f"A validation error occurred. The value {value} of '{column.name}' on record of type "
            f"'{table.name}' is outside the valid range.",
        )
    return value


def _wrong_type(table: Table, value: object, expected: str) -> Refusal:
    shown = ascii(value)[:100].strip("'")
    return bad_payload(
        table.plural,
        "Microsoft.OData.ODataException: Cannot convert the literal "
        f"'{shown}' to the expected type '{expected}'.",
    )
