"""Read a tenant's contacts, the latest changed first, in pages by the feed's sequence.

No index of its own: a tree more would cost every event a page of the log. The messages are walked
backward instead, and a contact is listed at the message of its last change, which is the one with
the time that its state was written at.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from adapter import contacts
from adapter.contacts import Contact
from adapter.messages import CONTACT_PREFIX
from adapter.store.times import moment
from adapter.tenants import Tenant

LARGEST_COMMIT = 4_096
"""Messages of one time looked at across the edge of a page: more than one commit writes."""


class ListedContact(msgspec.Struct, frozen=True):
    """A contact at the message of its last change."""

    sequence: int
    agent: str | None
    """The tenant's id of who has it."""
    updated: datetime
    contact: Contact


class Walked(msgspec.Struct, frozen=True):
    """What a part of the walk found, and where the next part begins (None: at the end)."""

    found: list[ListedContact]
    before: int | None


def walk(cursor: sqlite3.Cursor, tenant: Tenant, *, before: int | None, messages: int) -> Walked:
    """Walk `messages` messages back from below `before` (None: from the newest)."""
    below = 2**62 if before is None else before
    rows = cursor.execute(
        "SELECT sequence, type, subject, time FROM messages WHERE tenant=? AND sequence<?"
        " ORDER BY sequence DESC LIMIT ?",
        (tenant, below, messages),
    ).fetchall()
    shown = _across_the_edge(cursor, tenant, below)
    found: list[ListedContact] = []
    for sequence, kind, subject, time in rows:
        if subject is None or not kind.startswith(CONTACT_PREFIX) or (subject, time) in shown:
            continue
        row = cursor.execute(
            "SELECT agent, updated, state FROM contacts WHERE tenant=? AND id=? AND updated=?",
            (tenant, subject, time),
        ).fetchone()
        if row is not None:
            shown.add((subject, time))
            found.append(ListedContact(sequence, row[0], moment(row[1]), contacts.decode(row[2])))
    return Walked(found, rows[-1][0] if len(rows) == messages else None)


def _across_the_edge(cursor: sqlite3.Cursor, tenant: Tenant, below: int) -> set[tuple[str, int]]:
    """Give what the page before has listed of the commit that the edge goes through."""
    rows = cursor.execute(
        "SELECT subject, time FROM messages WHERE tenant=?1 AND sequence>=?2 AND sequence<?3"
        " AND subject NOT NULL AND type LIKE ?4"
        " AND time=(SELECT time FROM messages WHERE tenant=?1 AND sequence=?2)",
        (tenant, below, below + LARGEST_COMMIT, CONTACT_PREFIX + "%"),
    ).fetchall()
    return {(subject, time) for subject, time in rows}
