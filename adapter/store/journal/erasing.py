"""Find and empty the rows of contacts that are to be forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from adapter import contacts, messages
from adapter.contacts import Contact
from adapter.events import ContactEvent
from adapter.store.journal.index import mark
from adapter.store.journal.rows import position_of, unpack_report
from adapter.tenants import ContactKey, Tenant

_NOTHING = messages.json({"what": []})


def empty_rows(cursor: sqlite3.Cursor, key: ContactKey) -> int:
    """Take out of the journal what it holds of a contact; give the number of rows.

    The rows stay, with nothing in them but the links of other chains: a feed that resumes misses
    no sequence, and an event that was erased is still known, so that it cannot come back.
    """
    found = mark(cursor, key.tenant)
    if found is None:
        return 0
    first, end = position_of(found.number, 0), position_of(found.number + 1, 0)
    cursor.execute("DELETE FROM contact_heads WHERE tenant=? AND contact=?", key)
    told = cursor.execute(
        "UPDATE journal SET type=?, subject=NULL, data=?, pop=NULL, report=NULL, state=NULL"
        " WHERE position>? AND position<? AND subject=?",
        (messages.SETTINGS_CHANGED, _NOTHING, first, end, key.id),
    ).rowcount
    silent = cursor.execute(
        "UPDATE journal SET subject=NULL, report=NULL"
        " WHERE position<? AND position>? AND subject=?",
        (-first, -end, key.id),
    ).rowcount
    return told + silent


def everything(
    cursor: sqlite3.Cursor, tenant: Tenant
) -> Iterator[tuple[str, ContactEvent | None, Contact | None]]:
    """Give each row that knows a contact: its id, the event, and the whole state where it is."""
    found = mark(cursor, tenant)
    if found is None:
        return
    first, end = position_of(found.number, 0), position_of(found.number + 1, 0)
    for subject, report, state in cursor.execute(
        "SELECT subject, report, state FROM journal WHERE report NOT NULL AND subject NOT NULL"
        " AND (position>? AND position<? OR position<? AND position>?)",
        (first, end, -first, -end),
    ):
        whole = None if state is None else contacts.decode(state)
        yield subject, unpack_report(report).fact, whole
