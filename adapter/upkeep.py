"""Write behind the commits what can wait: rows from the redo log, and the journal's index.

Everything here may be late without anything being lost; what is missing in the database is in the
redo log, and what is missing in the index is in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from adapter.errors import StoreUnavailable
from adapter.store import journal
from adapter.store.database import Database
from adapter.store.failures import StoreBusy

log = structlog.get_logger()

CATCH_UP_DELAY = 0.1
"""Seconds for which rows may wait in the redo log: so old is what another process reads."""

MOST_WAITING = 256
"""Rows that are gathered there at most: about a millisecond of the loop."""

BESIDE_OTHERS = 64
"""The same where several sources send, of which one may send very much: so long, a quarter of a
millisecond, may an event of the others find the loop busy. It is dearer than all at once."""

SLICE_ROWS = 512
"""Rows that are written at once where more wait, because the database was locked: two to three
milliseconds. Of very many it is a quarter, or a flood would let them become ever more."""

TOO_MANY = 20_000
"""Rows from which on events are refused while the database cannot take them."""

INDEX_ROWS = 65_536
"""Rows of the journal after which its index is written: many at once, because near ones share
pages and a contact's last row stands for those before it. A restart reads as many in less than a
second, and only floods come to so many within `INDEX_DELAY`."""

INDEX_SLICE = 0.0005
"""Seconds of the loop for which it is written, until other things have their turn; with the commit
it becomes up to twice as long."""

LONGER_SLICE = 0.0015
"""The same where so much comes in that each turn of the loop takes longer anyway: it is a third
cheaper to write more at once."""

BUSY = 32
"""Rows that wait a few milliseconds after others were written: then much comes in."""

INDEX_PAUSE = 0.002
"""Seconds until it goes on."""

INDEX_DELAY = 5.0
"""Seconds after which it is written though they are fewer, so that a restart finds little to do."""

RETRY = 0.02
"""Seconds until another program's lock is tried again."""


