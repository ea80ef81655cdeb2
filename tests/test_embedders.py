"""Which pages show panels is read part by part, and kept a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapter import embedders
from adapter.close_codes import CloseCode
from adapter.embedders import KEPT, PART, Embedder, Embedders
from adapter.identity.people import Person
from adapter.sockets import Sockets
from adapter.store import people, sessions
from adapter.store.database import Database
from adapter.store.sessions import StoredSession
from adapter.tenants import DEFAULT, Agent, Tenant

ONE, OTHER = "https://one.example", "https://other.example"


class Open:
    """An open socket of a session."""

    key: str | None = None
    agent: Agent | None = None

    def __init__(self, session: bytes) -> None:
        self.session: bytes | None = session

    def close(self, code: CloseCode) -> None:
        """Do nothing."""

    def sweep(self, now: float, date: datetime, excused: float) -> None:
        """Do nothing."""

    def abandon(self) -> None:
        """Do nothing."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(str(tmp_path / "e.db"))
    database.migrate()
    yield database
    database.close()


def session(number: int, embedder: str, agent: str | None = "ann", **more: object) -> StoredSession:
    now = datetime.now(UTC)
    given = {
        "digest": number.to_bytes(32),
        "tenant": DEFAULT,
        "origin": "demo",
        "created": now,
        "expires": now + timedelta(hours=1),
        **more,
    }
    return StoredSession(embedder=embedder, agent=agent, **given)  # type: ignore[arg-type]


def add(database: Database, *made: StoredSession) -> None:
    with database.transaction() as cursor:
        for each in made:
            sessions.add(cursor, each)


def read(database: Database, sockets: Sockets | None = None) -> dict[str, Embedder]:
    found = asyncio.run(embedders.read(database, sockets or Sockets(), DEFAULT))
    return {each.origin: each for each in found}


def test_all_parts_are_put_together(database: Database) -> None:
    many = 2 * PART + 3
    add(database, *(session(n, f"{ONE} {OTHER}", f"a-{n % 700:03}") for n in range(many)))
    add(database, session(many, OTHER, "zoe"))
    sockets = Sockets()
    for number in (0, PART, many):
        sockets.add(Open(number.to_bytes(32)))
    found = read(database, sockets)
    assert len(found[ONE].agents) == 700
    assert found[OTHER].agents[-1] == "zoe"
    assert (found[ONE].connected, found[OTHER].connected) == (2, 3)


def test_a_session_that_two_tabs_have_renewed_is_open_once(database: Database) -> None:
    first = session(1, ONE)
    second = session(2, ONE, chain_of=first.digest, seen_at=first.created + timedelta(minutes=1))
    add(database, first, second)
    sockets = Sockets()
    sockets.add(Open(first.digest))
    found = read(database, sockets)[ONE]
    assert found == Embedder(ONE, ("ann",), 1, second.seen)


def test_what_is_over_or_no_panels_or_anothers_counts_for_nothing(database: Database) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    add(
        database,
        session(1, ONE, expires=past),
        session(2, ONE, replaced=past),
        session(3, ONE, kind="portal"),
        session(4, ONE, tenant=Tenant("another")),
    )
    assert read(database) == {}


def test_somebody_is_named_by_agent_else_by_name(database: Database) -> None:
    now = datetime.now(UTC)
    with database.transaction() as cursor:
        for number, (roles, agent, revoked) in enumerate(
            (({"agent"}, "al", None), ({"supervisor"}, "bo", None), ({"agent"}, "cy", now))
        ):
            person = Person(
                id=f"p{number}",
                tenant=DEFAULT,
                directory="d",
                subject=f"p{number}",
                name=f"Name {number}",
                given_roles=frozenset(roles),
                agent=agent,
                revoked=revoked,
                created=now,
                seen=now,
            )
            people.put(cursor, person)
    add(database, *(session(n, ONE, None, person=f"p{n}") for n in range(4)))
    assert read(database)[ONE].agents == ("?", "Name 1", "Name 2", "al")


def test_what_was_read_is_kept_for_some_seconds_alone(database: Database) -> None:
    clock = [100.0]
    known = Embedders(lambda: clock[0])
    asked: list[str] = []

    async def lately() -> set[str]:
        found = await known.lately(database, Sockets(), DEFAULT)
        return {each.origin for each in found}

    async def live() -> None:
        add(database, *(session(n, ONE) for n in range(PART)))
        database.raw.set_trace_callback(asked.append)
        assert list(await asyncio.gather(lately(), lately())) == [{ONE}, {ONE}]
        assert len(asked) == 2  # the parts of one reading, whoever asked
        database.raw.set_trace_callback(None)
        add(database, session(PART, OTHER))
        clock[0] += KEPT - 0.1
        assert await lately() == {ONE}
        clock[0] += 0.2
        assert await lately() == {ONE, OTHER}

    asyncio.run(live())
