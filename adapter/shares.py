"""Let keys share the event loop: a flood by one waits behind itself, and not before the others.

All that has come in since the last turn of the loop is worked on in the next: where one source
posts on two hundred connections at once, that is ten milliseconds for whoever has posted one event.
So while several keys send, each begins one request in a turn, and its others wait for the next.
Where only one sends there is nobody to wait for: then all go at once, in large commits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

MEMORY: Final = 30.0
"""Seconds for which a key counts as sending."""

Work = Callable[[], None]
"""Goes on with a request that had to wait. Raises nothing."""


class Shares:
    """Who has begun a request in this turn, and what waits. Used by one event loop."""

    def __init__(self) -> None:
        self._alone: str | None = None
        """The one key that sends; None while there are several, or none yet."""
        self._several: set[str] | None = None
        """Those that have sent since the last look, where there are several."""
        self._begun: set[str] = set()
        """Those that have begun a request in this turn."""
        self._waiting: dict[str, deque[Work]] = {}
        """No key has an empty queue."""
        self._turn: asyncio.Handle | None = None

    @property
    def are_several(self) -> bool:
        """Whether several keys have sent of late."""
        return self._several is not None

    def may_begin(self, key: str) -> bool:
        """Whether a request may be worked on now; where not it is to `wait`."""
        return key == self._alone or self._may_begin_beside_others(key)

    def wait(self, key: str, work: Work) -> None:
        """Have a request worked on in a later turn, after those of its key that wait already."""
        self._waiting.setdefault(key, deque()).append(work)

    async def turn(self, key: str) -> None:
        """Wait until a request may be worked on."""
        if self.may_begin(key):
            return
        come: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def begin() -> None:
            if not come.done():  # whoever waited has gone
                come.set_result(None)

        self.wait(key, begin)
        await come

    def _may_begin_beside_others(self, key: str) -> bool:
        loop = asyncio.get_running_loop()
        if self._several is None:
            if self._alone is None:
                self._alone = key
                return True
            self._several, self._alone = {self._alone}, None
            loop.call_later(MEMORY, self._look)
        self._several.add(key)
        if self._turn is None:
            self._turn = loop.call_soon(self._next_turn)
        if key in self._begun:  # as all that wait have
            return False
        self._begun.add(key)
        return True

    def _next_turn(self) -> None:
        """Begin what has waited longest of each key."""
        self._turn = None
        self._begun.clear()
        if not self._waiting:
            return
        self._turn = asyncio.get_running_loop().call_soon(self._next_turn)
        for key, waiting in list(self._waiting.items()):
            work = waiting.popleft()
            if not waiting:
                del self._waiting[key]
            self._begun.add(key)
            work()

    def _look(self) -> None:
        """See whether there are still several that send."""
        if len(self._several or ()) > 1 or self._waiting:
            self._several = set()
            asyncio.get_running_loop().call_later(MEMORY, self._look)
        else:
            self._several = None
