"""Bound how many events may wait in one place."""

from __future__ import annotations

from adapter.errors import Overloaded


class Room:
    """Room for a limited number of events that wait for the journal."""

    __slots__ = ("_limit", "taken")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.taken = 0
        """Events that wait here. The committer changes it directly, to save calls."""

    def take(self, weight: int) -> None:
        """Take room for `weight` more events.

        Raises:
            Overloaded: too many events wait.
        """
        taken = self.taken + weight
        # A request larger than the limit passes if it is alone: refused, it would come again for
        # ever. What weighs nothing passes too: it is no event, and a shutdown waits for the queue
        # with it.
        if taken > self._limit and self.taken and weight:
            raise Overloaded("too many events are waiting for the journal", retry_after=2)
        self.taken = taken

    def release(self, weight: int) -> None:
        """Give back room that is not needed any more."""
        self.taken -= weight
