"""Take a large request in parts, each a commit of its own, so that others have turns in between.

A thousand events in one commit would take 35 ms in which nobody else is served. An event is atomic,
with all that follows from it (`pipeline`); a request is not: if a part is refused, or the server
stops, the parts before it are kept. The sender then has no 202 and sends everything again, and what
was kept counts as duplicates.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from adapter import pipeline
from adapter.batch import Batch
from adapter.committer import Committer
from adapter.errors import Overloaded
from adapter.events import Decoded, Entry
from adapter.metrics import Metrics
from adapter.pipeline import Receipt
from adapter.shares import Shares
from adapter.tenants import Tenant

PART = 64
"""Events in one part: about two milliseconds of the event loop."""


class Parts:
    """The large requests of one server. Used by one event loop."""

    def __init__(
        self, committer: Committer, shares: Shares, metrics: Metrics, *, queue_limit: int
    ) -> None:
        self._committer = committer
        self._shares = shares
        self._metrics = metrics
        self._queue_limit = queue_limit
        self._turns: dict[str, asyncio.Lock] = {}
        """A lock for each key that has ever sent a large request: there are not many keys."""
        self._waiting: dict[str, int] = {}
        """By key, the events of its large requests that wait for an earlier one."""
        self.waiting = 0
        """How many such requests there are."""

    async def accept(
        self, tenant: Tenant, decoded: Decoded, received: datetime, *, sender: str
    ) -> Receipt:
        """Take the decoded events of one request; its receipt comes when all are durable.

        `sender` has its turn already, and waits for the next one before each further part. Its
        large requests are taken one after the other: together they could fill the room for all.

        Raises:
            Overloaded: too many events wait. None of this request is kept, unless another program's
                lock made its later parts wait.
            StoreUnavailable: the journal refuses. Earlier parts are kept.
        """
        count = len(decoded.entries)
        if count <= PART:
            return await self._committer.submit(
                lambda batch: pipeline.accept(batch, tenant, decoded, received), weight=count
            )
        async with self._turn_of(sender, count):
            accepted = await self._in_parts(tenant, decoded.entries, received, sender)
        return Receipt(accepted, count - accepted, decoded.ignored, decoded.rejected)

    @asynccontextmanager
    async def _turn_of(self, sender: str, count: int) -> AsyncIterator[None]:
        """Wait until the key's earlier large requests are done.

        A waiting request holds its events in memory, so what waits is bounded for each key as the
        queue is for all. Room in the queue is taken only when its turn comes, or one key could take
        the room of all large requests.
        """
        waiting = self._waiting.get(sender, 0)
        if waiting and waiting + count > self._queue_limit:  # as in `Room.take`
            raise Overloaded("too many events of this key are waiting", retry_after=2)
        lock = self._turns.setdefault(sender, asyncio.Lock())
        self._waiting[sender] = waiting + count
        self.waiting += 1
        try:
            await lock.acquire()
        finally:
            self._waiting[sender] -= count
            self.waiting -= 1
        try:
            yield
        finally:
            lock.release()

    async def _in_parts(
        self, tenant: Tenant, entries: tuple[Entry, ...], received: datetime, sender: str
    ) -> int:
        """Give how many events are accepted; the others are duplicates."""
        left = len(entries)
        self._committer.reserved.take(left)
        accepted = kept = 0
        try:
            for first in range(0, len(entries), PART):
                part = Decoded(entries[first : first + PART])
                if first:
                    await self._shares.turn(sender, len(part.entries))

                def job(batch: Batch, part: Decoded = part) -> Receipt:
                    return pipeline.accept(batch, tenant, part, received)

                left -= len(part.entries)
                taken = await self._committer.submit_reserved(job, weight=len(part.entries))
                accepted += taken.accepted
                kept += taken.accepted + taken.duplicates
        except BaseException:
            pipeline.count(self._metrics, Receipt(accepted, kept - accepted, 0, ()))
            raise
        finally:
            self._committer.reserved.release(left)
        return accepted
