"""Measure the database for an operator: sizes, the space that is left, the newest event."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import datetime
from pathlib import Path

from adapter.store import journal
from adapter.store.database import Database
from adapter.store.times import moment
from adapter.tenants import Tenant


def last_stored(database: Database) -> datetime | None:
    """Give when the newest event was stored; None where there is none."""
    with database.reading():
        rows = database.raw.execute(
            "SELECT time FROM journal_marks, journal WHERE journal.position ="
            " (SELECT max(position) FROM journal WHERE position < (number + 1) << 40"
            " AND report NOT NULL)"
        ).fetchall()
    return max((moment(micros) for (micros,) in rows), default=None)


def log_bytes(path: Path) -> int:
    """Give the size of the write-ahead log; 0 where there is none."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except FileNotFoundError:
        return 0


def free_bytes(path: Path) -> int:
    """Give the bytes that a user may still write to the disk of `path`."""
    return shutil.disk_usage(path.parent).free


def has_events(cursor: sqlite3.Cursor, tenant: Tenant) -> bool:
    """Tell whether a tenant has received anything that is still kept."""
    return journal.has_events(cursor, tenant)


def has_opened(cursor: sqlite3.Cursor, tenant: Tenant) -> bool:
    """Tell whether a record of a tenant opened among the latest pops."""
    found = cursor.execute(
        "SELECT 1 FROM (SELECT tenant, outcome FROM pops ORDER BY rowid DESC LIMIT 10000)"
        " WHERE tenant=? AND outcome='opened' LIMIT 1",
        (tenant,),
    ).fetchone()
    return found is not None
