"""Keep aside the jobs that another program's lock on the database delays, while all else goes on.

The order that is kept: jobs that wait here do not overtake each other, and any later job that needs
a transaction queues behind them, even if the lock has gone by then. Only jobs that need no
transaction overtake. Among requests that are in flight together a sender has set no order; one that
needs an order waits for its answer, and no answer leaves here before the commit. So it is enough
that

- a contact comes to the same state in every order of its events (decision 0006), and what is
  decided late is decided by that state: no pop for a contact that has ended meanwhile;
- an alias that is learnt late takes over what its id was given meanwhile (`pipeline.merge`);
- an erasure that waits finds what was kept meanwhile, and looks again when it is done (`erasure`).

What cannot wait at all (`Committer.run_now`) is done at once if the lock has gone, or refused.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from adapter.jobs import Job
from adapter.room import Room
from adapter.store.failures import lock_is_held
from adapter.timer import Timer

RETRY = 0.005
"""Seconds between attempts while another program holds the lock."""

PATIENCE = 2.0
"""Seconds that a job waits for another writer (a command line) before its sender is told 503; well
below the 5 s that EventBridge waits."""

Take = Callable[[list[Job]], None]


class Aside:
    """Jobs that wait for a lock to go. Used by one event loop."""

    def __init__(
        self, room: Room, *, try_to_go_on: Callable[[], bool], take_back: Take, give_up: Take
    ) -> None:
        self.room = room
        """Their own room: they take none in the queue of the others."""
        self._try_to_go_on = try_to_go_on
        """Makes way for them if it can, and tells whether they may go on."""
        self._take_back = take_back
        """Takes all that wait, in their order, when the lock has gone."""
        self._give_up = give_up
        """Takes those that have waited too long."""
        self.jobs: deque[Job] = deque()
        self._timer = Timer(self._try_again)
        """Set while any job waits: it tries the lock again."""

    def put(self, job: Job) -> None:
        """Queue a job behind the others that wait.

        Raises:
            Overloaded: too many events wait.
            StoreBusy: it has waited too long, however often it was tried meanwhile.
        """
        now = time.monotonic()
        if job.refused_since is None:
            job.refused_since = now
        elif now - job.refused_since >= PATIENCE:
            raise lock_is_held()
        self.room.take(job.weight)
        self.jobs.append(job)
        self._try_soon()

    def try_now(self) -> None:
        """Let all of them go on if the lock has gone."""
        if not self._try_to_go_on():
            return
        self._timer.stop()
        jobs = list(self.jobs)
        self.jobs.clear()
        self.room.taken = 0
        self._take_back(jobs)

    def _try_soon(self) -> None:
        if not self._timer.is_set:
            self._timer.set(RETRY)

    def _try_again(self) -> None:
        self.try_now()
        impatient = self._take_impatient()
        if impatient:
            self._give_up(impatient)
        if self.jobs:
            self._try_soon()

    def _take_impatient(self) -> list[Job]:
        """Remove and give the jobs that have waited too long."""
        jobs, taken, now = self.jobs, list[Job](), time.monotonic()
        while jobs and now - (jobs[0].refused_since or now) >= PATIENCE:
            taken.append(jobs.popleft())
            self.room.release(taken[-1].weight)
        return taken
