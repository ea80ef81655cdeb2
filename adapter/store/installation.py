"""Know this installation from another: what its database has been given for good."""

from __future__ import annotations

import secrets
import sqlite3


def identity(cursor: sqlite3.Cursor) -> str:
    """Give the random id that the database was made with; a copy of it has the same."""
    (value,) = cursor.execute("SELECT value FROM installation WHERE name='id'").fetchone()
    return str(value)


def epoch(cursor: sqlite3.Cursor) -> str:
    """Give the random id of the time within which a sequence stands for one message.

    While a server runs nothing changes it.
    """
    (value,) = cursor.execute("SELECT value FROM installation WHERE name='epoch'").fetchone()
    return str(value)


def begin_epoch(cursor: sqlite3.Cursor) -> None:
    """Say that sequences which clients know may stand for other messages from now on."""
    cursor.execute("UPDATE installation SET value=? WHERE name='epoch'", (secrets.token_hex(8),))


def erasures(cursor: sqlite3.Cursor) -> int:
    """Give how often something was erased, so that who remembers it in memory can tell."""
    row = cursor.execute("SELECT value FROM installation WHERE name='erasures'").fetchone()
    return 0 if row is None else int(row[0])


def count_erasure(cursor: sqlite3.Cursor) -> None:
    """Say that something was erased."""
    cursor.execute(
        "INSERT INTO installation (name, value) VALUES ('erasures', '1')"
        " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )
