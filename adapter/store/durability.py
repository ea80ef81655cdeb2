"""Keep what was committed: rows in the redo log until the database has them, both on the disk.

Where a commit must outlive a loss of power, the file that it was written to is synced before
anybody is told: the redo log, or the log of SQLite. What is written into the database behind the
commits is promised by the redo log, and synced before that begins anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from adapter.errors import StoreUnavailable
from adapter.store.journal.redo import RedoLog
from adapter.store.journal.waiting import Row
from adapter.store.syncing import DiskSync

SYNC_EVERY = 0.1
"""Seconds between two syncs of the database's log that are for the redo log's sake: under load the
database takes rows from it many times more often."""

LONGEST_DELAY = 1.0
"""Seconds after which the loop itself waits for a slow disk, so that the redo log begins anew."""


class Durability:
    """The redo log of one database, and the waiting for the disk."""

    def __init__(self) -> None:
        self.redo: RedoLog | None = None
        """None where this process does not write the journal."""
        self.disk: DiskSync | None = None
        """Waits for the disk; None where a commit need not outlive a loss of power."""
        self._log: int | None = None
        """The log of SQLite, where it is to be synced."""
        self._unsynced: set[int] = set()
        """The files that hold what somebody is to be told of, and that the disk may lack."""
        self._commits = 0
        self._on_disk = 0
        """Commits of the database, and how many of them the disk has for sure."""
        self._needed = 0
        """The last of them that took rows out of the redo log."""
        self._asked = 0
        """How many it has when what was asked for is done."""
        self._is_log_asked = False
        self._is_wipe_due = False
        """Whether what was in the redo log was erased meanwhile."""
        self._begun_at = 0.0
        self._is_late_since: float | None = None
        """Since when the redo log could begin anew, but for the disk."""
        self._failed: StoreUnavailable | None = None
        """What the disk could not keep."""

    def outlive_power(self, log: Path) -> DiskSync:
        """From now on see to it that commits outlive a loss of power; give what waits for it."""
        self._log = os.open(log, os.O_RDWR)
        self.disk = DiskSync()
        return self.disk

    def open_redo(self, path: Path) -> list[Row]:
        """Open the redo log and give what a crash left in it; raises as `RedoLog` does."""
        redo = RedoLog(path)
        try:
            left = redo.read()
        except OSError:
            redo.close()
            raise
        self.redo = redo
        return left

    def close_redo(self) -> None:
        """Leave the redo log to others."""
        if self.redo is not None:
            self.redo.close()
            self.redo = None

    def waiting(self, most: int | None = None) -> list[Row]:
        """Give the rows that the database lacks, the oldest first."""
        rows: list[Row] = [] if self.redo is None else self.redo.rows
        return rows if most is None else rows[:most]

    @property
    def is_new(self) -> bool:
        """Whether the redo log holds nothing that a restart would read."""
        return self.redo is None or not self.redo.is_used

    @property
    def is_long(self) -> bool:
        """Whether the redo log has grown so much that it must begin anew."""
        return self.redo is not None and self.redo.is_long

    def keep(self, rows: list[Row]) -> None:
        """Make rows of the journal durable; raises `OSError`, and then keeps nothing."""
        redo = self.redo
        assert redo is not None  # noqa: S101 - only who serves writes the journal
        if redo.is_used and not redo.rows and self._is_on_disk:  # it could not be before
            self._begin()
        redo.append(rows)
        if self._log is not None:
            self._unsynced.add(redo.descriptor)

    def committed(self, taken: int, *, promised: bool) -> None:
        """Note that the database has committed, with the oldest rows that waited.

        `promised`: somebody is to be told of it, when the disk has it.
        """
        self._commits += 1
        if self.redo is not None and taken:
            del self.redo.rows[:taken]
            self._needed = self._commits
        if self._log is None:
            self._on_disk = self._commits  # as far as it is to be
            self._clear()
        elif promised:
            self._unsynced.add(self._log)

    def sync(self) -> None:
        """Wait until the disk has all that somebody is to be told of.

        Raises:
            StoreUnavailable: the disk cannot keep it, or could not at some time before.
        """
        for descriptor in sorted(self._unsynced):
            self._sync_now(descriptor)
        if self._failed is not None:
            raise self._failed
        self.on_disk()

    def sync_later(self, done: Callable[[StoreUnavailable | None], None]) -> bool:
        """Do what `sync` does in a thread; False where `sync` is quick or has nothing to do.

        `on_disk` is to be called when it is done, unless somebody has called `sync` meanwhile.
        """
        if self.disk is None or not self._unsynced or self.disk.is_quick or self._failed:
            return False
        if self._log in self._unsynced:
            self._asked = self._commits
        self.disk.ask(sorted(self._unsynced), done)
        return True

    def on_disk(self) -> None:
        """Note that the disk has all that somebody is to be told of."""
        self._unsynced.clear()
        self._on_disk = max(self._on_disk, self._asked)
        self._clear()

    def begin_anew(self, *, in_thread: bool = False) -> None:
        """Begin the redo log anew where the database has all of it, on the disk if it must be.

        `in_thread`: not too often, and a slow disk is waited for in a thread, unless that takes too
        long because new rows come in meanwhile.

        Raises:
            StoreUnavailable: the disk cannot keep it.
        """
        if not self._is_done or (in_thread and self._is_too_soon):
            return
        if not self._is_on_disk and self._log is not None and self.disk is not None:
            if in_thread and not self.disk.is_quick and not self._is_too_late:
                self._ask_for_log(self.disk, self._log)
                return
            self._sync_now(self._log)
            if self._failed is not None:
                raise self._failed
            self._on_disk = self._asked
        self._clear()

    def wipe(self) -> None:
        """Leave nothing in the redo log of what the database has: now, or when it begins anew."""
        self._is_wipe_due = True
        if self.redo is not None and not self.redo.is_used:
            with suppress(OSError):
                self._begin()

    def close(self) -> None:
        """Close all files; the database has taken what waits, or the next start will."""
        if self.disk is not None:
            self.disk.close()
        with suppress(StoreUnavailable):
            self.begin_anew()
        if self._log is not None:
            os.close(self._log)
            self._log = None
        self.close_redo()

    @property
    def _is_done(self) -> bool:
        """Whether the database has all that the redo log holds."""
        return self.redo is not None and self.redo.is_used and not self.redo.rows

    @property
    def _is_on_disk(self) -> bool:
        """Whether the disk has what the database took out of the redo log, if it must."""
        return self._on_disk >= self._needed

    def _clear(self) -> None:
        if self._is_done and self._is_on_disk:
            with suppress(OSError):  # tried again before the next row is kept there
                self._begin()

    def _begin(self) -> None:
        if self.redo is None:
            return
        if self._is_wipe_due:
            self.redo.wipe()
        else:
            self.redo.clear()
        self._is_wipe_due = False
        self._begun_at = time.monotonic()
        self._is_late_since = None

    @property
    def _is_too_soon(self) -> bool:
        return time.monotonic() - self._begun_at < SYNC_EVERY and not self._is_on_disk

    @property
    def _is_too_late(self) -> bool:
        now = time.monotonic()
        if self._is_late_since is None:
            self._is_late_since = now
        return now - self._is_late_since > LONGEST_DELAY or self.is_long

    def _sync_now(self, descriptor: int) -> None:
        if self.disk is None:
            return
        error = self.disk.now(descriptor)
        if error is not None:
            self._failed = error
        elif descriptor == self._log:
            self._asked = self._commits

    def _ask_for_log(self, disk: DiskSync, log: int) -> None:
        if self._is_log_asked:
            return
        self._is_log_asked = True
        commits = self._commits

        def done(error: StoreUnavailable | None) -> None:
            self._is_log_asked = False
            if error is not None:
                self._failed = error  # whoever commits next is told
                return
            self._on_disk = max(self._on_disk, commits)
            self._clear()

        disk.ask([log], done)
