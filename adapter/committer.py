"""Commit in groups: whatever arrived since the last commit goes into the next one, with no timer.

It runs on the event loop, because a commit of a small batch costs less than a hop to a thread and
back (docs/decisions/0002-where-commits-run.md). Nothing is published before it is committed.
Another program's lock on the database puts off only what needs a transaction of it (`aside`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import structlog

from adapter.aside import Aside
from adapter.batch import Batch, Surroundings
from adapter.errors import Overloaded, ScreenpopError, StoreUnavailable
from adapter.hub import Hub
from adapter.jobs import Awaited, Call, Job, T, Work
from adapter.journal_troubles import Troubles
from adapter.metrics import Metrics
from adapter.publishing import Publisher
from adapter.registry import Registry
from adapter.step_queue import StepQueue
from adapter.store import installation, journal
from adapter.store.database import Cursor, Database
from adapter.store.failures import StoreBusy, lock_is_held
from adapter.store.journal import TraceLine
from adapter.story_lines import StoryLines
from adapter.tenants import Tenant
from adapter.upkeep import Upkeep

log = structlog.get_logger()

GROUP = 512
"""Events in one commit, of several requests, at most: about 20 ms of work, so that sockets are
served in between. A large request comes in parts (`parts`), each a job."""

LOOK_EVERY = 0.005
"""Seconds for which the files are taken to lie where they lay, where rows go into the redo log: it
keeps what the database cannot take, and who erases waits until the server has noticed."""


class _Group(msgspec.Struct):
    """What was committed or refused together and nobody has been told of yet."""

    taken: list[Job]
    results: list[Any]
    batches: list[Batch]


class _ChangedMeanwhile(Exception):
    """Another process has erased contacts, or written what the jobs had read before they wrote."""


class Committer:
    """The one writer of the journal."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        hub: Hub,
        metrics: Metrics,
        *,
        queue_limit: int,
    ) -> None:
        self._database = database
        self._registry = registry
        self._metrics = metrics
        self.upkeep = Upkeep(database)
        self._queue_limit = queue_limit
        self._jobs: deque[Job] = deque()
        self._weight = 0
        """Events that wait, those aside left out."""
        self._reserved = 0
        """Events of large requests that are still to come, part by part."""
        self._aside = Aside(
            queue_limit,
            is_put_off=self._is_put_off,
            take_back=self._take_back,
            give_up=self._give_up,
        )
        metrics.queue.set_function(lambda: self._weight + self._aside.weight + self._reserved)
        self._loop: asyncio.AbstractEventLoop | None = None
        """Whose thread commits: asking for the running one is a call into the kernel each time."""
        self._scheduled: asyncio.Handle | None = None
        self._story_lines = StoryLines(self._write_lines)
        self.trace_later = self._story_lines.add
        self._looked_at = -math.inf
        """When the files were last looked at, by `time.perf_counter`."""
        self._version = -1
        self._erasures = -1
        """When another process has last written, and how often somebody was erased by then."""
        self._unsynced: _Group | None = None
        """What is committed and not yet on the disk, where it must outlive a loss of power."""
        self._troubles = Troubles(self.upkeep, metrics)
        self.step_queue = StepQueue()
        self._surroundings = Surroundings(
            database, registry, hub, self.step_queue, self._begin_midway
        )
        self._publisher = Publisher(database, hub, self.step_queue, self.trace_later)

    @property
    def failure(self) -> StoreUnavailable | None:
        """Why the last commit failed; None while the journal works."""
        return self._troubles.failure

    def last_sequence(self, tenant: Tenant) -> int:
        """Give the sequence of the tenant's last committed message."""
        committed = self._surroundings.last_sequences
        if tenant not in committed:
            with self._database.reading_tables():
                cursor = self._database.raw.cursor()
                committed[tenant] = journal.sequences(cursor, tenant)[1]
        return committed[tenant]

    def submit(self, work: Work[T], *, weight: int = 1) -> asyncio.Future[T]:
        """Queue a function for the next commit; the future is done after the commit.

        Raises:
            Overloaded: too many events wait.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.enqueue(Awaited(weight, function=work, future=future))
        return future

    def enqueue(self, job: Job) -> None:
        """Queue a job for the next commit, after which it is told. Costs no future.

        Raises:
            Overloaded: too many events wait.
        """
        # One request larger than the limit passes alone: refused, it would come again for ever.
        # What weighs nothing passes too: it is no event, and a shutdown waits for the queue by it.
        if job.weight and self._weight and self._weight + job.weight > self._queue_limit:
            raise Overloaded("too many events are waiting for the journal", retry_after=2)
        self._jobs.append(job)
        self._weight += job.weight
        self._flush_soon()

    def reserve(self, weight: int) -> None:
        """Take room for events that come one part after the other, beside the queue of the others.

        Raises:
            Overloaded: too many events are still to come.
        """
        if self._reserved and self._reserved + weight > self._queue_limit:  # as in `enqueue`
            raise Overloaded("too many events are waiting for the journal", retry_after=2)
        self._reserved += weight

    def release(self, weight: int) -> None:
        """Give room back that was reserved, and that nothing was submitted for."""
        self._reserved -= weight

    def submit_reserved(self, work: Work[T], *, weight: int) -> asyncio.Future[T]:
        """Do what `submit` does, in room that was reserved."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._reserved -= weight
        self._weight += weight
        self._jobs.append(Awaited(weight, function=work, future=future))
        self._flush_soon()
        return future

    def _flush_soon(self) -> None:
        # What arrives while the disk works goes together when it is done.
        if self._scheduled is None and self._unsynced is None and self._jobs:
            loop = self._loop
            if loop is None:
                loop = self._loop = asyncio.get_running_loop()
            self._scheduled = loop.call_soon(self._flush)

    def run_now(self, work: Work[T]) -> T:
        """Call a function in a transaction of its own, now (where an answer cannot wait).

        Raises:
            StoreUnavailable: nothing was written.
        """
        self.settle()
        if self._aside.jobs:
            self._aside.try_now()  # the lock may have gone a moment ago
        outcome, batches = self._run_alone(work)
        self._remember(batches)
        self._database.sync()
        self._publisher.publish(batches)
        return outcome

    def settle(self) -> None:
        """Have everything that is committed on the disk and published, before it is read.

        Raises:
            StoreUnavailable: the disk cannot keep it.
        """
        group = self._unsynced
        if group is None:
            return
        error: StoreUnavailable | None = None
        try:
            self._database.sync()
        except StoreUnavailable as refused:
            error = refused
        self._after_sync(group, error)
        if error is not None:
            raise error

    async def drain(self) -> None:
        """Wait until nothing is queued (before a shutdown)."""
        while self._jobs or self._unsynced or self._aside.jobs:
            last = self._last_in_line()
            with suppress(StoreUnavailable):  # so were those before it, who are told
                await last
        self._story_lines.write_now()
        self.write_index()

    def _last_in_line(self) -> asyncio.Future[None]:
        """Give what is done after all that waits, as each queue is kept in order."""
        if not self._aside.jobs:
            return self.submit(lambda _: None, weight=0)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._aside.put(Awaited(0, function=lambda _: None, future=future))
        return future

    def write_index(self) -> None:
        """Write into the journal's index what it lacks, in a transaction of its own."""
        self.upkeep.write_index()

    def forget_memory(self) -> None:
        """Read the journal again: another process has changed what is remembered of it.

        Raises:
            StoreUnavailable: it is to be tried again.
        """
        self.upkeep.catch_up()  # it is read from the database alone
        self._database.raw.tail.forget_all()

    def _write_lines(self, lines: list[TraceLine]) -> None:
        self._remember(self._run_alone(lambda batch: journal.add_traces(batch.cursor, lines))[1])

    def _run_alone(self, work: Work[T]) -> tuple[T, list[Batch]]:
        try:
            results, batches = self._run_batch([Call(function=work)])
        except StoreUnavailable as error:
            self._troubles.refused(error)
            raise
        return results[0], batches

    def _flush(self) -> None:
        self._scheduled = None
        taken = self._next_group()
        if not taken:
            return
        group = self._commit_group(taken)
        if self._database.disk is None or not group.batches:
            self._deliver(group)
            return
        self._unsynced = group
        if self._database.sync_later(partial(self._after_sync, group)):
            self._remember(group.batches)
        else:
            with suppress(StoreUnavailable):  # whoever waits for it is told
                self.settle()

    def _after_sync(self, group: _Group, error: StoreUnavailable | None) -> None:
        if self._unsynced is not group:  # somebody could not wait for the thread (`settle`)
            if error is not None:
                # The system tells of a failure once: the thread was told, and `settle` was not.
                self._troubles.lost(error)
            return
        self._unsynced = None
        if error is not None:
            self._troubles.lost(error)
            self._remember(group.batches)
            group = _Group(group.taken, [error] * len(group.taken), [])
        else:
            self._database.on_disk()
        self._deliver(group)

    def _deliver(self, group: _Group) -> None:
        """Push what was committed, and tell who waits for it."""
        try:
            self._publisher.publish(group.batches)
        finally:
            # Nothing in between asks memory, and a call rings sooner. Whatever happens there, the
            # journal has these numbers: given again, they would be two rows.
            self._remember(group.batches)
        for job, result in zip(group.taken, group.results, strict=True):
            self._weight -= job.weight
            try:
                job.tell(result)
            except Exception:
                # The others of the group wait for theirs; what this one sent is kept.
                log.exception("a sender could not be told")
        self._flush_soon()
        if self._unsynced is None:
            self.upkeep.after_commit()

    def _next_group(self) -> list[Job]:
        if self._weight <= GROUP:  # nearly always
            taken = list(self._jobs)
            self._jobs.clear()
            return taken
        taken, weight = [], 0
        while self._jobs and (not taken or weight + self._jobs[0].weight <= GROUP):
            taken.append(self._jobs.popleft())
            weight += taken[-1].weight
        return taken

    def _commit_group(self, jobs: list[Job]) -> _Group:
        """Run jobs in one transaction; give who is to be told what, and what is to be published.

        Where one fails the transaction is rolled back and each job gets a transaction of its own,
        so that a job spoils only itself and its sender is not told that anything is kept. So it is
        where one needs a transaction that another program's lock puts off: it goes aside, and the
        others are committed.
        """
        try:
            results, batches = self._run_batch(jobs)
        except StoreBusy:
            return self._commit_one_by_one(jobs) if len(jobs) > 1 else self._put_aside(jobs[0])
        except StoreUnavailable as error:
            self._troubles.refused(error)
            results, batches = [error] * len(jobs), []
        except Exception as error:
            if len(jobs) > 1:
                return self._commit_one_by_one(jobs)
            if not isinstance(error, ScreenpopError):
                log.exception("a job failed")
            results, batches = [error], []
        return _Group(jobs, results, batches)

    def _commit_one_by_one(self, jobs: list[Job]) -> _Group:
        group = _Group([], [], [])
        for job in jobs:
            # Who has waited for a lock needs it, and need not be worked on to hear that it is back.
            is_put_off = self._aside.jobs and job.refused_since is not None
            alone = self._put_aside(job) if is_put_off else self._commit_group([job])
            self._remember(alone.batches)
            group.taken += alone.taken
            group.results += alone.results
            group.batches += alone.batches
        return group

    def _put_aside(self, job: Job) -> _Group:
        """Have a job wait for the lock. Nobody is told of it now, unless it may not wait."""
        try:
            self._aside.put(job)
        except (Overloaded, StoreBusy) as error:
            return _Group([job], [error], [])
        self._weight -= job.weight
        return _Group([], [], [])

    def _is_put_off(self) -> bool:
        """Whether another program holds the lock, or what it has kept waiting is too much at once.

        The next transaction takes all along that waits in the redo log.
        """
        if self._database.is_locked():
            return True
        try:
            return self.upkeep.is_much_waiting()
        except StoreUnavailable as error:
            return isinstance(error, StoreBusy)  # of anything else the next commit is told

    def _take_back(self, jobs: list[Job]) -> None:
        """Have what waited aside in front of the queue."""
        self._jobs.extendleft(reversed(jobs))
        self._weight += sum(job.weight for job in jobs)
        self._flush_soon()

    def _give_up(self, jobs: list[Job]) -> None:
        """Tell those that have waited too long."""
        self._weight += sum(job.weight for job in jobs)
        self._deliver(_Group(jobs, [lock_is_held()] * len(jobs), []))

    def _run_batch(
        self, jobs: list[Job], *, upfront: bool = False
    ) -> tuple[list[Any], list[Batch]]:
        """Run jobs; what only appends to the journal needs no transaction of the database.

        `upfront`: begin one before the first job.
        """
        started = time.perf_counter()
        self._check_files(started)
        try:
            transaction = self._begin_upfront() if upfront or self.upkeep.needs_database else None
            # By place: names would be a dictionary more, for each lone event.
            batch = Batch(self._surroundings, transaction, datetime.now(UTC))
            results = []
            for job in jobs:
                results.append(job.work(batch))  # noqa: PERF401 - that would have `batch` boxed
            if not self._database.files.is_quiet and batch.transaction is None:
                self._refuse_what_was_erased()
            batch.finish()
            is_transaction = batch.transaction is not None
            if is_transaction:
                self._database.commit(synced=False)
        except _ChangedMeanwhile:
            self._database.roll_back()
            return self._run_batch(jobs, upfront=True)
        except BaseException as error:
            self._database.roll_back()
            self._database.raw.tail.marks.clear()  # a tenant's new number went with the rest
            raise self._database.in_words(error) from error
        if is_transaction or self._troubles.is_any:
            self._troubles.committed(batch)
        batch.seconds = time.perf_counter() - started
        return results, [batch]

    def _begin_midway(self, read_at: int | None) -> Cursor:
        """Begin a transaction for a job that needs one, after others that did not."""
        if self._aside.jobs:  # nothing passes what waits there
            raise lock_is_held()
        cursor = self._database.begin()
        try:
            self._refuse_what_was_erased()
            self._require_what_was_read(read_at)
        except BaseException:
            self._database.roll_back()  # the job may catch this, and has no transaction
            raise
        return cursor

    def _refuse_what_was_erased(self) -> None:
        if self._is_erased_elsewhere():
            raise _ChangedMeanwhile

    def _require_what_was_read(self, read_at: int | None) -> None:
        """See that the database is as it was read: what is to be written follows from that."""
        if read_at is not None and read_at != self._database.data_version():
            raise _ChangedMeanwhile

    def _begin_upfront(self) -> Cursor:
        """Begin one in which nothing that memory holds of an erased contact is used."""
        if self._aside.jobs:  # nothing passes what waits there
            raise lock_is_held()
        cursor = self._database.begin()
        if self._is_erased_elsewhere():
            self._erasures = installation.erasures(cursor)
            self._database.raw.tail.forget_all()
        return cursor

    def _is_erased_elsewhere(self) -> bool:
        """Whether another process has erased contacts that memory may hold."""
        version = self._database.data_version()
        if version == self._version:
            return False
        if installation.erasures(self._database.index) != self._erasures:
            return True
        self._version = version
        return False

    def _remember(self, batches: list[Batch]) -> None:
        """Know in memory, after the commit, what it has changed, and count it."""
        for batch in batches:
            if not batch.is_remembered:
                batch.remember()
                self._metrics.commits.count += 1
                self._metrics.commit_seconds.add(batch.seconds)
                self._metrics.events["failed"].count += batch.failed
                for source, target in batch.learnt.items():
                    self._registry.learn(source.tenant, source.id, target.id)

    def _check_files(self, now: float) -> None:
        if self._troubles.is_any:
            self._troubles.raise_final()
        if now - self._looked_at > LOOK_EVERY or not self._database.files.is_quiet:
            self._database.files.check()
            self._looked_at = now
