"""Share an account's connections: so many at once, waiting pops first, silence when told.

Dataverse allows 52 requests at once per user and web server (or more), and answers 429 with
`Retry-After`; going on sending lengthens it (Microsoft, "Service protection API limits").
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from adapter.dataverse.errors import Throttled
from adapter.dataverse.requests import Priority

AT_ONCE = 52
KEPT_FOR_POPS = 4
"""Connections that only reads for a waiting pop may take."""


class Limiter:
    """One account's turns. Used by one event loop."""

    def __init__(
        self,
        *,
        at_once: int = AT_ONCE,
        kept_for_pops: int = KEPT_FOR_POPS,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._at_once = at_once
        self._kept = min(kept_for_pops, at_once - 1)
        self._clock = clock
        self._running = 0
        self._numbers = itertools.count()
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._silent_until = 0.0
        self._wake: asyncio.TimerHandle | None = None

    @property
    def running(self) -> int:
        """How many requests are under way."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return sum(not turn.done() for _, _, turn in self._waiting)

    def silence_left(self) -> float:
        """Give the seconds until this account may send again; 0 when it may."""
        return max(0.0, self._silent_until - self._now())

    def silence(self, seconds: float) -> None:
        """Obey a `Retry-After` for the whole account."""
        self._silent_until = max(self._silent_until, self._now() + seconds)

    @asynccontextmanager
    async def turn(self, priority: Priority, *, patience: float) -> AsyncIterator[None]:
        """Wait for a turn, at most `patience` seconds, and hold it.

        Raises:
            Throttled: the account must be silent for longer than that, or no turn came.
        """
        await self._enter(priority, patience)
        try:
            yield
        finally:
            self._running -= 1
            self._let_in()

    async def _enter(self, priority: Priority, patience: float) -> None:
        left = self.silence_left()
        if left > patience:
            raise Throttled(
                f"Dynamics asked for silence for another {left:.0f} s", retry_after=left
            )
        if not left and not self._ahead_of(priority) and self._is_room(priority):
            self._running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._numbers), turn))
        self._let_in()
        try:
            async with asyncio.timeout(patience):
                await turn
        except TimeoutError:
            if turn.done() and not turn.cancelled():  # it came in the same moment
                return
            text = f"all {self._at_once} connections were busy for {patience:.0f} s"
            raise Throttled(text, retry_after=self.silence_left() or 1.0) from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._running -= 1
                self._let_in()
            raise

    def _let_in(self) -> None:
        """Give turns to those who wait, in their order, while there is room and no silence."""
        left = self.silence_left()
        if left:
            self._wake_in(left)
            return
        while self._waiting:
            priority, _, turn = self._waiting[0]
            if turn.done():
                heapq.heappop(self._waiting)
            elif self._is_room(priority):
                heapq.heappop(self._waiting)
                self._running += 1
                turn.set_result(None)
            else:
                return

    def _ahead_of(self, priority: Priority) -> bool:
        return any(other <= priority and not turn.done() for other, _, turn in self._waiting)

    def _is_room(self, priority: Priority) -> bool:
        kept = 0 if priority is Priority.POP else self._kept
        return self._running < self._at_once - kept

    def _wake_in(self, seconds: float) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = asyncio.get_running_loop().call_later(seconds, self._let_in)

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()
