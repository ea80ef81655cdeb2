"""Feeds whose sessions are over are closed, some at a time."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapter import app, changes, settings
from adapter.close_codes import UNAUTHENTICATED, CloseCode
from adapter.store import sessions
from adapter.store.sessions import StoredSession
from adapter.tenants import DEFAULT, Agent
from tests.server import Server

NOW = datetime.now(UTC)
PARTS = 3


@dataclass(eq=False)
class Panel:
    """A socket that a session has opened, and what it was closed with."""

    session: bytes | None
    agent: Agent | None
    closed: list[CloseCode] = field(default_factory=list)
    key: str | None = None

    def close(self, code: CloseCode) -> None:
        self.closed.append(code)

    def sweep(self, now: float, date: datetime, excused: float) -> None:
        """Stay."""

    def abandon(self) -> None:
        """Do nothing."""


async def test_many_panels_whose_sessions_are_over_are_closed_with_turns_of_the_loop_between(
    tmp_path: Path,
) -> None:
    Server(tmp_path).make_keys()
    services = app.create_services(settings.load(data_dir=tmp_path))
    panels = [
        Panel(b"%d" % number, Agent(DEFAULT, f"a-{number}"))
        for number in range(PARTS * changes.AT_ONCE)
    ]
    kept, by_key = Panel(b"kept", Agent(DEFAULT, "kept")), Panel(None, Agent(DEFAULT, "a-1"))
    other = Panel(b"other", Agent(DEFAULT, "before"))  # the session is another agent's now
    with closing(services.database) as database:
        with database.transaction() as cursor:
            for chain, agent in ((b"kept", "kept"), (b"other", "after")):
                sessions.add(cursor, session(chain, agent))
        for each in (*panels, kept, by_key, other):
            services.sockets.add(each)
        closes = asyncio.ensure_future(changes.close_ended_sessions(services))
        seen: list[int] = []
        while not closes.done():
            await asyncio.sleep(0)
            seen.append(sum(bool(each.closed) for each in panels))
    steps = [after - before for before, after in zip([0, *seen], seen, strict=False)]
    assert max(steps) <= changes.AT_ONCE
    assert {tuple(each.closed) for each in (*panels, other)} == {(UNAUTHENTICATED,)}
    assert (kept.closed, by_key.closed) == ([], [])


def session(chain: bytes, agent: str) -> StoredSession:
    return StoredSession(
        digest=chain,
        tenant=DEFAULT,
        agent=agent,
        embedder="top",
        origin="test",
        created=NOW,
        expires=NOW + timedelta(hours=1),
    )
