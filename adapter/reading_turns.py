"""Let feeds whose clients have sent much be read in turn: a few bytes in each turn of the loop.

Where each had a piece in every turn, fifty clients that flood would hold the others up fifty times
as long as one does. The same holds for many that send a little each time: what is read as it comes
has a limit in each turn as well, of them all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

PIECE: Final = 4 * 1024
"""Bytes that are read in one turn of the loop, of them all: of the smallest frames, which cost
most, that takes some milliseconds."""

AT_ONCE: Final = 1024
"""Frames that are read as they come in one turn of the loop, of them all: of pings two or three
milliseconds. Panels that come back are spread over two seconds and stay far below it."""

Read = Callable[[], int]
"""Reads a piece, of `PIECE` bytes at most, and gives their number. Raises nothing, and may wait for
another turn."""


class ReadingTurns:
    """Who waits to read. Used by one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[Read] = deque()
        self._turn: asyncio.Handle | None = None
        self._frames = AT_ONCE
        """How many frames may still be read as they come, in this turn of the loop."""
        self._renewal: asyncio.Handle | None = None

    def may_read(self) -> bool:
        """Whether what comes may be read now; else it is to `wait`."""
        return self._frames > 0

    def has_read(self, frames: int) -> None:
        """Note that so many frames were read in this turn."""
        if self._renewal is None:
            self._renewal = asyncio.get_running_loop().call_soon(self._renew)
        self._frames -= frames

    def _renew(self) -> None:
        self._renewal = None
        self._frames = AT_ONCE

    def wait(self, read: Read) -> None:
        """Have a piece read in a later turn, after those that wait already."""
        self._waiting.append(read)
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        left = PIECE
        try:
            while self._waiting and left > 0:
                left -= self._waiting.popleft()()
        finally:  # also where one has a fault: the others go on
            self._turn = None
            if self._waiting:
                self._turn = asyncio.get_running_loop().call_soon(self._next_turn)
