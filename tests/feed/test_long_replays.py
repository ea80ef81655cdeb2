"""A long replay reads each message once and in parts, between which others have their turn."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast

from adapter import subscriptions
from adapter.events import ContactEvent, Stage
from adapter.store.database import Database
from adapter.tenants import Agent, Tenant
from tests import journal_rows as rows
from tests.feed.local import Local
from tests.server import PATIENCE

HERE = Tenant("here")
START = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGES = 5 * subscriptions.CHUNK
LAST = 20
"""Parts of a replay over a server: ten thousand messages."""


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


class Parts:
    """See a wallboard's replay go from part to part, and hold it within two of them."""

    def __init__(self, server: Local) -> None:
        self.second, self.sent, self.told = (threading.Event() for _ in range(3))
        self.was_told = False
        self._count = 0
        server.services.database.raw.set_trace_callback(self._asked)

    def _asked(self, statement: str) -> None:
        if "type NOT NULL ORDER BY position LIMIT" not in statement:
            return
        self._count += 1
        if self._count == 2:
            self.second.set()
            self.sent.wait(PATIENCE)
        elif self._count == LAST:
            self.was_told = self.told.wait(PATIENCE)


def test_anothers_event_is_pushed_before_a_long_replay_has_ended(tmp_path: Path) -> None:
    # So large a buffer that nothing but the end of a part makes the replay pause.
    with (
        Local(tmp_path, feed_buffer=1 << 30) as server,
        closing(HTTPConnection("127.0.0.1", server.port)) as phone_system,
    ):
        for _ in range(LAST):
            events = [server.event("updated", "c-1") for _ in range(subscriptions.CHUNK)]
            assert server.post(*events).json()["accepted"] == subscriptions.CHUNK
        phone_system.connect()
        bob = server.connect("bob")
        bob.next()
        parts = Parts(server)
        board = server.connect("*", after=0)
        assert parts.second.wait(PATIENCE)
        head = {
            "authorization": f"Bearer {server.key('ingest')}",
            "content-type": "application/cloudevents+json",
        }
        event = server.event("offered", "c-2", agent="bob")
        phone_system.request("POST", "/v1/events", json.dumps(event), head)
        parts.sent.set()  # the server has it to read, and is within the second part
        assert bob.next()["subject"] == "c-2"
        assert phone_system.getresponse().status == 202
        parts.told.set()
        told = [int(board.next()["sequence"]) for _ in range(LAST * subscriptions.CHUNK + 1)]
        assert told == list(range(1, len(told) + 1))
        assert parts.was_told
