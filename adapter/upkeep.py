"""Write behind the commits what can wait: rows from the redo log, and the journal's index.

Everything here may be late without anything being lost; what is missing in the database is in the
redo log, and what is missing in the index is in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from adapter.errors import StoreUnavailable
from adapter.store import journal
from adapter.store.database import Database, StoreBusy

log = structlog.get_logger()

CATCH_UP_DELAY = 0.1
"""Seconds for which rows may wait in the redo log: so old is what another process reads."""

MOST_WAITING = 2_048
"""Rows that are gathered there at most, some milliseconds of the loop."""

TOO_MANY = 20_000
"""Rows from which on events are refused while the database cannot take them."""

INDEX_ROWS = 4_096
"""Rows of the journal after which its index is written: many at once, because near ones share
pages; some twenty milliseconds of the loop."""

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
        self._holds = 0
        self._refused = False
        """Whether the database did not take what waits, and no lock was the reason."""

    @property
    def is_behind(self) -> bool:
        """Whether nothing more may go into the redo log before the database takes what waits."""
        return self._refused or self._database.waiting > TOO_MANY

    def after_commit(self) -> None:
        """See to it that what was kept is written in time.

        Not in this turn of the loop: what was just sent is to leave the sockets first.
        """
        waiting = self._database.waiting
        if not waiting:
            self._refused = False
        elif waiting >= MOST_WAITING:
            self._catch_up_in(0.0)
        elif self._catch_up_timer is None:
            self._catch_up_in(CATCH_UP_DELAY)
        if self._database.raw.tail.rows >= INDEX_ROWS:
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

    def write_index(self) -> None:
        """Write into the journal's index what it lacks, in a transaction of its own."""
        if self._index_timer is not None:
            self._index_timer.cancel()
            self._index_timer = None
        known = self._database.raw.tail
        if not known.rows and not known.pushes:
            return
        try:
            with self._database.transaction() as cursor:
                journal.write_index(cursor)
        except StoreUnavailable as error:
            log.info("index not written yet", error=str(error))
            self._index_in(INDEX_DELAY)
        else:
            known.forget_written()
            self._refused = False

    def _index_in(self, seconds: float) -> None:
        if self._index_timer is not None:
            self._index_timer.cancel()
        self._index_timer = asyncio.get_running_loop().call_later(seconds, self._index_due)

    def _index_due(self) -> None:
        self._index_timer = None
        if self._holds:
            self._index_in(RETRY)
        else:
            self.write_index()

    def _catch_up_in(self, seconds: float) -> None:
        if self._catch_up_timer is not None:
            self._catch_up_timer.cancel()
        self._catch_up_timer = asyncio.get_running_loop().call_later(seconds, self._catch_up_due)

    def _catch_up_due(self) -> None:
        self._catch_up_timer = None
        if self._holds:
            self._catch_up_in(RETRY)
            return
        try:
            self.catch_up()
        except StoreBusy:
            self._catch_up_in(RETRY)
        except StoreUnavailable as error:
            # From now on events are committed by the database itself, which refuses them aloud.
            log.warning("the redo log cannot be emptied", error=str(error))
            self._refused = True
