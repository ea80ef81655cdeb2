"""Share the event loop among keys, so that a flood by one key delays only that key.

Each turn of the loop works on all that has come in since the last one: if one source posts on two
hundred connections at once, another one that posts a single event waits ten milliseconds. So while
several keys send, each may begin `QUANTUM` events in a turn, and the rest of its requests wait for
later turns. How many events a request brings is known only when it is decoded: if it brought more,
its key sits out the following turns until the others have had as many (surplus round robin). So a
source that posts batches gets no more than one that posts events one by one. While only one key
sends, nobody else could be delayed: then all its requests begin at once, in large commits.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from adapter.errors import Overloaded

MEMORY: Final = 30.0
"""Seconds for which a key counts as sending."""

QUANTUM: Final = 1
"""Events that a key may begin in a turn while others send too. With two, a flood gets a third more
events a second, but an event beside it takes half as long again as one alone
(docs/explanation/performance.md)."""

MOST_REQUESTS: Final = 1024
"""Requests of one key that may wait: a tenth of a second's worth, if each is a single event."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the bodies of these; a single one may be larger."""

Work = Callable[[], None]
"""Resumes a request that had to wait. Raises nothing."""


class Waiter(msgspec.Struct, eq=False):
    """A request that waits for its turn."""

    key: str
    work: Work
    size: int
    """Bytes of its body."""
    events: int
    """How many it counts as when it begins."""


class _Line(msgspec.Struct, eq=False):
    """The waiting requests of one key."""

    waiters: OrderedDict[Waiter, None] = msgspec.field(default_factory=OrderedDict)
    size: int = 0


class Shares:
    """What keys have begun in this turn, and what waits. Used by one event loop."""

    def __init__(self) -> None:
        self._alone: str | None = None
        """The one key that sends; None while there are several, or none yet."""
        self._several: set[str] | None = None
        """The keys that have sent since the last look; None unless there are several."""
        self._begun: dict[str, int] = {}
        """By key, the events that it has begun in this turn, or earlier and has not sat out yet."""
        self._waiting: dict[str, _Line] = {}
        """The line of each key that has one: it is never empty, and the key has used up its
        quantum."""
        self._turn: asyncio.Handle | None = None

    def are_several(self) -> bool:
        """Whether several keys have sent of late."""
        return self._several is not None

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(len(line.waiters) for line in self._waiting.values())

    def try_begin(self, key: str, events: int = 1) -> bool:
        """Begin a request if its key has events left in this turn; give False if it must `wait`.

        `events` is what it counts as until `count` says more.
        """
        return key == self._alone or self._try_begin_beside_others(key, events)

    def count(self, key: str, events: int) -> None:
        """Count more events of a request that has begun."""
        if self._several is not None:
            self._begun[key] = self._begun.get(key, 0) + events
            self._turn_soon()

    def check_room(self, key: str, size: int) -> None:
        """Check that another request may wait, with a body of `size` bytes.

        Raises:
            Overloaded: too many of its key's are waiting, or too many bytes.
        """
        line = self._waiting.get(key)
        if line is not None and (
            len(line.waiters) >= MOST_REQUESTS or line.size + size > MOST_BYTES
        ):
            raise Overloaded("too many requests of this key are waiting for their turn")

    def wait(self, key: str, work: Work, *, size: int = 0, events: int = 1) -> Waiter:
        """Queue a request for a later turn, behind those of its key that are waiting already."""
        line = self._waiting.setdefault(key, _Line())
        waiter = Waiter(key, work, size, events)
        line.waiters[waiter] = None
        line.size += size
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Drop a request whose sender has gone, unless it has begun."""
        line = self._waiting.get(waiter.key)
        if line is not None and waiter in line.waiters:
            del line.waiters[waiter]
            self._has_left(line, waiter)

    async def turn(self, key: str, events: int) -> None:
        """Wait until the next part of a request that has been let in may be worked on."""
        if self.try_begin(key, events):
            return
        come: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def begin() -> None:
            if not come.done():  # the waiting task may have been cancelled
                come.set_result(None)

        waiter = self.wait(key, begin, events=events)
        try:
            await come
        finally:
            self.leave(waiter)

    def _try_begin_beside_others(self, key: str, events: int) -> bool:
        loop = asyncio.get_running_loop()
        if self._several is None:
            if self._alone is None:
                self._alone = key
                return True
            self._several, self._alone = {self._alone}, None
            loop.call_later(MEMORY, self._look)
        self._several.add(key)
        self._turn_soon()
        begun = self._begun.get(key, 0)
        if begun >= QUANTUM:  # as every key that has a line does
            return False
        self._begun[key] = begun + events
        return True

    def _turn_soon(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        """Begin what has waited longest of each key."""
        self._turn = None
        if not self._waiting:
            self._begun.clear()  # nobody waited, so nothing need be sat out
            return
        self._turn_soon()
        # Turns in which no waiting request could begin would be empty: they are skipped.
        over = QUANTUM * (min(self._begun.get(key, 0) for key in self._waiting) // QUANTUM)
        self._begun = {key: begun - over for key, begun in self._begun.items() if begun > over}
        for key, line in list(self._waiting.items()):
            while line.waiters and self._begun.get(key, 0) < QUANTUM:
                waiter, _ = line.waiters.popitem(last=False)
                self._has_left(line, waiter)
                self._begun[key] = self._begun.get(key, 0) + waiter.events
                waiter.work()

    def _has_left(self, line: _Line, waiter: Waiter) -> None:
        line.size -= waiter.size
        if not line.waiters:
            del self._waiting[waiter.key]

    def _look(self) -> None:
        """See whether several keys are still sending."""
        if len(self._several or ()) > 1 or self._waiting:
            self._several = set()
            asyncio.get_running_loop().call_later(MEMORY, self._look)
        else:
            self._several = None
