"""A long replay reads each message once and in parts, between which others have their turn."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast

import pytest

from adapter.events import ContactEvent, Stage
from adapter.missed import CHAIN_ROWS, CHUNK, Missing
from adapter.store.database import Database
from adapter.tenants import Agent, Tenant
from tests import journal_rows as rows
from tests.feed.local import Local
from tests.server import PATIENCE

HERE = Tenant("here")
START = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGES = 5 * CHUNK
CONTACTS = 50
FEW = 5
"""Statements beside those for each row."""
LAST = 20
"""Parts of a replay over a server: ten thousand messages."""


class Away:
    """A feed of an agent who was away."""

    tenant = HERE
    agent = Agent(HERE, "alice")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A journal with many messages for the agent, of fifty contacts."""
    made = Database(str(tmp_path / "c.db"))
    made.migrate()
    made.serve()
    for number in range(MESSAGES):
        event = ContactEvent(
            source="s",
            id=f"e-{number}",
            contact=f"c-{number % CONTACTS}",
            time=START + timedelta(seconds=number),
            stage=Stage.OFFERED,
            agent="alice",
        )
        with rows.batch(made, START) as batch:
            assert rows.keep(batch, HERE, event)
    yield made
    made.close()


class Replay:
    """What a replay reads, turn by turn: the sequences, and how much was asked in each turn."""

    def __init__(self, database: Database) -> None:
        self.told: list[int] = []
        self.turns: list[int] = []
        self._asked: list[str] = []
        database.raw.set_trace_callback(self._asked.append)
        self._cursor = database.raw.cursor()
        self._missing = Missing(cast(Any, Away()))

    def turn(self) -> bool:
        """Read a part; False at the end."""
        self._asked.clear()
        missed = self._missing.read(self._cursor, self.told[-1] if self.told else 0)
        self.turns.append(len(self._asked))
        self.told += [each.sequence for each in missed or ()]
        return missed != []

    def end(self) -> None:
        """Read all that is left."""
        while self.turn():
            assert len(self.turns) < MESSAGES


def test_an_agents_chain_is_followed_once_for_all_parts_and_not_in_one_turn(
    database: Database,
) -> None:
    replay = Replay(database)
    replay.end()
    assert replay.told == list(range(1, MESSAGES + 1))
    assert sum(replay.turns) < 3 * MESSAGES
    assert max(replay.turns) <= CHAIN_ROWS + CHUNK + FEW


class Parts:
    """See a replay go from part to part by what it asks for, and hold it within two of them."""

    def __init__(self, server: Local, question: str, *, early: int, late: int) -> None:
        self.early, self.sent, self.told = (threading.Event() for _ in range(3))
        self.was_told = False
        self._question = question
        self._early, self._late = early, late
        self._count = 0
        server.services.database.raw.set_trace_callback(self._asked)

    def _asked(self, statement: str) -> None:
        if self._question not in statement:
            return
        self._count += 1
        if self._count == self._early:
            self.early.set()
            self.sent.wait(PATIENCE)
        elif self._count == self._late:
            self.was_told = self.told.wait(PATIENCE)


@pytest.mark.parametrize(
    ("who", "question", "early", "late"),
    [
        ("*", "type NOT NULL ORDER BY position LIMIT", 2, LAST),
        # While it is looked for what an agent has missed, and while that is read.
        ("alice", "SELECT links FROM journal WHERE", CHAIN_ROWS + 1, LAST * CHUNK),
        ("alice", "pop FROM journal WHERE position", CHUNK + 1, LAST * CHUNK),
    ],
)
def test_anothers_event_is_pushed_before_a_long_replay_has_ended(
    tmp_path: Path, who: str, question: str, early: int, late: int
) -> None:
    # So large a buffer that nothing but the end of a part makes the replay pause.
    with (
        Local(tmp_path, feed_buffer=1 << 30) as server,
        closing(HTTPConnection("127.0.0.1", server.port)) as phone_system,
    ):
        for _ in range(LAST):
            events = [server.event("updated", "c-1", agent="alice") for _ in range(CHUNK)]
            assert server.post(*events).json()["accepted"] == CHUNK
        phone_system.connect()
        bob = server.connect("bob")
        bob.next()
        parts = Parts(server, question, early=early, late=late)
        away = server.connect(who, after=0)
        assert parts.early.wait(PATIENCE)
        head = {
            "authorization": f"Bearer {server.key('ingest')}",
            "content-type": "application/cloudevents+json",
        }
        event = server.event("offered", "c-2", agent="bob")
        phone_system.request("POST", "/v1/events", json.dumps(event), head)
        parts.sent.set()  # the server has it to read, and is within the part
        assert bob.next()["subject"] == "c-2"
        assert phone_system.getresponse().status == 202
        parts.told.set()
        theirs = LAST * CHUNK + (who == "*")
        told = [int(away.next()["sequence"]) for _ in range(theirs)]
        assert told == list(range(1, theirs + 1))
        assert parts.was_told
