"""Turn times into the integers that the database keeps, and back (microseconds since 1970)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Count microseconds since 1970 exactly (a float of seconds would not be exact)."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Give the aware UTC time of a count of microseconds."""
    return _EPOCH + timedelta(microseconds=micros)
