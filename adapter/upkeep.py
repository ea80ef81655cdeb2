"""Write, behind the commits, what can wait: rows from the redo log, and the journal's index.

All of it may be late without loss: what the database lacks is in the redo log, and what the index
lacks is in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from adapter.errors import StoreUnavailable
from adapter.seldom import Seldom
from adapter.store import journal
from adapter.store.database import Database
from adapter.store.failures import StoreBusy
from adapter.timer import Timer

log = structlog.get_logger()

CATCH_UP_DELAY = 0.1
"""Seconds for which rows may stay in the backlog, and so how late another process may see them."""

MOST_WAITING = 256
"""Rows at which the backlog is written at once: about a millisecond of the loop."""

BESIDE_OTHERS = 64
"""The same while several sources send, one of them perhaps very much: the events of the others then
find the loop busy for a quarter of a millisecond at most. It costs more than writing all at
once."""

SLICE_ROWS = 512
"""Rows that are written in one go if the backlog has grown because the database was locked: two to
three milliseconds. Of a very large backlog it is a quarter, or a flood would let it grow for
ever."""

TOO_MANY = 20_000
"""Rows in the backlog above which each group needs the database, and so waits or is refused while
the database cannot take rows. Of large rows, fewer (`redo.LONG`)."""

INDEX_ROWS = 65_536
"""Rows of the journal after which its index is written: many at once, because near ones share
pages and a contact's last row stands for those before it. A restart reads as many in less than a
second, and only floods come to so many within `INDEX_DELAY`."""

INDEX_SLICE = 0.0005
"""Seconds for which the index is written before other things have their turn; with the commit, up
to twice as long."""

LONGER_SLICE = 0.0015
"""The same when so much comes in that each turn of the loop takes longer anyway: writing more at
once is a third cheaper."""

BUSY = 32
"""Rows in the backlog, a few milliseconds after it was written, above which much is coming in."""

INDEX_PAUSE = 0.002
"""Seconds between two slices of the index."""

INDEX_DELAY = 5.0
"""Seconds after which the index is written even if the rows are fewer, so that a restart finds
little to do."""

RETRY = 0.02
"""Seconds between attempts while another program holds the lock."""


class Upkeep:
    """Timers over one database, on the event loop that commits."""

    def __init__(self, database: Database, are_several: Callable[[], bool]) -> None:
        self._database = database
        self._durability = database.durability
        self._catch_up_timer = Timer(self._on_catch_up_timer)
        self._index_timer = Timer(self._on_index_timer)
        self._is_index_put_off = False
        """Whether the index must wait for its timer."""
        self._writing: journal.IndexWriting | None = None
        """The index that is being written, a slice at a time."""
        self.are_several = are_several
        """Tells whether several sources send."""
        self._holds = 0
        """How many callers want nothing written just now (`held`)."""
        self._is_refused = False
        """Whether the database refused the backlog for another reason than a lock."""
        self._avoids_redo = False
        """Whether nothing may go into the redo log, because it refused a moment ago."""
        self._mistakes = Seldom()

    def needs_database(self) -> bool:
        """Whether the next commit must be a transaction that also writes the whole backlog."""
        return (
            self._avoids_redo
            or self._is_refused
            or len(self._durability.backlog) > TOO_MANY
            or self._durability.is_redo_long
        )

    def may_commit(self) -> bool:
        """Whether the next group may be committed in this turn of the loop.

        If it would have to write a large backlog, a part of that is written instead.
        """
        before = len(self._durability.backlog)
        if before <= SLICE_ROWS or not self.needs_database():
            return True  # nearly always
        try:
            self._write_part_of_backlog()
        except StoreUnavailable:
            return True  # the commit meets it too
        return len(self._durability.backlog) >= before  # or this would go on for ever

    def after_commit(self) -> None:
        """Schedule the writing of what was committed.

        It is not done in this turn of the loop: what was just sent should leave the sockets first.
        """
        backlog = len(self._durability.backlog)
        if not backlog:
            self._is_refused = False
        elif backlog >= MOST_WAITING or (backlog >= BESIDE_OTHERS and self.are_several()):
            if not self._catch_up_timer.is_next:
                self._catch_up_timer.set(0.0)
        elif not self._catch_up_timer.is_set:
            self._catch_up_timer.set(CATCH_UP_DELAY)
        if self._writing is None and not self._is_index_put_off:
            self._schedule_index()

    def avoid_redo(self, seconds: float) -> None:
        """Keep away from the redo log for a while, because it refuses."""
        self._avoids_redo = True
        asyncio.get_running_loop().call_later(seconds, self._try_redo_again)

    def _try_redo_again(self) -> None:
        self._avoids_redo = False

    def _schedule_index(self) -> None:
        if self._database.raw.tail.rows >= INDEX_ROWS:
            if not self._index_timer.is_next:
                self._index_timer.set(0.0)
        elif not self._index_timer.is_set:
            self._index_timer.set(INDEX_DELAY)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Write nothing meanwhile, so that a checkpoint can finish and SQLite's log starts over."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def catch_up(self) -> None:
        """Write the backlog into the database; raises `StoreUnavailable`."""
        self._database.catch_up()
        self._is_refused = False

    def shrink_backlog(self) -> bool:
        """Write a part of the backlog if it is large; say whether it is small now.

        Raises:
            StoreUnavailable: as `catch_up`.
        """
        if len(self._durability.backlog) > SLICE_ROWS:
            self._write_part_of_backlog()
        return len(self._durability.backlog) <= SLICE_ROWS

    def write_index(self) -> None:
        """Write at once all that the journal's index lacks, in a transaction of its own."""
        self._index_timer.stop()
        self._is_index_put_off = False
        self._writing = None
        known = self._database.raw.tail
        if not known.rows and not known.pushes:
            return
        try:
            with self._database.transaction(promised=False) as cursor:
                journal.write_index(cursor)
        except StoreUnavailable as error:
            log.info("index not written yet", error=str(error))
            self._put_index_off()
        else:
            known.forget_written()
            self._is_refused = False

    def _on_index_timer(self) -> None:
        self._is_index_put_off = False
        if self._holds:
            self._index_timer.set(RETRY)
            return
        try:
            self._write_slice()
        except StoreUnavailable as error:
            log.info("index not written yet", error=str(error))
            self._put_index_off()
        except Exception:
            # It stays in memory and in the journal, so another try from the beginning writes all of
            # it.
            if (untold := self._mistakes.due()) is not None:
                log.exception("index not written; it is tried again", untold=untold)
            self._writing = None
            self._put_index_off()

    def _put_index_off(self) -> None:
        self._is_index_put_off = True
        self._index_timer.set(INDEX_DELAY)

    def _write_slice(self) -> None:
        """Write what there is time for, and schedule the rest."""
        if len(self._durability.backlog) > SLICE_ROWS:
            # The index must not be ahead of the journal, and writing both at once would take too
            # long.
            self._write_part_of_backlog()
            self._index_timer.set(INDEX_PAUSE)
            return
        known = self._database.raw.tail
        if self._writing is None or self._writing.is_stale:
            self._writing = None
            if not known.rows and not known.pushes:
                return
            self._writing = journal.IndexWriting(known)
        is_busy = len(self._durability.backlog) > BUSY and not self.are_several()
        seconds = LONGER_SLICE if is_busy else INDEX_SLICE
        with self._database.transaction(promised=False) as cursor:
            self._writing.write_some(cursor, seconds)
        self._writing.forget_written()
        self._is_refused = False
        if self._writing.is_done:
            self._writing = None
        else:
            self._index_timer.set(INDEX_PAUSE)

    def _on_catch_up_timer(self) -> None:
        if self._holds:
            self._catch_up_timer.set(RETRY)
            return
        try:
            self._write_part_of_backlog()
        except StoreBusy:
            self._catch_up_timer.set(RETRY)
        except StoreUnavailable as error:
            # From now on events are committed by the database itself, so their senders hear of
            # refusals.
            if not self._is_refused:
                log.warning("the redo log cannot be emptied", error=str(error))
            self._is_refused = True
        else:
            if self._durability.backlog:
                self._catch_up_timer.set(0.0)
            elif self._durability.is_cycle_awaited:  # it waits for the disk
                self._catch_up_timer.set(CATCH_UP_DELAY)

    def _write_part_of_backlog(self) -> None:
        # Of a large backlog a quarter, so that no flood can keep it from shrinking.
        least = BESIDE_OTHERS if self.are_several() else SLICE_ROWS
        self._database.catch_up(max(least, len(self._durability.backlog) // 4))
        self._is_refused = False
