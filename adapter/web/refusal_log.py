"""Log what came that is no HTTP, but not as often as strangers please."""

from __future__ import annotations

import time
from typing import Final

import structlog

from adapter.web.unreadable import Refusal

log = structlog.get_logger()

_PAUSE: Final = 60.0
"""Seconds between two lines."""


class _RefusalLog:
    def __init__(self) -> None:
        self._next = 0.0
        self._untold = 0

    def note(self, refusal: Refusal, peer: str | None) -> None:
        """Log a refusal, or count it for the next line."""
        now = time.monotonic()
        if now < self._next:
            self._untold += 1
            return
        log.warning(
            "a connection was refused",
            status=refusal.status,
            detail=refusal.detail,
            peer=peer,
            untold=self._untold,
        )
        self._next, self._untold = now + _PAUSE, 0


refusals: Final = _RefusalLog()
