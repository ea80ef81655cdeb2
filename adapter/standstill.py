"""Tell how long others have been silent where this process stood still for a while.

A virtual machine that is paused, a process that is stopped, a loop that was held up: nobody's words
were read meanwhile, and all would be taken for dead at once, because clocks go on.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 5.0
"""Seconds without a look that are no standstill yet: a busy machine's."""


class Silence:
    """A clock, by the monotonic one in seconds, that leaves standstills out for a while."""

    def __init__(self, now: float, patience: float) -> None:
        """`patience`: seconds after a standstill until everybody can have been asked and heard."""
        self._last = now
        self._patience = patience
        self._left_out = 0.0
        self._until = now

    def at(self, now: float) -> float:
        """Give the time at a look, by which silence is to be judged; looks come regularly."""
        gap = now - self._last
        self._last = now
        if gap > LONGEST:
            self._left_out += gap
            self._until = now + self._patience
        elif now > self._until:
            self._left_out = 0.0
        return now - self._left_out
