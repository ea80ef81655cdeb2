"""Bound how many events may wait in one place."""

from __future__ import annotations

from adapter.errors import Overloaded


class Room:
    """Room for so many events that wait for the journal."""

    __slots__ = ("_limit", "taken")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.taken = 0
        """Events that wait here. What commits adds and takes off by itself, without a call."""

    def take(self, weight: int) -> None:
        """Take room for so many events more.

        Raises:
            Overloaded: too many events wait.
        """
        taken = self.taken + weight
        # One request larger than the limit passes alone: refused, it would come again for ever.
        # What weighs nothing passes too: it is no event, and a shutdown waits for the queue by it.
        if taken > self._limit and self.taken and weight:
            raise Overloaded("too many events are waiting for the journal", retry_after=2)
        self.taken = taken

    def release(self, weight: int) -> None:
        """Give room back that nothing will wait in."""
        self.taken -= weight
