"""Read a tenant's contacts, the latest changed first, in pages by the feed's sequence.

No index of its own: a tree more would cost every event a page of the log. The journal is walked
backward instead, and a contact is listed at its newest row.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from adapter.contacts import Contact
from adapter.store import journal
from adapter.store.times import moment
from adapter.tenants import ContactKey, Tenant


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
    found: list[ListedContact] = []
    last = None
    seen = 0
    for sequence, contact, time in journal.backward(cursor, tenant, before=before, most=messages):
        seen, last = seen + 1, sequence
        key = None if contact is None else ContactKey(tenant, contact)
        if key is None or journal.newest_message(cursor, key) != sequence:
            continue
        state = journal.contact_with_newest(cursor, key)
        if state is not None:
            found.append(ListedContact(sequence, state[1].agent, moment(time), state[0]))
    return Walked(found, last if seen == messages else None)
