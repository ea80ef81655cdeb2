"""Read the times that sources write."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

_SECONDS = slice(17, 19)  # of `2016-12-31T23:59:60Z`


def rfc3339(text: str) -> datetime | None:
    """Read an RFC 3339 time as UTC; None where it is no time or has no offset.

    A leap second (`:60`, RFC 3339 section 5.7) becomes the second before it, because
    `datetime` knows none. Digits beyond microseconds are rounded.
    """
    if text[_SECONDS] == "60":
        text = f"{text[:17]}59{text[19:]}"
    try:
        moment = msgspec.convert(text, datetime)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (msgspec.ValidationError, OverflowError):  # overflow: year 1 east of Greenwich
        return None
