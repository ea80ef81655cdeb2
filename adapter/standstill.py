"""Tell how long others have been silent where this process stood still for a while.

A virtual machine that is paused, a process that is stopped, a loop that was held up: nobody's words
were read meanwhile, and all would be taken for dead at once, because clocks go on.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 5.0
"""Seconds without a look that are no standstill yet: a busy machine's."""

MOST: Final = 600.0
"""Seconds that are excused at most: who is dead goes some day, however often this stands still."""


class Standstills:
    """Those of late, for as long as they are an excuse; times are monotonic, in seconds."""

    def __init__(self, now: float, patience: float) -> None:
        """`patience`: seconds after a standstill until everybody can have been asked and heard."""
        self._last = now
        self._patience = patience
        self._seconds = 0.0
        self._until = now

    def seconds_at(self, now: float) -> float:
        """Give how much silence they excuse, at a look; looks come regularly."""
        gap = now - self._last
        self._last = now
        if gap > LONGEST:
            self._seconds = min(self._seconds + gap, MOST)
            self._until = now + self._patience
        elif now > self._until:
            self._seconds = 0.0
        return self._seconds
