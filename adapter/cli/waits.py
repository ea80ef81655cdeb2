"""Say how long a client waits before it tries again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST = 0.5
"""Seconds: long enough for a restart to be over, short enough that nobody notices."""
LONGEST = 15.0
"""Seconds: a server that was away for an hour is found again before anybody looks."""


def growing(longest: float = LONGEST) -> Iterator[float]:
    """Double from half a second to `longest`, each with up to a quarter of jitter on top."""
    wait = FIRST
    while True:
        yield jittered(wait)
        wait = min(wait * 2, longest)


def jittered(seconds: float) -> float:
    """Spread clients that were cut off together."""
    return seconds * random.uniform(1.0, 1.25)  # noqa: S311  # not a secret


def between(low: float, high: float) -> float:
    """Pick any wait of this span, in seconds."""
    return random.uniform(low, high)  # noqa: S311  # not a secret


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read `Retry-After` in either form, seconds or a date (RFC 9110, 10.2.3); None: unreadable."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
