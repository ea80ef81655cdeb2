"""Keep what was committed: rows in the redo log until the database has them, and both on the disk.

If a commit must survive a loss of power, the file that it was written to (the redo log, or SQLite's
log) is synced before anybody is told. What is written into the database behind the commits is safe
in the redo log, and is synced before the redo log begins its next cycle.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from adapter.errors import StoreUnavailable
from adapter.store.failures import explain
from adapter.store.journal.backlog import Row
from adapter.store.journal.redo import RedoLog
from adapter.store.syncing import DiskSync

SYNC_EVERY = 0.1
"""Seconds at least between two syncs of SQLite's log for the redo log's sake: under load the
database takes rows from the redo log many times more often."""

LONGEST_DELAY = 1.0
"""Seconds after which the loop itself waits for a slow disk, so that the next cycle begins at
all."""


class Durability:
    """The redo log of one database, and what still has to reach the disk.

    The commits of the database are counted: `_commits` were made, and the first `_on_disk` of them
    are on the disk for sure. When the sync that was asked for is done, the first `_asked` will be.
    The last commit that took rows out of the redo log was number `_needed`. So the redo log may
    begin its next cycle when no row waits in it and `_on_disk >= _needed`.

    After a sync that failed it never does: it may hold the only copy that is on the disk.
    """

    def __init__(self) -> None:
        self._redo: RedoLog | None = None
        """None if this process does not write the journal."""
        self.backlog: list[Row] = []
        """The rows that the redo log has and the database lacks, the oldest first."""
        self.disk: DiskSync | None = None
        """Waits for the disk; None if a commit need not survive a loss of power."""
        self._wal: int | None = None
        """The descriptor of SQLite's log; None as with `disk`."""
        self._unsynced: set[int] = set()
        """The files with commits that somebody will be told of and that may not be on the disk
        yet."""
        self._commits = self._on_disk = self._asked = self._needed = 0
        self._is_wal_asked = False
        """Whether a thread is syncing SQLite's log for the next cycle."""
        self._is_wipe_due = False
        """Whether something that was in the redo log has been erased."""
        self._cycle_began = 0.0
        self._late_since: float | None = None
        """Since when only the disk has been holding up the next cycle."""

    def outlive_power(self, log: Path) -> None:
        """Make commits survive a loss of power from now on; `log` is SQLite's."""
        self._wal = os.open(log, os.O_RDWR)
        self.disk = DiskSync()

    def open_redo(self, path: Path) -> list[Row]:
        """Open the redo log and give what a crash left in it; raises as `RedoLog` does."""
        redo = RedoLog(path)
        try:
            left = redo.read()
        except OSError:
            redo.close()
            raise
        self._redo = redo
        return left

    def close_redo(self) -> None:
        """Leave the redo log to others."""
        if self._redo is not None:
            self._redo.close()
            self._redo = None
            self.backlog = []

    @property
    def is_redo_used(self) -> bool:
        """Whether the redo log holds anything that a restart would read."""
        return self._redo is not None and self._redo.is_used

    @property
    def is_redo_long(self) -> bool:
        """Whether the redo log has grown so much that its next cycle must begin."""
        return self._redo is not None and self._redo.is_long

    def keep(self, rows: list[Row]) -> None:
        """Make rows of the journal durable without a transaction; the next one writes them.

        Raises:
            StoreUnavailable: the disk or the file refuses. Nothing is kept.
        """
        redo = self._redo
        assert redo is not None  # noqa: S101 - only who serves writes the journal
        try:
            if redo.is_used and not self.backlog and self._is_on_disk:  # an earlier try failed
                self._begin_cycle()
            redo.append(rows)
        except OSError as error:
            raise explain(error) from error
        self.backlog += rows
        if self._wal is not None:
            self._unsynced.add(redo.descriptor)

    def committed(self, taken: int, *, promised: bool) -> None:
        """Note that the database has committed, including the `taken` oldest rows of the backlog.

        `promised`: somebody will be told of it when it is on the disk.
        """
        self._commits += 1
        if taken:
            del self.backlog[:taken]
            self._needed = self._commits
        if self._wal is None:
            self._on_disk = self._commits  # as far as it has to be
            self._begin_cycle_if_done()
        elif promised:
            self._unsynced.add(self._wal)

    def sync(self) -> None:
        """Wait until everything that somebody will be told of is on the disk.

        Raises:
            StoreUnavailable: the disk cannot keep it, or once could not.
        """
        for descriptor in sorted(self._unsynced):
            self._sync_now(descriptor)
        if (failure := self._failure) is not None:
            raise failure
        self.note_synced()

    def sync_later(self, done: Callable[[StoreUnavailable | None], None]) -> bool:
        """Do what `sync` does in a thread; False if `sync` is quick or has nothing to do.

        Once it is done, call `note_synced`, unless somebody has called `sync` meanwhile.
        """
        if self.disk is None or not self._unsynced or self.disk.is_quick or self.disk.failure:
            return False
        if self._wal in self._unsynced:
            self._asked = self._commits
        self.disk.ask(sorted(self._unsynced), done)
        return True

    def note_synced(self) -> None:
        """Note that everything that somebody will be told of is on the disk."""
        self._unsynced.clear()
        self._on_disk = max(self._on_disk, self._asked)
        self._begin_cycle_if_done()

    def sync_and_begin_cycle(self, *, in_thread: bool) -> None:
        """Begin the redo log's next cycle if the database has all rows, synced where required.

        `in_thread`: do so not too often, and wait for a slow disk in a thread, unless that takes
        too long because new rows keep coming in.

        Raises:
            StoreUnavailable: the disk cannot keep it.
        """
        if not self._is_done or self._failure or (in_thread and self._is_too_soon):
            return
        if not self._is_on_disk and self._wal is not None and self.disk is not None:
            if self._late_since is None:
                self._late_since = time.monotonic()
            if in_thread and not self.disk.is_quick and not self._is_too_late:
                self._ask_for_wal(self.disk, self._wal)
                return
            self._sync_now(self._wal)
            if (failure := self._failure) is not None:
                raise failure
            self._on_disk = self._asked
        self._begin_cycle_if_done()

    def wipe(self) -> None:
        """Remove from the redo log what the database has: now, or with the next cycle."""
        self._is_wipe_due = True
        if self._redo is not None and not self._redo.is_used:
            with suppress(OSError):
                self._begin_cycle()

    def close(self) -> None:
        """Close all files; the database has taken the backlog, or the next start will."""
        if self.disk is not None:
            self.disk.close()
        with suppress(StoreUnavailable):
            self.sync_and_begin_cycle(in_thread=False)
        if self._wal is not None:
            os.close(self._wal)
            self._wal = None
        self.close_redo()

    @property
    def is_cycle_awaited(self) -> bool:
        """Whether the redo log still has to begin its next cycle, and may in this process."""
        return self.is_redo_used and self._failure is None

    @property
    def _failure(self) -> StoreUnavailable | None:
        """The error of a sync that failed."""
        return None if self.disk is None else self.disk.failure

    @property
    def _is_done(self) -> bool:
        """Whether the database has all that the redo log holds."""
        return self.is_redo_used and not self.backlog

    @property
    def _is_on_disk(self) -> bool:
        """Whether what the database took out of the redo log is on the disk, if it must be."""
        return self._on_disk >= self._needed

    def _begin_cycle_if_done(self) -> None:
        if self._is_done and self._is_on_disk:
            with suppress(OSError):  # tried again before the next row is kept there
                self._begin_cycle()

    def _begin_cycle(self) -> None:
        if self._redo is None or self._failure:
            return
        if self._is_wipe_due:
            self._redo.wipe()
        else:
            self._redo.begin_cycle()
        self._is_wipe_due = False
        self._cycle_began = time.monotonic()
        self._late_since = None

    @property
    def _is_too_soon(self) -> bool:
        return time.monotonic() - self._cycle_began < SYNC_EVERY and not self._is_on_disk

    @property
    def _is_too_late(self) -> bool:
        waited = 0.0 if self._late_since is None else time.monotonic() - self._late_since
        return waited > LONGEST_DELAY or self.is_redo_long

    def _sync_now(self, descriptor: int) -> None:
        if self.disk is None:
            return
        if self.disk.now(descriptor) is None and descriptor == self._wal:
            self._asked = self._commits

    def _ask_for_wal(self, disk: DiskSync, wal: int) -> None:
        if self._is_wal_asked:
            return
        commits = self._commits

        def done(error: StoreUnavailable | None) -> None:
            self._is_wal_asked = False
            if error is None:  # otherwise the next commit, which syncs too, is told
                self._on_disk = max(self._on_disk, commits)
                self._begin_cycle_if_done()

        disk.ask([wal], done)
        self._is_wal_asked = True
