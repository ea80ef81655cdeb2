"""A long replay reads each message once, however many parts it is sent in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from adapter import subscriptions
from adapter.events import ContactEvent, Stage
from adapter.store.database import Database
from adapter.tenants import Agent, Tenant
from tests import journal_rows as rows

HERE = Tenant("here")
START = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGES = 5 * subscriptions.CHUNK


class Away:
    """A feed of an agent who was away."""

    tenant = HERE
    agent = Agent(HERE, "alice")


def test_an_agents_chain_is_followed_once_for_all_parts(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "c.db"))
    database.migrate()
    database.serve()
    for number in range(MESSAGES):
        event = ContactEvent(
            source="s",
            id=f"e-{number}",
            contact=f"c-{number % 50}",
            time=START + timedelta(seconds=number),
            stage=Stage.OFFERED,
            agent="alice",
        )
        with rows.batch(database, START) as made:
            assert rows.keep(made, HERE, event)
    asked: list[str] = []
    database.raw.set_trace_callback(asked.append)
    cursor, ahead = database.raw.cursor(), list[int]()
    told: list[int] = []
    while missed := subscriptions._missed(  # noqa: SLF001 - what a replay does in parts
        cursor, cast(Any, Away()), told[-1] if told else 0, ahead
    ):
        told += [each.sequence for each in missed]
    database.raw.set_trace_callback(None)
    assert told == list(range(1, MESSAGES + 1))
    assert len(asked) < 3 * MESSAGES
    database.close()
