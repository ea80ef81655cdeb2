"""Know whether the logs beside a database are its own, and lay those of another aside.

A killed server leaves its logs. Whoever then puts a backup in the place of the database and leaves
them there would have SQLite write pages of the former database into it, and us rows: two histories
in one file. Neither log names the file that it belongs to. So each server that starts gives the
file a new mark (`PRAGMA user_version`), which a copy made by `backup` does not have, and keeps the
mark in the lock file beside it (docs/decisions/0019-marked-databases.md). A file whose mark it does
not know goes on from another time than its clients have seen: then a new epoch begins
(docs/decisions/0020-epochs.md).
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from adapter.store import installation
from adapter.store.failures import explain

LOCK_SUFFIX = ".lock"
"""Of the file that a server locks, which is never deleted."""

LOGS = ("-wal", "-shm", "-redo")
"""What lies beside a database; the second says nothing without the first."""

_LONGEST = 512
"""Bytes of the marks in the lock file: one sector, which is written whole or not at all."""

_MOST = 32
"""Marks that are kept at most."""


def begin_epoch_of_new(connection: sqlite3.Connection, path: Path) -> None:
    """Begin a new epoch where no server here has marked the file. To be called before it is marked.

    What it is known by may also be gone, with the lock file: then clients are told of a gap that
    there is not, which is better than the other way round.

    Raises:
        StoreUnavailable: the disk or the file refuses.
    """
    found = _mark_of(path)
    if found is None or found in _kept(path.with_name(path.name + LOCK_SUFFIX)):
        return
    try:
        # On the disk before the mark counts as known. Only in the log: a checkpoint would make the
        # file younger than that, as if it had been put there.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA synchronous=FULL")
        installation.begin_epoch(connection.cursor())
        connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error as error:
        raise explain(error, path) from error


def give_mark(connection: sqlite3.Connection, path: Path) -> None:
    """Mark the file for who serves it from now on; what the disk refuses is left as it is.

    All former marks go on to count until the new one is in the file itself, and not in its log: a
    reader or a full disk may hold checkpoints up over many starts, and a checkpoint that comes
    through in part may bring any of them. Of very many there is no new one until then.
    """
    known = path.with_name(path.name + LOCK_SUFFIX)
    with suppress(OSError, sqlite3.Error):
        (old,) = connection.execute("PRAGMA user_version").fetchone()
        former = {*_kept(known), _mark_of(path) or 0, int(old)}
        new = _new_mark() if len(former) < _MOST else int(old)
        _keep(known, (*former, new))
        connection.execute(f"PRAGMA user_version={new}")
        busy, frames, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if not busy and frames == moved:
            _keep(known, (new,))


def take_mark_away(connection: sqlite3.Connection) -> None:
    """Mark a copy as another file than the one that it was made of."""
    connection.execute(f"PRAGMA user_version={_new_mark()}")


def is_another(path: Path) -> bool:
    """Whether another file is in the place of the database that a server has marked.

    Where a log was written after the file was put there it is that file's own, whatever the marks
    say: a version that gives none may have served it, or it was brought to where another was. When
    a file was put somewhere nobody can pretend (`st_ctime`), as they can when it was written.
    """
    known = _kept(path.with_name(path.name + LOCK_SUFFIX))
    found = _mark_of(path) if known else None
    if found is None or found in map(abs, known):
        return False
    put = path.stat().st_ctime_ns
    return all(log.stat().st_mtime_ns <= put for log in _logs(path) if _size(log))


def adopt(path: Path) -> list[Path]:
    """Take the file for the database from now on, and lay aside what logs there are.

    Gives the new names of those that hold something. Only for who holds the lock, and before the
    database is opened.
    """
    logs = [each for each in _logs(path) if each.exists()]
    held = [each for each in logs if _size(each) and not each.name.endswith("-shm")]
    aside = {each: lay_aside(each) for each in logs} if held else {}
    _sync_folder(path.parent)  # before they count as gone: the mark would say that they are ours
    found = _mark_of(path)
    if found is not None:
        # Below zero: its logs are its own from now on, and the next server begins a new epoch.
        _keep(path.with_name(path.name + LOCK_SUFFIX), (-found,))
    return [aside[each] for each in held]


def lay_aside(log: Path) -> Path:
    """Give a log the name of something that is kept and not read."""
    aside = _aside(log)
    log.rename(aside)
    return aside


def copy_aside(log: Path) -> Path:
    """Do what `lay_aside` does for a log that goes on to be used."""
    aside = _aside(log)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(log.read_bytes())
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        aside.unlink()
        raise
    _sync_folder(aside.parent)
    return aside


def tell(path: Path, aside: list[Path]) -> None:
    """Say what was laid aside: in a server's log, or as a line of a command."""
    if aside:
        # Not by structlog, which says it to standard output where a command has not set it up.
        logging.getLogger("screenpop").warning(
            "%s is not the database that was here: what its logs held is not in it. It is kept in "
            "%s; delete that when nobody needs it, because it holds customers' data",
            path,
            ", ".join(str(each) for each in aside),
        )


def tell_rows(path: Path, aside: Path, count: int) -> None:
    """Say that rows of the redo log were laid aside with it."""
    logging.getLogger("screenpop").warning(
        "%d events in the redo log do not go on from what %s has: it is of another time, or the "
        "machine lost its power. They are kept in %s; delete that when nobody needs it, because it "
        "holds customers' data",
        count,
        path,
        aside,
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _aside(log: Path) -> Path:
    return log.with_name(f"{log.name}.aside-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")


def _new_mark() -> int:
    return secrets.randbelow(2**31 - 1) + 1  # never the 0 of a file that nobody has marked


def _mark_of(path: Path) -> int | None:
    """Read the mark in the file itself, whatever is in its log; None where there is none.

    By SQLite: to open and close the file otherwise would end the locks that SQLite may have on it
    in this process (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    if not _size(path):
        return None
    try:
        # Not even its log is looked at (https://www.sqlite.org/uri.html#uriimmutable).
        uri = f"{path.absolute().as_uri()}?immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as reading:
            (mark,) = reading.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return None  # who opens it says why
    return int(mark)


def _kept(file: Path) -> list[int]:
    try:
        return [int(word) for word in file.read_bytes()[:_LONGEST].split()]
    except (OSError, ValueError):
        return []


def _keep(file: Path, marks: Iterable[int]) -> None:
    """Write the marks so that they are on the disk before what follows is."""
    text = " ".join(str(each) for each in marks).encode().ljust(_LONGEST)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, text, 0)  # one sector: the old marks or the new ones
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _logs(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in LOGS]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
