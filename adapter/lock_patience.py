"""Do something at once, or when another program's lock on the database has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from adapter.committer import Committer
from adapter.errors import Unavailable
from adapter.jobs import Work
from adapter.store.failures import StoreBusy

Then = Callable[[BaseException | None], None]


def now_or_unlocked(committer: Committer, work: Work[None], then: Then) -> None:
    """Call a function in a transaction, then tell why it could not be, or None: it is committed.

    All in this call, so that nothing comes in between, unless there is a lock to be waited for.
    Then it has its turn among those who wait, and is told of the lock after as long as they are.
    """
    try:
        committer.run_now(work)
    except StoreBusy:
        _wait(committer, work, then)
    except Unavailable as error:
        then(error)
    else:
        then(None)


def _wait(committer: Committer, work: Work[None], then: Then) -> None:
    try:
        waiting = committer.submit(work)
    except Unavailable as error:
        then(error)
    else:
        waiting.add_done_callback(partial(_tell, then))


def _tell(then: Then, done: asyncio.Future[None]) -> None:
    if not done.cancelled():
        then(done.exception())
