"""Read and write what a contact's story tells."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime

import msgspec

from adapter.events import ContactEvent, Stage
from adapter.store.journal.index import loaded, newest
from adapter.store.journal.rows import unpack_links
from adapter.store.journal.states import chain
from adapter.store.journal.tail import Push
from adapter.store.times import micros, moment
from adapter.tenants import ContactKey, Tenant


class StoredEvent(msgspec.Struct, frozen=True):
    """An accepted event and when it came in and was committed."""

    event: ContactEvent
    received: datetime
    stored: datetime
    matched: str | None
    failure: str | None
    position: int = 0


class Traced(msgspec.Struct, frozen=True):
    """One line of a contact's story."""

    at: datetime
    what: str
    detail: str


TraceLine = tuple[Tenant, str | None, datetime, str, str]
"""Tenant, contact, time, what, detail."""


_push_list = msgspec.msgpack.Decoder(list[Push])


def events_of(cursor: sqlite3.Cursor, key: ContactKey) -> list[StoredEvent]:
    """Read a contact's events in the order in which they came in."""
    found = newest(cursor, key)
    if found is None:
        return []
    events = [
        StoredEvent(
            report.fact,
            report.received,
            moment(time),
            report.matched,
            report.failure,
            position,
        )
        for position, time, report, _ in chain(cursor, found.position)
        if report.fact is not None
    ]
    events.reverse()
    return events


def first_report(cursor: sqlite3.Cursor, key: ContactKey, stage: Stage) -> datetime | None:
    """Give when a contact's stage was first reported to us (not when its source says it was)."""
    times = [
        each.stored
        for each in events_of(cursor, key)
        if each.event.stage is stage or stage in each.event.witnessed
    ]
    return min(times, default=None)


def add_traces(cursor: sqlite3.Cursor, lines: Iterable[TraceLine]) -> None:
    """Add lines to contacts' stories."""
    cursor.executemany(
        "INSERT INTO trace (tenant, contact, at, what, detail) VALUES (?,?,?,?,?)",
        [
            (tenant, contact, micros(at), what, detail)
            for tenant, contact, at, what, detail in lines
        ],
    )


def trace_of(cursor: sqlite3.Cursor, key: ContactKey) -> list[Traced]:
    """Read the lines of a contact's story, oldest first."""
    rows = cursor.execute(
        "SELECT at, what, detail FROM trace WHERE tenant=? AND contact=? ORDER BY position", key
    ).fetchall()
    return [Traced(moment(at), what, detail) for at, what, detail in rows]


def pushes_of(cursor: sqlite3.Cursor, events: Iterable[StoredEvent]) -> list[Traced]:
    """Tell when the messages of events were written to sockets, as far as that was kept."""
    told = []
    for event in events:
        push = _push(cursor, event.position)
        if push is not None:
            kind, links = cursor.execute(
                "SELECT type, links FROM journal WHERE position=?", (event.position,)
            ).fetchone()
            names = ", ".join(name for name, _ in unpack_links(links))
            detail = f"{kind} to {names}: {push.sockets} sockets"
            told.append(Traced(moment(push.at), "pushed", detail))
    return told


def _push(cursor: sqlite3.Cursor, position: int) -> Push | None:
    fresh = loaded(cursor).pushes.get(position)
    if fresh is not None:
        return fresh
    row = cursor.execute(
        "SELECT body FROM pushes WHERE position<=? ORDER BY position DESC LIMIT 1", (position,)
    ).fetchone()
    kept = [] if row is None else _push_list.decode(row[0])
    return next((push for push in kept if push.position == position), None)
