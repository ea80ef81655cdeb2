"""Know which pages show panels, and to whom: read part by part, and kept a moment for who types.

A tenant may have ten thousand sessions. To read them in one go would keep the event loop from
everybody's calls, and an editor asks with every few letters.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from adapter.sockets import Sockets
from adapter.store import sessions
from adapter.store.database import Database
from adapter.store.sessions import EmbeddedPanel
from adapter.tenants import Tenant

PART: Final = 500
"""Sessions read without letting anybody else have a turn."""
KEPT: Final = 10.0
"""Seconds for which what was read is good enough while somebody types."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """A page around panels, with the agents whose sessions began inside of it."""

    origin: str
    agents: tuple[str, ...]
    connected: int
    """How many of its panels are open now."""
    seen: datetime
    """When one of them was last used."""


class _Page:
    """What is gathered of one page."""

    __slots__ = ("agents", "connected", "seen")

    def __init__(self, seen: datetime) -> None:
        self.agents: set[str] = set()
        self.connected = 0
        self.seen = seen


class Embedders:
    """What was read of each tenant of late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Tenant, tuple[float, list[Embedder]]] = {}
        self._turn = asyncio.Lock()

    async def lately(self, database: Database, sockets: Sockets, tenant: Tenant) -> list[Embedder]:
        """List a tenant's embedders as they were within the last `KEPT` seconds.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
        async with self._turn:
            now = self._clock()
            self._known = {
                name: (read_at, found)
                for name, (read_at, found) in self._known.items()
                if now - read_at < KEPT
            }
            if tenant not in self._known:
                self._known[tenant] = (now, await read(database, sockets, tenant))
            return self._known[tenant][1]


async def read(database: Database, sockets: Sockets, tenant: Tenant) -> list[Embedder]:
    """List a tenant's embedders as they are now.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    open_now = {each.session for each in sockets}
    pages: dict[str, _Page] = {}
    counted: set[bytes] = set()
    after, now = 0, datetime.now(UTC)
    while True:
        with database.reading_tables():
            part = sessions.embedded(database.raw.cursor(), tenant, now, after=after, most=PART)
        _gather(pages, part, open_now, counted)
        if len(part) < PART:
            break
        after = part[-1].row
        await asyncio.sleep(0)
    return [
        Embedder(origin, tuple(sorted(page.agents)), page.connected, page.seen)
        for origin, page in pages.items()
    ]


def _gather(
    pages: dict[str, _Page],
    part: Iterable[EmbeddedPanel],
    open_now: set[bytes | None],
    counted: set[bytes],
) -> None:
    for panel in part:
        # Two tabs may have renewed one session at the same time.
        is_new = panel.chain in open_now and panel.chain not in counted
        counted.add(panel.chain)
        for origin in set(panel.around):
            page = pages.setdefault(origin, _Page(panel.seen))
            page.agents.add(panel.agent)
            page.connected += is_new
            page.seen = max(page.seen, panel.seen)
