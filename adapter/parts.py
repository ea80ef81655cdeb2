"""Take a large request in parts, each a commit of its own, so that others have turns in between.

A thousand events in one commit are 35 ms in which nobody else is served. What is whole is an event
with all that follows from it (`pipeline`), not a request: where a part is refused, or the server
ends, the parts before it are kept. Their sender got no 202, sends all again, and what was kept
counts as duplicates.
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
        """Of each key that has ever sent a large request: there are not many keys."""
        self._waiting: dict[str, int] = {}
        """Events of each of these whose requests wait for the one before."""
        self.waiting = 0
        """Requests that do."""

    async def accept(
        self, tenant: Tenant, decoded: Decoded, received: datetime, *, sender: str
    ) -> Receipt:
        """Take the decoded events of one request; its receipt comes when all are durable.

        `sender` has its turn already, and waits for the next one before each further part. Its
        large requests go one after the other: all together could fill the room for them.

        Raises:
            Overloaded: too many events wait. None of these is kept, unless it was a lock of another
                program that made the later ones wait.
            StoreUnavailable: the journal refuses. Parts before are kept.
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
        """Wait for the large requests of a key that came before.

        What waits holds its events, and is bounded for each key as the queue is for all; room in
        the queue is taken only then, or one key could take that of all large requests.
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
        """Give how many are accepted; the others are duplicates."""
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
