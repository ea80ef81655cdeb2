"""Do jobs in one transaction: all that they stage is committed together, or nothing of it.

Jobs that only append to the journal need no transaction of the database: a row in the redo log is
their commit (docs/decisions/0016-redo-log.md). If one does need it, the transaction begins midway,
and what the jobs have read by then must still hold; if it does not, all of them are done again in a
transaction that begins before the first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from adapter.batch import Batch
from adapter.hub import Hub
from adapter.jobs import Job
from adapter.journal_troubles import Troubles
from adapter.metrics import Metrics
from adapter.registry import Registry
from adapter.step_queue import StepQueue
from adapter.store.database import Cursor, Database
from adapter.store.failures import lock_is_held
from adapter.store.foreign_erasures import ForeignErasures
from adapter.tenants import Tenant
from adapter.upkeep import Upkeep
from adapter.workbench import Workbench

LOOK_EVERY = 0.02
"""Seconds for which a look at the files stays valid while rows go into the redo log. That is safe:
the redo log keeps what the database cannot take, and a command that erases waits until the server
has noticed."""

Outcome = tuple[Job, Any]
"""A job, and what it gave: its result, or the exception that there was."""


class _ChangedMeanwhile(Exception):
    """Another process has erased contacts, or written what the jobs had read before they wrote."""


class Transactions:
    """Does jobs in transactions of one database. Used by the event loop that commits."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        hub: Hub,
        metrics: Metrics,
        *,
        step_queue: StepQueue,
        upkeep: Upkeep,
        troubles: Troubles,
        is_any_aside: Callable[[], bool],
    ) -> None:
        self._database = database
        self._registry = registry
        self._metrics = metrics
        self._upkeep = upkeep
        self._troubles = troubles
        self._is_any_aside = is_any_aside
        """Tells whether jobs wait for another program's lock."""
        self._erasures = ForeignErasures(database)
        self._looked_at = -math.inf
        """When the files were last looked at, by `time.perf_counter`."""
        self._workbench = Workbench(
            database, registry, hub, step_queue, self._begin_midway, troubles.redo_refused
        )
        self._next_batch: Batch | None = None
        """Made after a commit, so that the next event does not wait for it."""

    def last_sequence(self, tenant: Tenant) -> int:
        """Give the sequence of the tenant's last committed message."""
        return self._workbench.last_sequence(tenant)

    def attempt(self, jobs: list[Job], *, upfront: bool = False) -> tuple[list[Outcome], Batch]:
        """Do jobs, and commit what they have staged; an exception of any of them is passed on.

        `upfront`: begin a transaction of the database before the first job. `remember` must follow.

        Raises:
            StoreBusy: another program holds the lock on the database, and a job needs it.
            StoreUnavailable: the disk or the file refuses. Nothing was written.
        """
        started = time.perf_counter()
        self._check_files(started)
        try:
            is_needed = upfront or self._upkeep.needs_database()
            transaction = self._begin_upfront() if is_needed else None
            batch, self._next_batch = self._next_batch or Batch(self._workbench), None
            batch.begin(transaction, time.time_ns() // 1_000)
            outcomes = []
            for job in jobs:  # a comprehension would box `batch`
                outcomes.append((job, job.work(batch)))  # noqa: PERF401
            if not self._database.files.is_quiet and batch.transaction is None:
                self._require_no_erasure()
            batch.finish()
            if batch.transaction is not None:
                self._database.commit(synced=False)
        except _ChangedMeanwhile:
            self._database.roll_back()
            return self.attempt(jobs, upfront=True)
        except BaseException as error:
            self._database.roll_back()
            self._database.raw.tail.marks.clear()  # a tenant's new number was rolled back too
            raise self._database.in_words(error) from error
        if self._troubles.is_any:
            self._troubles.committed(batch)
        batch.seconds = time.perf_counter() - started
        return outcomes, batch

    def remember(self, batches: list[Batch]) -> None:
        """Note in memory, after the commits, what they have changed, and count them."""
        for batch in batches:
            if not batch.is_remembered:
                batch.remember()
                self._metrics.commits.count += 1
                self._metrics.commit_seconds.add(batch.seconds)
                self._metrics.events["failed"].count += batch.failed
                for source, target in batch.learnt.items():
                    self._registry.learn(source.tenant, source.id, target.id)
        if self._next_batch is None:
            self._next_batch = Batch(self._workbench)

    def _check_files(self, now: float) -> None:
        if self._troubles.is_any:
            self._troubles.raise_final()
        if now - self._looked_at > LOOK_EVERY or not self._database.files.is_quiet:
            self._database.files.check()
            self._looked_at = now

    def _begin_upfront(self) -> Cursor:
        """Begin a transaction that uses nothing that memory holds of an erased contact."""
        cursor = self._begin()
        if self._erasures.look():
            self._erasures.forget_memory(cursor)
        return cursor

    def _begin_midway(self, read_at: int | None) -> Cursor:
        """Begin a transaction for a job that needs it, after others that did not."""
        cursor = self._begin()
        try:
            self._require_no_erasure()
            self._require_version(read_at)
        except BaseException:
            self._database.roll_back()  # a job may catch this, and must be left without one
            raise
        return cursor

    def _begin(self) -> Cursor:
        if self._is_any_aside():  # nothing may overtake what waits there
            raise lock_is_held()
        return self._database.begin()

    def _require_no_erasure(self) -> None:
        if self._erasures.look():
            raise _ChangedMeanwhile

    def _require_version(self, read_at: int | None) -> None:
        """Check that the database is as it was read: what will be written depends on that."""
        if read_at is not None and read_at != self._database.data_version():
            raise _ChangedMeanwhile
