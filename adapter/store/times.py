"""Turn times into the integers that the database keeps, and back (microseconds since 1970)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EXACT = (1 << 32) * 1_000_000
"""Up to here (the year 2106), a float of seconds is nearer to its microsecond than to any other."""


def micros(moment: datetime) -> int:
    """Count microseconds since 1970 exactly (a float of seconds would not be exact)."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Give the aware UTC time of a count of microseconds, exactly."""
    if 0 <= micros < _EXACT:  # half the time of the other way
        return datetime.fromtimestamp(micros / 1_000_000, UTC)
    return _EPOCH + timedelta(microseconds=micros)
