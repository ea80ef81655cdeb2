"""Feeds whose sessions or keys are over are closed, some at a time, whichever of them fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapter import app, changes, settings
from adapter.close_codes import UNAUTHENTICATED, CloseCode
from adapter.registry import Changes
from adapter.services import Services
from adapter.store import sessions
from adapter.store.sessions import StoredSession
from adapter.tenants import DEFAULT, Agent
from adapter.tickets import Tickets
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


class Broken(Panel):
    """A socket whose connection has ended without a word: nothing can be done with it."""

    cut: int = 0

    def close(self, code: CloseCode) -> None:
        super().close(code)
        raise RuntimeError("the handler is closed")

    def abandon(self) -> None:
        self.cut += 1
        raise RuntimeError("the handler is closed")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """A server's objects, with its settings read."""
    Server(tmp_path).make_keys()
    made = app.create_services(settings.load(data_dir=tmp_path))
    made.registry.refresh()
    with closing(made.database):
        yield made


def of_key(services: Services, tmp_path: Path) -> tuple[str, list[Panel]]:
    """Open sockets with a key, of which every second is broken, and begin a session with it."""
    with Server(tmp_path).office() as office:
        key = office.create_key("default", "feed", "short-lived").id
    services.registry.refresh()
    with services.database.transaction() as cursor:
        sessions.add(cursor, session(b"begun", "a", origin=f"key {key}"))
    opened = [
        kind(None, Agent(DEFAULT, "a"), key=key) for _ in range(10) for kind in (Broken, Panel)
    ]
    for each in opened:
        services.sockets.add(each)
    with Server(tmp_path).office() as office:
        office.revoke_key(key)
    return key, opened


def is_known(services: Services, chain: bytes) -> bool:
    with services.database.reading_tables():
        return chain in sessions.agents(services.database.raw.cursor(), {chain})


async def test_a_broken_socket_keeps_no_other_of_a_revoked_key_open(
    services: Services, tmp_path: Path
) -> None:
    _, opened = of_key(services, tmp_path)
    await changes.apply(services)
    assert {tuple(each.closed) for each in opened} == {(UNAUTHENTICATED,)}
    assert {each.cut for each in opened if isinstance(each, Broken)} == {1}
    assert [each for each in services.sockets if isinstance(each, Broken)] == []
    assert services.registry.pending == Changes()
    assert not is_known(services, b"begun")


async def test_a_change_that_could_not_be_carried_out_is_tried_again(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, opened = of_key(services, tmp_path)

    def mistaken(*_: object) -> None:
        raise LookupError("a mistake of ours")

    with monkeypatch.context() as patch:
        patch.setattr(Tickets, "drop", mistaken)
        with pytest.raises(LookupError):
            await changes.apply(services)
    assert services.registry.pending.revoked == {key}
    await changes.apply(services)
    assert {tuple(each.closed) for each in opened} == {(UNAUTHENTICATED,)}
    assert not is_known(services, b"begun")


@pytest.mark.parametrize("kept", [True, False], ids=["of another agent now", "signed out"])
async def test_a_broken_socket_of_an_ended_session_holds_up_no_settings(
    services: Services, tmp_path: Path, kept: bool
) -> None:
    if kept:
        with services.database.transaction() as cursor:
            sessions.add(cursor, session(b"one", "after"))
    opened = [kind(b"one", Agent(DEFAULT, "before")) for kind in (Broken, Panel, Broken, Panel)]
    for each in opened:
        services.sockets.add(each)
    generation = services.registry.generation
    await changes.apply(services)
    assert {tuple(each.closed) for each in opened} == {(UNAUTHENTICATED,)}
    assert services.registry.generation > generation


def test_a_broken_socket_keeps_no_other_of_a_session_open_that_signs_out(
    services: Services,
) -> None:
    opened = [kind(b"one", Agent(DEFAULT, "a")) for kind in (Broken, Panel, Broken, Panel)]
    other = Panel(b"another", Agent(DEFAULT, "a"))
    for each in (*opened, other):
        services.sockets.add(each)
    services.close_session(b"one")
    assert {tuple(each.closed) for each in opened} == {(UNAUTHENTICATED,)}
    assert other.closed == []


async def test_many_panels_whose_sessions_are_over_are_closed_with_turns_of_the_loop_between(
    services: Services,
) -> None:
    panels = [
        Panel(b"%d" % number, Agent(DEFAULT, f"a-{number}"))
        for number in range(PARTS * changes.AT_ONCE)
    ]
    kept, by_key = Panel(b"kept", Agent(DEFAULT, "kept")), Panel(None, Agent(DEFAULT, "a-1"))
    other = Panel(b"other", Agent(DEFAULT, "before"))  # the session is another agent's now
    with services.database.transaction() as cursor:
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


def session(chain: bytes, agent: str, origin: str = "test") -> StoredSession:
    return StoredSession(
        digest=chain,
        tenant=DEFAULT,
        agent=agent,
        embedder="top",
        origin=origin,
        created=NOW,
        expires=NOW + timedelta(hours=1),
    )
