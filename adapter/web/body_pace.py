"""Say how long a body may still take, by the bytes that came: slow lines pass, drips do not."""

from __future__ import annotations

from typing import Final

GRACE: Final = 60.0
"""Seconds that any body may take."""
RATE: Final = 500
"""Bytes that give a body one second more: as many as Apache asks for (mod_reqtimeout)."""


class BodyPace:
    """How a body comes in, or answers go out; times are the loop's seconds."""

    def __init__(self, began: float, grace: float, rate: float) -> None:
        self._until = began + grace
        self._rate = rate

    def came(self, count: int) -> None:
        """Take note of more bytes of it."""
        self._until += count / self._rate

    def waited(self, now: float, grace: float) -> None:
        """Take note that it was us who did not read."""
        self._until = max(self._until, now + grace)

    def until(self, now: float, silence: float) -> float:
        """Give the seconds from now on in which more of it has to come."""
        return max(0.0, min(silence, self._until - now))
