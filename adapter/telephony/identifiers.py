"""Check the identifiers that become keys in the database."""

from __future__ import annotations

import re
from typing import Any

from adapter.telephony.json_limits import fault

MAX_CONTACT = 256
"""Characters of a contact's id (Amazon's own limit, API reference, `ContactId`)."""
MAX_EVENT = 512
"""Bytes of an event's id; with the source it must fit a PostgreSQL index row (2,704 bytes)."""
MAX_SOURCE = 1_024
"""Bytes of an event's source."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def text(value: Any, *at: str) -> str:
    """Require a string that is not empty and has no control characters (`at`: parts of a place)."""
    if isinstance(value, str) and value.isprintable() and not value.isspace() and value:
        return value  # the way of nearly all, so it is short
    if value is None:
        raise fault("".join(at), "is required")
    if not isinstance(value, str):
        raise fault("".join(at), "expected a string")
    if not value.strip():
        raise fault("".join(at), "may not be empty")
    if _CONTROL.search(value):
        raise fault("".join(at), "may not hold control characters")
    return value


def contact(value: Any, *at: str) -> str:
    """Require a contact's id."""
    found = text(value, *at)
    if len(found) > MAX_CONTACT:
        raise fault("".join(at), f"is longer than {MAX_CONTACT} characters")
    return found


def key(value: Any, most: int, *at: str) -> str:
    """Require a source or an event's id of at most `most` bytes in UTF-8."""
    found = text(value, *at)
    # No character takes more than four bytes, so short texts need no encoding.
    if len(found) * 4 > most and len(found.encode()) > most:
        raise fault("".join(at), f"is longer than {most} bytes")
    return found


def safe(part: str) -> str:
    """Make a text that a source chose fit into a key: no control characters, not too long."""
    return _CONTROL.sub("", part)[:128]
