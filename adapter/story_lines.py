"""Gather lines of contacts' stories, and write many in one transaction after what they tell of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from adapter.errors import StoreUnavailable
from adapter.seldom import Seldom
from adapter.store.journal import TraceLine
from adapter.tenants import Tenant

log = structlog.get_logger()

DELAY = 0.25
"""Seconds for which lines are gathered: many in one commit cost a third of one by one."""

RETRY = 1.0
"""Seconds until it is tried again where the journal refuses."""

MOST = 50_000
"""Lines that wait at most, of some 300 bytes; a flood leaves a fifth of that between two writes. A
journal that refuses for long must not fill the memory."""


class StoryLines:
    """Lines that wait; `write` writes some or raises `StoreUnavailable`. Used by one event loop."""

    def __init__(self, write: Callable[[list[TraceLine]], None]) -> None:
        self._write = write
        self._lines: list[TraceLine] = []
        self._timer: asyncio.TimerHandle | None = None
        self._refused = Seldom()
        self._dropped = 0

    def add(
        self, tenant: Tenant, contact: str | None, at: datetime, what: str, detail: str
    ) -> None:
        """Have a line written within a moment; a crash or a long lock may lose it."""
        if len(self._lines) >= MOST:
            self._dropped += 1
            return
        self._lines.append((tenant, contact, at, what, detail))
        if self._timer is None:
            self._write_in(DELAY)

    def write_now(self) -> None:
        """Write what waits; never raises: a story is an aid, and what it tells of is committed."""
        self._timer = None
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            self._write(lines)
        except StoreUnavailable as error:
            if (untold := self._refused.due()) is not None:
                log.warning("trace not written yet", error=str(error), untold=untold)
            self._lines = lines + self._lines
            self._write_in(RETRY)
            return
        except Exception:
            log.exception("trace not written")
            self._dropped += len(lines)
        if self._dropped:
            log.warning("too many lines of stories waited", dropped=self._dropped)
            self._dropped = 0

    def _write_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self.write_now)
