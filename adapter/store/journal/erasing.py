"""Find and empty the rows of contacts that are to be forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from adapter import contacts, messages
from adapter.contacts import Contact
from adapter.events import ContactEvent
from adapter.messages import Message
from adapter.store.journal.index import find_event, mark, newest
from adapter.store.journal.rows import position_of, unpack_report
from adapter.store.journal.states import chain
from adapter.tenants import ContactKey, Tenant

_NOTHING = messages.json({"what": []})


def emptied(message: Message) -> Message:
    """Give what stands for a message of which nothing may be known any more."""
    return msgspec.structs.replace(
        message, type=messages.SETTINGS_CHANGED, subject=None, data=_NOTHING, pop=None
    )


def positions_of(
    cursor: sqlite3.Cursor, tenant: Tenant, contacts: Iterable[str]
) -> dict[str, list[int]]:
    """Find every row about some contacts. It reads the whole journal: never on the event loop."""
    found = mark(cursor, tenant)
    wanted: dict[str, list[int]] = {each: [] for each in contacts}
    if found is None or not wanted:
        return {}
    first, end = position_of(found.number, 0), position_of(found.number + 1, 0)
    for position, subject in cursor.execute(
        "SELECT position, subject FROM journal WHERE subject NOT NULL"
        " AND (position>? AND position<? OR position<? AND position>?)",
        (first, end, -first, -end),
    ):
        if subject in wanted:
            wanted[subject].append(position)
    return {contact: rows for contact, rows in wanted.items() if rows}


def empty_rows(cursor: sqlite3.Cursor, key: ContactKey, positions: Iterable[int]) -> int:
    """Take out of the journal what it holds of a contact; give the number of rows.

    `positions` were found before; what has come in since is found by the contact's chain. The
    rows stay, with nothing in them but the links of other chains: a feed that resumes misses no
    sequence, and an event that was erased is still known, so that it cannot come back: its key goes
    into the index here, because nothing but the index has it from now on. Another process that
    serves this database must then forget its filter of the index (`Tail.forget_all`).
    """
    found = newest(cursor, key)
    since = [] if found is None else [position for position, *_ in chain(cursor, found.position)]
    cursor.execute("DELETE FROM contact_heads WHERE tenant=? AND contact=?", key)
    rows = {*positions, *since}
    return sum(_empty(cursor, key, position) for position in rows)


def _empty(cursor: sqlite3.Cursor, key: ContactKey, position: int) -> int:
    row = cursor.execute(
        "SELECT report FROM journal WHERE position=? AND subject=?", (position, key.id)
    ).fetchone()
    if row is None:
        return 0
    report = None if row[0] is None else unpack_report(row[0])
    if report is not None and report.fact is not None:
        known = (find_event(cursor, key.tenant, report.fact)[0], position)
        cursor.execute("INSERT OR IGNORE INTO event_keys (key, position) VALUES (?,?)", known)
    kind, data = (messages.SETTINGS_CHANGED, _NOTHING) if position > 0 else (None, None)
    return cursor.execute(
        "UPDATE journal SET type=?, subject=NULL, data=?, pop=NULL, report=NULL, state=NULL"
        " WHERE position=?",
        (kind, data, position),
    ).rowcount


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
