"""Hold a database for one server: by the lock file beside it, and by the file itself.

The kernel lets go of every lock when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from adapter.store import belonging
from adapter.store.failures import StoreTaken
from adapter.store.paths import create_private

_OUR_BYTE: Final = 1 << 62
"""SQLite's are at 2**30, and no database is as long as this."""

_LOG_BYTE: Final = _OUR_BYTE + 1
"""Locked by a server whose log somebody has deleted."""

_SHARED_BYTES: Final = (0x40000002, 510)
"""What SQLite locks of a file to read it, and to have it alone: where it begins, how long it is
(`SHARED_FIRST`, `SHARED_SIZE` of its os.h)."""

_LOCKED: Final[dict[Path, int]] = {}
"""Descriptors of databases that this process serves: never closed (`lock_file`)."""

_SERVED: Final[set[Path]] = set()
"""These, and those that cannot be opened to write: then it does not come to serving."""


def is_locked(path: Path) -> bool:
    """Whether a server has this database file now."""
    try:
        descriptor = os.open(path.with_name(path.name + belonging.LOCK_SUFFIX), os.O_RDONLY)
    except OSError:
        return False  # a server makes it and leaves it there
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def lock(path: Path) -> int:
    """Take the lock that one server holds for one database file; give its descriptor.

    The kernel lets go of it when the process ends, however it ends (flock).

    Raises:
        StoreUnavailable: another server has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(
        path.with_name(path.name + belonging.LOCK_SUFFIX), os.O_RDWR | os.O_CREAT, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreTaken(f"another server is using the database {path}") from error
    return descriptor


def lock_file(path: Path) -> None:
    """Keep a second server away that knows the database by another name, until this process ends.

    Each name has a lock and logs of its own: two servers would write over each other's pages. It
    is not unlocked, because to close the file would end the locks that SQLite has on it
    (https://www.sqlite.org/howtocorrupt.html, 2.2); for the same reason this comes first.

    Raises:
        StoreUnavailable: another server has it.
    """
    create_private(path)
    _SERVED.add(path)
    with suppress(OSError):  # who opens it to write says why it cannot be
        _LOCKED[path] = os.open(path, os.O_RDWR)
        try:
            _lock_bytes(_LOCKED[path], fcntl.F_WRLCK)
        except BlockingIOError as error:
            raise StoreTaken(
                f"another server is using the database {path} by another name (a hard link)"
            ) from error


def serves(path: Path) -> bool:
    """Whether this very process serves the database."""
    return path in _SERVED


def keep_from_last_checkpoint(path: Path) -> None:
    """Have no connection take itself for the last one of a database that this process serves.

    The last one moves the pages of its log into the database as it closes, by the index that all
    connections share. Where somebody has deleted the log, and another program has then written to
    a new one, that index is of the other log: pages of one would go to the places of another's.
    Commands know it by a byte that is locked too (`is_log_gone`).
    """
    descriptor = _LOCKED.get(path)
    if descriptor is not None:
        for kind, start, length in ((fcntl.F_RDLCK, *_SHARED_BYTES), (fcntl.F_WRLCK, _LOG_BYTE, 1)):
            with suppress(OSError):
                _lock_bytes(descriptor, kind, start, length)


def is_log_gone(path: Path) -> bool:
    """Whether a server has said that the log of its database was deleted.

    To be called before the database is opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False  # who opens it to write says why it cannot be
    try:
        _lock_bytes(descriptor, fcntl.F_RDLCK, _LOG_BYTE)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without such locks
    finally:
        os.close(descriptor)
    return False


def _lock_bytes(descriptor: int, kind: int, start: int = _OUR_BYTE, length: int = 1) -> None:
    """Lock bytes of a database, else one far behind those of SQLite; raises `BlockingIOError`.

    Not the whole file: on NFS that is SQLite's bytes too (flock(2)). The lock is the descriptor's
    own and not the process's (fcntl(2), open file description locks).
    """
    asked = struct.pack("hhqqi", kind, os.SEEK_SET, start, length, 0)  # struct flock
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, asked)
    except PermissionError as error:  # EACCES, which fcntl(2) allows too
        raise BlockingIOError(*error.args) from error


def names(path: Path) -> int:
    """Give how many names a database has: there should be one (hard links)."""
    try:
        return path.stat().st_nlink
    except OSError:
        return 1


def require_own_name(path: Path) -> None:
    """See that no server has the database by another name, which has other logs.

    To be called before the database is opened.

    Raises:
        StoreTaken: one has it.
    """
    if names(path) == 1 or is_locked(path):
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return  # who opens it to write says why it cannot be
    try:
        with suppress(OSError):  # a file system without such locks
            try:
                _lock_bytes(descriptor, fcntl.F_RDLCK)
            except BlockingIOError as error:
                raise StoreTaken(
                    f"a server is using the database {path} by another name (a hard link): "
                    "use that name"
                ) from error
    finally:
        os.close(descriptor)
