"""See that the paths of a database still name the files that are open."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from adapter.errors import StoreUnavailable
from adapter.store.failures import explain

_CLOCK_TICK: Final = 50_000_000
"""Nanoseconds: several times the step of a file system's clock."""


class WatchedFiles:
    """A database and what lies beside it, in one folder."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._folder = str(database.parent)
        self._known: dict[str, tuple[int, int] | None] = {}
        self._folder_seen: tuple[int, int] | None = None
        """The folder when its files were last looked at one by one."""
        self.is_quiet = False
        """Whether the folder was as before at the last look. An erasure changes it (`announce`)."""
        self.watch(str(database))

    def watch(self, path: str) -> None:
        """Take the file that is there for the one that is open."""
        self._known[path] = _identity(path)

    def is_gone(self, path: str) -> bool:
        """Whether a file that is watched is not there, or another is."""
        return path in self._known and _identity(path) != self._known[path]

    def check(self) -> None:
        """See that all are there.

        Raises:
            StoreUnavailable: one was moved or deleted: commits to it would succeed and be lost.
        """
        # Nothing was moved or deleted in a folder that did not change: one look instead of three.
        folder = _changed(self._folder)
        self.is_quiet = folder is not None and folder == self._folder_seen
        if self.is_quiet:
            return
        self._folder_seen = None
        for path, known in self._known.items():
            if _identity(path) != known:
                raise self._why_gone(path)
        # What happens within a tick of the clock may leave the time of the folder as it was.
        # Of one that is in the future the clock was set back since, and a change now shows.
        if folder is not None and abs(time.time_ns() - folder[1]) > _CLOCK_TICK:
            self._folder_seen = folder

    def _why_gone(self, path: str) -> StoreUnavailable:
        try:
            Path(path).stat()
        except FileNotFoundError:
            pass
        except OSError as error:  # a folder that nobody may look into, a disk that is gone
            return explain(error, self._database)
        return StoreUnavailable(f"the database file {path} was moved or deleted", retry_after=30)


def announce(path: Path) -> None:
    """Change the folder of a database, so that a server notices that something was erased.

    Its `check` finds the folder changed, and takes it for changed until the file system's clock is
    past that moment for sure.
    """
    mark = path.with_name(path.name + "-erased")
    mark.touch()
    mark.unlink(missing_ok=True)


def _changed(path: str) -> tuple[int, int] | None:
    """Tell a folder by its number and the time of its last change, in nanoseconds."""
    try:
        found = os.stat(path)  # noqa: PTH116 - as below
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - often, and a Path costs as much again
    except OSError:
        return None
    return found.st_dev, found.st_ino
