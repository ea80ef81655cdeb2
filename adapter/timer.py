"""Call a function once, a while from now, at a time that may be changed until then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timer:
    """Calls a function when the seconds that were last set have passed. Used by one event loop."""

    __slots__ = ("_call", "_handle", "is_next")

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._handle: asyncio.TimerHandle | None = None
        self.is_next = False
        """Whether it goes off in the next turn of the loop."""

    @property
    def is_set(self) -> bool:
        """Whether it will go off."""
        return self._handle is not None

    def set(self, seconds: float) -> None:
        """Go off after `seconds`, instead of what was set before."""
        self.stop()
        self.is_next = not seconds
        self._handle = asyncio.get_running_loop().call_later(seconds, self._go_off)

    def stop(self) -> None:
        """Do not go off."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = None
        self.is_next = False

    def _go_off(self) -> None:
        self.stop()
        self._call()
