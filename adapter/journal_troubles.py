"""Know what the journal refuses, and log once when that begins and once when it is over.

There are three kinds. The database refuses: senders are told 503. Only the redo log refuses (its
disk or quota is full, it was made unwritable): the database commits what would have gone there,
which is as durable but slower. The disk could not keep what was written: then this process promises
nothing any more.
"""

from __future__ import annotations

import time

import structlog

from adapter.batch import Batch
from adapter.errors import StoreUnavailable
from adapter.metrics import Metrics
from adapter.store.failures import StoreBusy, StoreCorrupt
from adapter.timer import Timer
from adapter.upkeep import Upkeep

log = structlog.get_logger()

RETRY = 1.0
"""Seconds after which the redo log is tried again: a full disk may be slow to refuse."""

QUIET = 5.0
"""Seconds for which it must take events, and refuse none, before it counts as working: a full disk
may have room for a small event."""


class Troubles:
    """What one journal refuses just now. Used by the event loop that commits."""

    def __init__(self, upkeep: Upkeep, metrics: Metrics) -> None:
        self._upkeep = upkeep
        self._metrics = metrics
        self.is_any = False
        """Whether there is any trouble; while there is none, nothing else here need be asked."""
        self.failure: StoreUnavailable | None = None
        """Why the last commit failed; None while the journal works."""
        self._lost: StoreUnavailable | None = None
        """What the disk could not keep: nothing may be built on it in this process."""
        self._redo_since: float | None = None
        """When the redo log began to refuse."""
        self._rows = 0
        """Rows that the database has taken in its place since then."""
        self._end_timer = Timer(self._end_redo_trouble)
        """Set while it takes events again but may yet refuse one."""

    def raise_final(self) -> None:
        """Refuse if no further attempt can succeed; raises `StoreUnavailable`."""
        if self._lost is not None:
            raise StoreUnavailable(f"{self._lost}; restart the server", retry_after=30)
        if isinstance(self.failure, StoreCorrupt):
            # Other pages may still take writes, but the file is to be replaced by a backup.
            raise StoreCorrupt(str(self.failure), retry_after=self.failure.retry_after)

    def lost(self, error: StoreUnavailable) -> None:
        """Note that the disk could not keep what was committed."""
        if self._lost is None:
            log.critical("the disk refuses", error=str(error))
        self._lost = self.failure = error
        self.is_any = True
        self._metrics.store_failures.inc()

    def refused(self, error: StoreUnavailable) -> None:
        """Note that a commit failed."""
        if isinstance(error, StoreBusy):  # it passes by itself
            return
        if self.failure is None:
            log.critical("the journal refuses", error=str(error))
        self.failure = error
        self.is_any = True
        self._metrics.store_failures.inc()

    def committed(self, batch: Batch) -> None:
        """Note which troubles a successful commit ends, or begins to end, while there is any."""
        if batch.transaction is None and not batch.rows:
            return  # a commit that wrote nothing proves nothing
        if self.failure is not None:
            log.info("the journal works again")
            self.failure = None
        if self._redo_since is not None:
            if batch.transaction is not None:
                self._rows += batch.rows
            elif not self._end_timer.is_set:
                self._end_timer.set(QUIET)
        self._update()

    def redo_refused(self, error: StoreUnavailable) -> None:
        """Note that the redo log refuses; the database may refuse as well."""
        if self._redo_since is None:
            log.error("the redo log refuses; the database takes its place", error=str(error))
            self._redo_since = time.monotonic()
            self._rows = 0
            self.is_any = True
        self._end_timer.stop()
        self._metrics.store_failures.inc()
        self._upkeep.avoid_redo(RETRY)

    def _end_redo_trouble(self) -> None:
        seconds = round(time.monotonic() - (self._redo_since or 0.0))
        log.info("the redo log takes events again", seconds=seconds, by_database=self._rows)
        self._redo_since = None
        self._update()

    def _update(self) -> None:
        kinds = (self.failure, self._lost, self._redo_since)
        self.is_any = any(each is not None for each in kinds)
