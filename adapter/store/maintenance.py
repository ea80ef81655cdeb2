"""Care for the database file: checkpoints, backups, logs that are not its own."""

from __future__ import annotations

import io
import os
import sqlite3
import time
from bisect import bisect_left
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from adapter.errors import StoreUnavailable
from adapter.store import belonging
from adapter.store.database import REDO_SUFFIX, Database
from adapter.store.failures import LogGone, StoreTaken, explain
from adapter.store.journal import redo
from adapter.store.journal.seen import Seen, read
from adapter.store.locking import is_locked, is_log_gone, lock, require_own_name, serves
from adapter.store.times import micros

LOG_PAGES = 2_000
"""Pages of the write-ahead log above which a checkpoint is worth its work (16 MB): the more there
are, the more of them are newer copies of one page, which is written once; but a log that grows
is written to new pages of memory each time, which costs three times as much."""

_CATCH_UP_PATIENCE = 3.0
"""Seconds that a command waits for a running server's rows; it catches up ten times a second."""

_LOG_HEAD = 32
_FRAME_HEAD = 24
"""Bytes at the beginning of the write-ahead log, and before each page in it."""


class LogProgress(NamedTuple):
    """How far the write-ahead log is written."""

    salts: bytes
    """Others whenever it is begun anew."""
    frames: int
    """Pages written since then, each as often as it was written."""


def log_written(path: Path) -> int:
    """Give when the write-ahead log of a database was last written (ns; 0: there is none)."""
    try:
        return os.stat(f"{path}-wal").st_mtime_ns  # noqa: PTH116 - every half second
    except FileNotFoundError:
        return 0


def log_progress(path: Path) -> LogProgress:
    """Look how far the write-ahead log of a database is written.

    Its length does not tell: it is written from its beginning again and never becomes shorter. But
    each page has the salts of its time before it (https://www.sqlite.org/walformat.html, 4).
    The index of the log would tell at once, and must not be opened: closing it would end the locks
    that SQLite has on it in this process (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        with path.with_name(path.name + "-wal").open("rb", buffering=0) as log:
            size = os.fstat(log.fileno()).st_size
            head = os.pread(log.fileno(), _LOG_HEAD, 0)
            if len(head) < _LOG_HEAD:
                return LogProgress(b"", 0)
            salts = head[16:24]
            length = _FRAME_HEAD + int.from_bytes(head[8:12], "big")
            # The first frame of former times, by bisection: all before it are of this time.
            first = bisect_left(
                range((size - _LOG_HEAD) // length),
                True,
                key=lambda frame: _salts_at(log, _LOG_HEAD + frame * length) != salts,
            )
    except FileNotFoundError:
        return LogProgress(b"", 0)
    return LogProgress(salts, first)


def _salts_at(log: io.FileIO, frame: int) -> bytes:
    return os.pread(log.fileno(), 8, frame + 8)


def checkpoint(path: Path) -> bool:
    """Move the log's pages into the database with a connection of its own, blocking nobody.

    Gives whether these were all; then the next commit begins the log anew.

    Raises:
        StoreUnavailable: the disk or the file refuses.
    """
    try:
        connection = sqlite3.connect(path, timeout=0.1, isolation_level=None)
        try:
            # https://www.sqlite.org/pragma.html#pragma_wal_checkpoint
            row = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise explain(error) from error
    busy, frames, moved = row
    return not busy and frames == moved


def seen(path: Path) -> Seen:
    """Read which events and contacts the journal's index has.

    Raises:
        StoreUnavailable: the file cannot be read.
    """
    try:
        return read(path)
    except sqlite3.Error as error:
        raise explain(error) from error


def backup(source: Path, target: Path) -> int:
    """Copy a database while a server writes to it; give the bytes of the copy.

    Raises:
        StoreUnavailable: a file cannot be read or written.
    """
    if not source.exists():
        raise StoreUnavailable(f"there is no database at {source}")
    require_own_name(source)
    require_log(source)
    leave_strange_logs(source)
    _recover(source)
    await_catch_up(source)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    # Customers' names and numbers are in it: nobody else may read it.
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(part)) as writing:
            # All in one step: between steps a commit of the server would make it start again.
            # A reader does not hold up the writer (https://www.sqlite.org/wal.html#concurrency).
            reading.backup(writing)
            belonging.take_mark_away(writing)
    except sqlite3.Error as error:
        part.unlink(missing_ok=True)
        raise explain(error) from error
    part.replace(target)
    return target.stat().st_size


def _recover(path: Path) -> None:
    if _redo_size(path):
        database = Database(str(path))
        try:
            recover(database)
        finally:
            database.close()


def _redo_size(path: Path) -> int:
    file = path.with_name(path.name + REDO_SUFFIX)
    return file.stat().st_size if file.exists() else 0


def recover(database: Database) -> None:
    """Take in what a server that was killed has left in its redo log, unless one runs now.

    Raises:
        StoreUnavailable: the disk or the file refuses.
    """
    if _redo_size(database.path):
        with suppress(StoreTaken):  # by the server that runs, which catches up within a moment
            database.recover()


def await_catch_up(path: Path) -> bool:
    """Wait until a server that runs has begun its redo log anew: then the file has what it took.

    False where there is nothing to wait for, or the server does not come to it (its disk is full).
    """
    before = redo_progress(path)
    return before.holds and _patiently(lambda: redo_progress(path).cycle != before.cycle)


def await_wipe(path: Path, before: redo.Progress) -> bool:
    """Wait until a server that runs has left nothing in its redo log of what was there `before`.

    False as `await_catch_up`.
    """
    return is_locked(path) and _patiently(lambda: redo_progress(path).wipes != before.wipes)


def redo_progress(path: Path) -> redo.Progress:
    """Look how far a server has come with its redo log."""
    return redo.progress(path.with_name(path.name + REDO_SUFFIX))


def _patiently(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _CATCH_UP_PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def require_log(path: Path) -> None:
    """See that a server which runs has its log: who opens the database would make another.

    The index of the log is shared: what was written to the new one would spoil the database when
    the server goes (`keep_from_last_checkpoint` keeps it from that). A server that begins or ends
    has none for a moment.

    Raises:
        LogGone: it has been deleted.
    """
    log = path.with_name(path.name + "-wal")
    if serves(path) or (
        _patiently(lambda: log.exists() or not is_locked(path)) and not is_log_gone(path)
    ):
        return
    raise LogGone(f"somebody has deleted {log} under the server that runs: restart the server")


def leave_strange_logs(path: Path) -> None:
    """Lay aside the logs of another database, and say so, unless a server runs.

    To be called before the database is opened.

    Raises:
        StoreUnavailable: they cannot be renamed.
    """
    if not belonging.is_another(path):
        return
    try:
        descriptor = lock(path)
    except StoreTaken:
        return  # by a server that has done it
    try:
        adopt(path)
    finally:
        os.close(descriptor)


def adopt(path: Path) -> None:
    """Do what `leave_strange_logs` does, for who holds the lock."""
    try:
        if belonging.is_another(path):
            belonging.tell(path, belonging.adopt(path))
    except OSError as error:
        raise explain(error, path) from error


def beat(cursor: sqlite3.Cursor, now: datetime) -> None:
    """Write the one row of the heartbeat: proof that the disk takes writes."""
    cursor.execute("INSERT OR REPLACE INTO heartbeat (id, at) VALUES (1, ?)", (micros(now),))
