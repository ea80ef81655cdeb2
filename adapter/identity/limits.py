"""Decide when a session is over, and when its bearer is due for a new one."""

from __future__ import annotations

from datetime import datetime, timedelta

ROTATE_AFTER = timedelta(minutes=15)
"""A bearer that was copied somewhere is worth little after this."""
GRACE = timedelta(seconds=60)
"""How long a bearer that was replaced is still good: other tabs are in the middle of requests."""


def is_over(
    *,
    expires: datetime,
    seen: datetime,
    now: datetime,
    idle: timedelta | None = None,
    replaced: datetime | None = None,
) -> bool:
    """Tell whether a bearer is good no more.

    It has an absolute limit, an idle limit where there is one, and ends soon after a newer one of
    the same session was first used.
    """
    if expires <= now or (idle is not None and seen + idle <= now):
        return True
    return replaced is not None and replaced + GRACE <= now


def is_due(*, issued: datetime, now: datetime) -> bool:
    """Tell whether a bearer is old enough to be replaced."""
    return issued + ROTATE_AFTER <= now
