"""Say something in the log, but not as often as strangers please."""

from __future__ import annotations

import math
import time
from typing import Final

_PAUSE: Final = 60.0
"""Seconds between two lines."""


class Seldom:
    """Let something be said once a minute, and count how often it is not said in between."""

    def __init__(self) -> None:
        self._next = -math.inf
        self._untold = 0

    def due(self) -> int | None:
        """Give how often it was not said since the last time; None: do not say it now either."""
        now = time.monotonic()
        if now < self._next:
            self._untold += 1
            return None
        untold, self._untold = self._untold, 0
        self._next = now + _PAUSE
        return untold
