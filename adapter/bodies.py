"""Bound what large bodies take: bytes of this process, and one at a time the loop's attention.

A body that a connection buffers anyway counts as nothing: an event alone is taken whatever large
bodies do. Each of the others counts from the bytes that have come until its answer, packed and
unpacked. What is too much is refused: its sender has no answer that anything is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from adapter.errors import Overloaded

SMALL: Final = 256 * 1024
"""Bytes of a body that does not count: what the loop reads at once."""

MOST: Final = 256 * 1024 * 1024
"""Bytes of all bodies that count: four of Firehose's at the limit for one."""

MOST_OF_KEY: Final = MOST // 2
"""Of one sender, so that it leaves room for others. One body alone is never too much."""

T = TypeVar("T")


class Held:
    """What the bodies of one request take."""

    def __init__(self, bodies: Bodies, key: str) -> None:
        self._bodies = bodies
        self._key = key
        self._before = 0
        """Of bodies that are whole."""
        self.size = 0

    def grow_to(self, size: int) -> None:
        """Hold so many bytes of the body that comes in.

        Raises:
            Overloaded: there is no room for it.
        """
        if size > SMALL:
            self._bodies.hold(self._key, self, self._before + size)

    def add(self, size: int) -> None:
        """Hold another body of so many bytes beside what is held; raises `Overloaded`."""
        self._before = self.size
        self.grow_to(size)


class Bodies:
    """The large bodies of one server. Used by one event loop."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of all."""
        self._of_key: dict[str, int] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        """Of each key that has ever sent a large body: there are not many keys."""
        self._thread = asyncio.Lock()

    @contextmanager
    def held(self, key: str) -> Iterator[Held]:
        """Hold the bodies of one request until it is answered."""
        held = Held(self, key)
        try:
            yield held
        finally:
            if held.size:
                self._count(key, -held.size)

    def hold(self, key: str, held: Held, size: int) -> None:
        """Have a request hold so many bytes in all; raises `Overloaded`."""
        more = size - held.size
        others, others_of_key = self.size - held.size, self._of_key.get(key, 0) - held.size
        if (others and others + size > MOST) or (
            others_of_key and others_of_key + size > MOST_OF_KEY
        ):
            raise Overloaded("too many large bodies are under way", retry_after=2)
        held.size = size
        self._count(key, more)

    async def read(self, key: str, work: Callable[[], T]) -> T:
        """Unpack and decode a large body in a thread.

        One at a time, of each key in their order and of the keys in turns, or all that wait would
        be unpacked together.
        """
        async with self._turns.setdefault(key, asyncio.Lock()), self._thread:
            return await asyncio.to_thread(work)

    def _count(self, key: str, more: int) -> None:
        self.size += more
        left = self._of_key.get(key, 0) + more
        if left:
            self._of_key[key] = left
        else:
            del self._of_key[key]
