"""Commit in groups: whatever arrived since the last commit goes into the next one, with no timer.

It runs on the event loop, because a commit of a small batch costs less than a hop to a thread and
back (docs/decisions/0002-where-commits-run.md). Nothing is published before it is committed.
Another program's lock on the database puts off only what needs a transaction of it (`aside`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import structlog

from adapter.aside import Aside
from adapter.batch import Batch
from adapter.errors import Overloaded, ScreenpopError, StoreUnavailable
from adapter.hub import Hub
from adapter.jobs import Awaited, Call, Job, T, Work
from adapter.journal_troubles import Troubles
from adapter.metrics import Metrics
from adapter.publishing import Publisher
from adapter.registry import Registry
from adapter.room import Room
from adapter.step_queue import StepQueue
from adapter.store import journal
from adapter.store.database import Database
from adapter.store.failures import StoreBusy, lock_is_held
from adapter.store.journal import TraceLine
from adapter.story_lines import StoryLines
from adapter.tenants import Tenant
from adapter.transactions import Outcome, Transactions
from adapter.upkeep import Upkeep

log = structlog.get_logger()

GROUP = 512
"""Most events in one commit of several requests: about 20 ms of work, after which sockets are
served. A large request comes in parts (`parts`), each a job."""


class _Group(msgspec.Struct):
    """Jobs that were committed or refused together, and have not been told yet."""

    outcomes: list[Outcome]
    batches: list[Batch]


class Committer:
    """The one writer of the journal: a queue of jobs, done in groups."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        hub: Hub,
        metrics: Metrics,
        *,
        queue_limit: int,
        are_several: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._durability = database.durability
        self.upkeep = Upkeep(database, are_several)
        self.step_queue = StepQueue()
        self._jobs: deque[Job] = deque()
        self._room = Room(queue_limit)
        """Room for the jobs in the queue and for the group that is being committed."""
        self.reserved = Room(queue_limit)
        """Room for large requests: for their events that are yet to be queued, part by part."""
        self._aside = Aside(
            Room(queue_limit),
            try_to_go_on=self._try_to_go_on,
            take_back=self._take_back,
            give_up=self._give_up,
        )
        metrics.queue.set_function(
            lambda: self._room.taken + self.reserved.taken + self._aside.room.taken
        )
        self._troubles = Troubles(self.upkeep, metrics)
        self._transactions = Transactions(
            database,
            registry,
            hub,
            metrics,
            step_queue=self.step_queue,
            upkeep=self.upkeep,
            troubles=self._troubles,
            is_any_aside=lambda: bool(self._aside.jobs),
        )
        self._story_lines = StoryLines(self._write_lines)
        self.trace_later = self._story_lines.add
        self._publisher = Publisher(database, hub, self.step_queue, self.trace_later)
        self._loop: asyncio.AbstractEventLoop | None = None
        """The loop that commits. It is kept, as asking for the running one is a system call."""
        self._scheduled: asyncio.Handle | None = None
        self._unsynced: _Group | None = None
        """What is committed but not yet on the disk, where it must survive a loss of power."""

    @property
    def failure(self) -> StoreUnavailable | None:
        """Why the last commit failed; None while the journal works."""
        return self._troubles.failure

    def last_sequence(self, tenant: Tenant) -> int:
        """Give the sequence of the tenant's last committed message."""
        return self._transactions.last_sequence(tenant)

    def submit(self, work: Work[T], *, weight: int = 1) -> asyncio.Future[T]:
        """Queue a function for the next commit; the future is done after the commit.

        Raises:
            Overloaded: too many events wait.
        """
        job = _awaited(work, weight)
        self.enqueue(job)
        return job.future

    def enqueue(self, job: Job) -> None:
        """Queue a job for the next commit, after which it is told. Makes no future.

        Raises:
            Overloaded: too many events wait.
        """
        self._room.take(job.weight)
        self._jobs.append(job)
        self._commit_soon()

    def submit_reserved(self, work: Work[T], *, weight: int) -> asyncio.Future[T]:
        """Do what `submit` does, in room already taken from `reserved`, so it is never refused."""
        job = _awaited(work, weight)
        self.reserved.release(weight)
        self._room.taken += weight
        self._jobs.append(job)
        self._commit_soon()
        return job.future

    def run_now(self, work: Work[T]) -> T:
        """Call a function in a transaction of its own, now (where an answer cannot wait).

        Raises:
            StoreUnavailable: nothing was written, or the disk may have lost it.
        """
        self.publish_now()
        if self._aside.jobs:
            self._aside.try_now()  # the lock may have gone a moment ago
        result, batches = self._attempt_alone(work)
        self._transactions.remember(batches)
        try:
            self._durability.sync()
        except StoreUnavailable as error:
            self._troubles.lost(error)
            raise
        self._publisher.publish(batches)
        return result

    def publish_now(self) -> None:
        """Sync and publish everything that is committed, before it is read.

        Raises:
            StoreUnavailable: the disk cannot keep it.
        """
        group = self._unsynced
        if group is None:
            return
        error: StoreUnavailable | None = None
        try:
            self._durability.sync()
        except StoreUnavailable as refused:
            error = refused
        self._on_synced(group, error)
        if error is not None:
            raise error

    async def drain(self) -> None:
        """Wait until nothing is queued (before a shutdown)."""
        while self._jobs or self._unsynced or self._aside.jobs:
            last = self._last_in_line()
            with suppress(StoreUnavailable):  # the jobs before it failed as well, and are told
                await last
        self._story_lines.write_now()
        self.write_index()

    def _last_in_line(self) -> asyncio.Future[None]:
        """Give a future that is done after all that waits, as each queue keeps its order."""
        if not self._aside.jobs:
            return self.submit(lambda _: None, weight=0)
        job = _awaited(lambda _: None, 0)
        self._aside.put(job)
        return job.future

    def write_index(self) -> None:
        """Write into the journal's index what it lacks, in a transaction of its own."""
        self.upkeep.write_index()

    def forget_memory(self) -> None:
        """Forget what is remembered of the journal: another process has changed it."""
        self._database.raw.tail.forget_all()

    def _commit_soon(self) -> None:
        # What arrives during a sync is committed together after it.
        if self._scheduled is None and self._unsynced is None and self._jobs:
            loop = self._loop
            if loop is None:
                loop = self._loop = asyncio.get_running_loop()
            self._scheduled = loop.call_soon(self._commit_next)

    def _commit_next(self) -> None:
        """Commit the next group, and tell its jobs when it is durable."""
        self._scheduled = None
        if not self.upkeep.may_commit():
            self._commit_soon()
            return
        jobs = self._take_group()
        if not jobs:
            return
        group = self._attempt_or_divide(jobs)
        if self._durability.disk is None or not group.batches:
            self._publish_and_tell(group)
            return
        self._unsynced = group
        if self._durability.sync_later(partial(self._on_synced, group)):
            self._transactions.remember(group.batches)
        else:
            with suppress(StoreUnavailable):  # whoever waits for it is told
                self.publish_now()

    def _take_group(self) -> list[Job]:
        if self._room.taken <= GROUP:  # nearly always
            taken = list(self._jobs)
            self._jobs.clear()
            return taken
        taken, weight = [], 0
        while self._jobs and (not taken or weight + self._jobs[0].weight <= GROUP):
            taken.append(self._jobs.popleft())
            weight += taken[-1].weight
        return taken

    def _attempt_or_divide(self, jobs: list[Job]) -> _Group:
        """Do jobs in one transaction; if that fails, do each in a transaction of its own.

        So a job that fails affects no other, and its sender is not told that anything is kept. A
        job that needs a transaction while another program holds the lock goes aside alone.
        """
        try:
            outcomes, batch = self._transactions.attempt(jobs)
        except StoreBusy:
            return self._attempt_each(jobs) if len(jobs) > 1 else self._put_aside(jobs[0])
        except StoreUnavailable as error:
            self._troubles.refused(error)
            return _refused(jobs, error)
        except Exception as error:
            if len(jobs) > 1:
                return self._attempt_each(jobs)
            if not isinstance(error, ScreenpopError):
                log.exception("a job failed")
            return _refused(jobs, error)
        return _Group(outcomes, [batch])

    def _attempt_each(self, jobs: list[Job]) -> _Group:
        group = _Group([], [])
        for job in jobs:
            # A job that has waited for the lock needs it: if others wait, it joins them untried.
            is_put_off = self._aside.jobs and job.refused_since is not None
            alone = self._put_aside(job) if is_put_off else self._attempt_or_divide([job])
            self._transactions.remember(alone.batches)
            group.outcomes += alone.outcomes
            group.batches += alone.batches
        return group

    def _attempt_alone(self, work: Work[T]) -> tuple[T, list[Batch]]:
        """Call a function in a transaction of its own, past the queue."""
        try:
            [(_, result)], batch = self._transactions.attempt([Call(function=work)])
        except StoreUnavailable as error:
            self._troubles.refused(error)
            raise
        return result, [batch]

    def _write_lines(self, lines: list[TraceLine]) -> None:
        _, batches = self._attempt_alone(lambda batch: journal.add_traces(batch.cursor, lines))
        self._transactions.remember(batches)

    def _on_synced(self, group: _Group, error: StoreUnavailable | None) -> None:
        """Tell a group's jobs that it is on the disk, or that the disk cannot keep it."""
        if self._unsynced is not group:  # `publish_now` did not wait for the thread's answer
            if error is not None:
                self._troubles.lost(error)
            return
        self._unsynced = None
        if error is not None:
            self._troubles.lost(error)
            self._transactions.remember(group.batches)
            group = _refused([job for job, _ in group.outcomes], error)
        else:
            self._durability.note_synced()
        self._publish_and_tell(group)

    def _publish_and_tell(self, group: _Group) -> None:
        """Push what was committed, and tell each job what has become of it."""
        self._publisher.publish(group.batches)
        # After publishing, so that a call rings sooner: nothing before this needs it.
        self._transactions.remember(group.batches)
        room = self._room
        for job, result in group.outcomes:
            room.taken -= job.weight
            try:
                job.tell(result)
            except Exception:
                # The others of the group are still to be told; what this one sent is kept.
                log.exception("a sender could not be told")
        self._commit_soon()
        if self._unsynced is None:
            self.upkeep.after_commit()

    def _put_aside(self, job: Job) -> _Group:
        """Have a job wait for the lock; it is told now only if it may not wait."""
        try:
            self._aside.put(job)
        except (Overloaded, StoreBusy) as error:
            return _refused([job], error)
        self._room.taken -= job.weight
        return _Group([], [])

    def _try_to_go_on(self) -> bool:
        """Make way for what waits aside; say whether it may go on.

        The next transaction writes the whole backlog of the redo log too. If that is too much for
        one, a part of it is written now.
        """
        if self._database.is_locked():
            return False
        try:
            return self.upkeep.shrink_backlog()
        except StoreUnavailable as error:
            return not isinstance(error, StoreBusy)  # any other failure the next commit meets

    def _take_back(self, jobs: list[Job]) -> None:
        """Put what waited aside in front of the queue."""
        self._jobs.extendleft(reversed(jobs))
        self._room.taken += sum(job.weight for job in jobs)
        self._commit_soon()

    def _give_up(self, jobs: list[Job]) -> None:
        """Refuse the jobs that have waited too long."""
        self._room.taken += sum(job.weight for job in jobs)
        self._publish_and_tell(_refused(jobs, lock_is_held()))


def _awaited(work: Work[Any], weight: int) -> Awaited:
    return Awaited(weight, function=work, future=asyncio.get_running_loop().create_future())


def _refused(jobs: list[Job], error: Exception) -> _Group:
    return _Group([(job, error) for job in jobs], [])
