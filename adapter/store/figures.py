"""Read how pops went lately, on a connection of its own: it may take a while, and nobody waits."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec

from adapter.store import journal
from adapter.store.failures import explain
from adapter.store.journal.tail import Connection
from adapter.store.times import micros, moment
from adapter.tenants import ContactKey, Tenant

MOST = 50_000
"""Pops looked at, the latest of all tenants: a bound on the time, since `pops` has no tree by time
(each would cost every event a page)."""


class PopFigure(msgspec.Struct, frozen=True):
    """What is known of one pop's time."""

    created: datetime
    outcome: str | None
    received: datetime | None
    """When the event that caused it came in; None where it came by no event."""
    finished: datetime | None


class Sizes(msgspec.Struct, frozen=True):
    """How much the database holds, in bytes."""

    file: int
    log: int
    free: int
    """Inside of the file, to be used again."""


def pops(path: Path, tenant: Tenant, since: datetime) -> list[PopFigure]:
    """Read a tenant's pops since a moment, at most of the `MOST` latest; call it in a thread.

    A pop is made in the transaction of its event, so the event is the last one stored by then.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    try:
        with closing(_reader(path)) as connection:
            connection.execute("BEGIN")  # or the journal's end is read again after each commit
            rows = connection.execute(
                "SELECT created, outcome, finished, contact"
                f" FROM (SELECT * FROM pops ORDER BY rowid DESC LIMIT {MOST}) AS latest"
                " WHERE tenant=? AND created>=?",
                (tenant, micros(since)),
            ).fetchall()
            cursor = connection.cursor()
            return [
                PopFigure(
                    moment(created),
                    outcome,
                    _received(cursor, tenant, contact, moment(created)),
                    None if finished is None else moment(finished),
                )
                for created, outcome, finished, contact in rows
            ]
    except sqlite3.Error as error:
        raise explain(error, path) from error


def _received(
    cursor: sqlite3.Cursor, tenant: Tenant, contact: str | None, created: datetime
) -> datetime | None:
    if contact is None:
        return None
    events = journal.events_of(cursor, ContactKey(tenant, contact))
    return max((each.received for each in events if each.stored <= created), default=None)


def sizes(path: Path) -> Sizes:
    """Measure the database's files.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    log = path.with_name(path.name + "-wal")
    try:
        with closing(_reader(path)) as connection:
            (page,) = connection.execute("PRAGMA page_size").fetchone()
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    except sqlite3.Error as error:
        raise explain(error, path) from error
    return Sizes(path.stat().st_size, log.stat().st_size if log.exists() else 0, page * free)


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5, factory=Connection
    )
