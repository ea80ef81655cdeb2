"""Find the rows that are older than the retention, with what the index has of them."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from adapter.store.journal.index import find_event, last_silent, mark, sequences
from adapter.store.journal.rows import position_of, unpack_report
from adapter.tenants import Tenant


class Oldest(NamedTuple):
    """A row that is about to be deleted, with what the index has of it."""

    position: int
    contact: str | None
    event_key: int | None


def oldest(cursor: sqlite3.Cursor, tenant: Tenant, before: int, limit: int) -> list[Oldest]:
    """Give a tenant's oldest messages from before a time, never the last: the next follows it."""
    found = mark(cursor, tenant)
    if found is None:
        return []
    last = sequences(cursor, tenant)[1]
    rows = cursor.execute(
        "SELECT position, time, subject, report FROM journal WHERE position>? AND position<?"
        " ORDER BY position LIMIT ?",
        (position_of(found.number, 0), position_of(found.number, last), limit),
    ).fetchall()
    return _oldest(cursor, tenant, rows, before)


def oldest_silent(cursor: sqlite3.Cursor, tenant: Tenant, before: int, limit: int) -> list[Oldest]:
    """Give a tenant's oldest rows without a message from before a time, never the last."""
    found = mark(cursor, tenant)
    if found is None:
        return []
    last = last_silent(cursor, tenant)
    rows = cursor.execute(
        "SELECT position, time, subject, report FROM journal WHERE position<? AND position>?"
        " ORDER BY position DESC LIMIT ?",
        (-position_of(found.number, 0), -position_of(found.number, last), limit),
    ).fetchall()
    return _oldest(cursor, tenant, rows, before)


def _oldest(
    cursor: sqlite3.Cursor,
    tenant: Tenant,
    rows: list[tuple[int, int, str | None, bytes | None]],
    before: int,
) -> list[Oldest]:
    found = []
    for position, time, subject, packed in rows:
        if time >= before:
            break
        report = None if packed is None else unpack_report(packed)
        fact = None if report is None else report.fact or report.seen
        key = None if fact is None else find_event(cursor, tenant, fact)[0]
        is_contact = report is not None and report.seen is None
        found.append(Oldest(position, subject if is_contact else None, key))
    return found
