"""Who the sessions are is read in parts, and comes to the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapter.store import sessions
from adapter.store.database import Database
from adapter.store.sessions import StoredSession
from adapter.tenants import Tenant

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def test_all_parts_together_are_all_sessions_of_panels(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "s.db"))
    database.migrate()
    with database.transaction() as cursor:
        for number in range(7):
            sessions.add(cursor, session(number))
    cursor = database.raw.cursor()
    everybody = sessions.agents(cursor)
    assert sorted(filter(None, everybody.values())) == [f"a-{each}" for each in (0, 1, 2, 4, 5, 6)]
    for most in (1, 2, 6, 7):
        found: dict[bytes, str | None] = {}
        after: int | None = 0
        sizes = []
        while after is not None:
            some, after = sessions.some_agents(cursor, after, most=most)
            sizes.append(len(some))
            found |= some
        assert found == everybody
        assert max(sizes) <= most
    database.close()


def session(number: int) -> StoredSession:
    return StoredSession(
        digest=b"%d" % number,
        tenant=Tenant("here"),
        agent=f"a-{number}",
        embedder="top",
        origin="test",
        created=NOW,
        expires=NOW + timedelta(hours=1),
        kind="portal" if number == 3 else "panel",
    )