class Upkeep:
    """Timers over one database, on the event loop that commits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._catch_up_timer: asyncio.TimerHandle | None = None
        self._index_timer: asyncio.TimerHandle | None = None
        self._is_catch_up_due = False
        """Whether the timer is that of the next turn of the loop."""
        self._is_index_due = False
        self._writing: journal.IndexWriting | None = None
        """The index on its way."""
        self.are_several: Callable[[], bool] = lambda: False
        """Tells whether several sources send."""
        self._holds = 0
        self._refused = False
        """Whether the database did not take what waits, and no lock was the reason."""
        self._room = TOO_MANY
        """Rows that may wait in the redo log; none may while it is avoided, not even no row."""
        self.is_behind = False
        """Whether nothing more may go into the redo log before the database takes what waits."""

    def after_commit(self) -> None:
        """See to it that what was kept is written in time.

        Not in this turn of the loop: what was just sent is to leave the sockets first.
        """
        waiting = self._database.waiting
        if not waiting:
            self._refused = False
        elif waiting >= MOST_WAITING or (waiting >= BESIDE_OTHERS and self.are_several()):
            if not self._is_catch_up_due:
                self._catch_up_in(0.0)
        elif self._catch_up_timer is None:
            self._catch_up_in(CATCH_UP_DELAY)
        self.is_behind = self._refused or waiting > self._room
        if self._writing is None:
            self._see_to_index()

    def avoid_redo(self, seconds: float) -> None:
        """Have nothing go into the redo log for a while, because it refuses."""
        self._room, self.is_behind = -1, True
        asyncio.get_running_loop().call_later(seconds, self._try_redo_again)

    def _try_redo_again(self) -> None:
        self._room = TOO_MANY
        self.is_behind = self._refused or self._database.waiting > self._room

    def _see_to_index(self) -> None:
        if self._database.raw.tail.rows >= INDEX_ROWS:
            if not self._is_index_due:
                self._index_in(0.0)
        elif self._index_timer is None:
            self._index_in(INDEX_DELAY)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Write nothing meanwhile, so that a checkpoint finds an end and the log begins anew."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def catch_up(self) -> None:
        """Write what waits in the redo log into the database; raises `StoreUnavailable`."""
        self._database.catch_up()
        self._refused = False

    def is_much_waiting(self) -> bool:
        """Write some of what waits in the redo log where that is much; tell if it still is.

        Raises:
            StoreUnavailable: as `catch_up`.
        """
        if self._database.waiting > SLICE_ROWS:
            self._catch_up_some()
        return self._database.waiting > SLICE_ROWS

    def write_index(self) -> None:
        """Write at once all that the journal's index lacks, in a transaction of its own."""
        self._stop_index_timer()
        self._writing = None
        known = self._database.raw.tail
        if not known.rows and not known.pushes:
            return
        try:
            with self._database.transaction(promised=False) as cursor:
                journal.write_index(cursor)
        except StoreUnavailable as error:
            log.info("index not written yet", error=str(error))
            self._index_in(INDEX_DELAY)
        else:
            known.forget_written()
            self._refused = False

    def _index_in(self, seconds: float) -> None:
        self._stop_index_timer()
        self._is_index_due = not seconds
        self._index_timer = asyncio.get_running_loop().call_later(seconds, self._index_due)

    def _stop_index_timer(self) -> None:
        if self._index_timer is not None:
            self._index_timer.cancel()
            self._index_timer = None
        self._is_index_due = False

    def _index_due(self) -> None:
        self._index_timer = None
        self._is_index_due = False
        if self._holds:
            self._index_in(RETRY)
            return
        try:
            self._write_slice()
        except StoreUnavailable as error:
            log.info("index not written yet", error=str(error))
            self._index_in(INDEX_DELAY)

    def _write_slice(self) -> None:
        """Write what there is time for, and see to the rest."""
        if self._database.waiting > SLICE_ROWS:
            # The index must not be ahead of the journal, and all together would take too long.
            self._catch_up_some()
            self._index_in(INDEX_PAUSE)
            return
        known = self._database.raw.tail
        if self._writing is None or self._writing.is_stale:
            self._writing = None
            if not known.rows and not known.pushes:
                return
            self._writing = journal.IndexWriting(known)
        is_busy = self._database.waiting > BUSY and not self.are_several()
        seconds = LONGER_SLICE if is_busy else INDEX_SLICE
        with self._database.transaction(promised=False) as cursor:
            self._writing.write_some(cursor, seconds)
        self._writing.forget_written()
        self._refused = False
        if self._writing.is_done:
            self._writing = None
        else:
            self._index_in(INDEX_PAUSE)

    def _catch_up_in(self, seconds: float) -> None:
        if self._catch_up_timer is not None:
            self._catch_up_timer.cancel()
        self._is_catch_up_due = not seconds
        self._catch_up_timer = asyncio.get_running_loop().call_later(seconds, self._catch_up_due)

    def _catch_up_due(self) -> None:
        self._catch_up_timer = None
        self._is_catch_up_due = False
        if self._holds:
            self._catch_up_in(RETRY)
            return
        try:
            self._catch_up_some()
        except StoreBusy:
            self._catch_up_in(RETRY)
        except StoreUnavailable as error:
            # From now on events are committed by the database itself, which refuses them aloud.
            if not self._refused:
                log.warning("the redo log cannot be emptied", error=str(error))
            self._refused = self.is_behind = True
        else:
            if self._database.waiting:
                self._catch_up_in(0.0)
            elif not self._database.is_caught_up:  # the disk has to be waited for
                self._catch_up_in(CATCH_UP_DELAY)

    def _catch_up_some(self) -> None:
        # A share of what waits, so that no flood can keep it from becoming fewer.
        least = BESIDE_OTHERS if self.are_several() else SLICE_ROWS
        self._database.catch_up(max(least, self._database.waiting // 4))
        self._refused = False
