"""A long replay reads each message once and in parts, between which others have their turn."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast

import pytest

from adapter import app, settings
from adapter.events import ContactEvent, Stage
from adapter.messages import Message
from adapter.missed import CHAIN_ROWS, CHUNK, Missing
from adapter.store.database import Cursor, Database
from adapter.subscriptions import TOGETHER
from adapter.tenants import Agent, Tenant
from adapter.web.feed_socket import FeedSocket
from tests import journal_rows as rows
from tests.feed.local import Local
from tests.feed.raw import handshake
from tests.feed.test_lone_pongs import Written
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


class Reader(Written):
    """A transport that keeps what is written as waiting until its peer reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0

    def write(self, data: Any) -> None:
        super().write(data)
        self.waiting += len(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting


async def test_a_long_replay_leaves_in_few_writes_and_goes_on_where_a_full_buffer_stopped_it(
    tmp_path: Path,
) -> None:
    count, buffer = 300, 8 * TOGETHER
    with Local(tmp_path) as server:
        events = [server.event("updated", "c-1", agent="alice") for _ in range(count)]
        assert server.post(*events).json()["accepted"] == count
    services = app.create_services(settings.load(data_dir=tmp_path, feed_buffer=buffer))
    transport = Reader()
    socket = FeedSocket(services, set())
    socket.connection_made(transport)
    socket.begin(b"/v1/feed?agent=alice&after=0", handshake(server.key("feed")))
    pauses = 0
    while not socket.live:
        await asyncio.sleep(0)
        if transport.waiting > buffer // 2:
            assert transport.waiting <= buffer // 2 + 2 * TOGETHER
            transport.waiting, pauses = 0, pauses + 1
            socket.resume_writing()
    services.database.close()
    head, *said = [bytes(each) for each in transport.said if isinstance(each, bytes)]
    assert head.endswith(b"\r\n\r\n")  # alone, as the search took longer than its turn
    found = re.findall(rb'"sequence":"(\d+)"', b"".join(said))
    assert [int(each) for each in found] == list(range(1, count + 1))
    assert pauses > 1
    assert {each[0] for each in said} == {0x81}  # each write begins with a frame
    assert max(map(len, said)) < 2 * TOGETHER
    assert sum(len(each) < TOGETHER for each in said) <= 2  # the last of each part


def _failing_at(patch: pytest.MonkeyPatch, look: int) -> None:
    """Let one of the looks for what was missed fail as no store does."""
    read, looks = Missing.read, itertools.count(1)

    def failing(self: Missing, cursor: Cursor, after: int) -> list[Message] | None:
        if next(looks) == look:
            raise LookupError("a mistake of ours")
        return read(self, cursor, after)

    patch.setattr(Missing, "read", failing)


@pytest.mark.parametrize(("who", "look"), [("alice", 15), ("*", 3)])
def test_a_replay_that_fails_in_a_later_turn_ends_its_feed_and_the_client_can_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str, look: int
) -> None:
    with Local(tmp_path) as server:
        for _ in range(6):
            server.post(*(server.event("offered", "c-1", agent="alice") for _ in range(CHUNK)))
        with monkeypatch.context() as patch:
            _failing_at(patch, look)  # where some has been told
            feed = server.connect(who, after=0)
            assert feed.close_code() == 1006
        assert server.services.hub.feeds() == []
        assert list(server.services.sockets) == []
        last = int(feed.seen[-1]["sequence"])
        again = server.connect(who, after=last)
        assert int(again.next()["sequence"]) == last + 1


async def test_a_replay_that_fails_when_its_reader_has_read_ends_its_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Local(tmp_path) as server:
        server.post(*(server.event("updated", "c-1", agent="alice") for _ in range(300)))
    services = app.create_services(settings.load(data_dir=tmp_path, feed_buffer=4 * TOGETHER))
    transport = Reader()
    socket = FeedSocket(services, set())
    socket.connection_made(transport)
    socket.begin(b"/v1/feed?agent=*&after=0", handshake(server.key("feed")))
    assert socket.is_half_full()
    _failing_at(monkeypatch, 1)
    transport.waiting = 0
    socket.resume_writing()
    services.database.close()
    assert transport.said[-1] == "abort"
    assert services.hub.feeds() == []
