"""Turn what the database and its files refuse into errors of ours, in words for who is told."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from adapter.errors import StoreUnavailable


class StoreBusy(StoreUnavailable):
    """Another process holds the write lock just now; trying again soon will do."""


class StoreTaken(StoreUnavailable):
    """Another process writes the journal of this database."""


class LogGone(StoreUnavailable):
    """Somebody has deleted the log of a database that is being served."""


class StoreCorrupt(StoreUnavailable):
    """The file is no sound database; writing on would make it worse."""


_LOCKED = (StoreBusy, "the database is locked by another program", 1)

_WORDS: dict[int, tuple[type[StoreUnavailable], str, int]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: (StoreUnavailable, "the disk is full: free space for the database", 5),
    sqlite3.SQLITE_CORRUPT: (
        StoreCorrupt,
        "{file} is corrupt: stop the server and restore a backup",
        30,
    ),
    sqlite3.SQLITE_NOTADB: (
        StoreCorrupt,
        "{file} is corrupt: stop the server and restore a backup",
        30,
    ),
    sqlite3.SQLITE_READONLY: (StoreUnavailable, "{file} is read-only", 10),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, "{file} cannot be opened", 10),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "the disk reports an input/output error", 10),
}
"""By result code (https://www.sqlite.org/rescode.html): our error, its words, seconds to wait."""


_FILE_ERRORS = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.EACCES: sqlite3.SQLITE_CANTOPEN,
    errno.EPERM: sqlite3.SQLITE_READONLY,  # chattr +i
}
"""What the system says of the redo log, as SQLite would say it of its own files."""


def explain(error: Exception, path: Path | None = None) -> StoreUnavailable:
    """Say in words what the database refused; `path` is named to an operator, not to a sender."""
    file = "the database file" if path is None else f"the database file {path}"
    cause = error.orig if isinstance(error, DatabaseError) and error.orig else error
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(cause, OSError):
        code = _FILE_ERRORS.get(cause.errno or 0, sqlite3.SQLITE_IOERR)
    # The low byte is the primary code, the rest tells its kinds apart.
    known = None if code is None else _WORDS.get(code & 0xFF)
    if known is None:
        return StoreUnavailable(f"the database refused: {cause}", retry_after=5)
    kind, words, wait = known
    told = words.format(file=file)
    if isinstance(cause, OSError) and code == sqlite3.SQLITE_IOERR and cause.strerror:
        told = f"{told}: {cause.strerror}"  # which SQLite does not know
    return kind(told, retry_after=wait)


def lock_is_held() -> StoreBusy:
    """Give the error of a lock that is known of without asking."""
    return StoreBusy(_LOCKED[1], retry_after=_LOCKED[2])


def is_of_statement(error: Exception) -> bool:
    """Whether a statement of ours was at fault, and not the store."""
    cause = error.orig if isinstance(error, DatabaseError) and error.orig else error
    return isinstance(cause, sqlite3.IntegrityError)
