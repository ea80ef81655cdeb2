"""Kill the server under load, and while it writes behind: what it acknowledged is there, once."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapter.store import journal
from adapter.telephony.cloudevents import MAX_BATCH
from tests.crash.load import storm
from tests.server import Server, eventually

KILLS = 10


@pytest.mark.crash
@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9_once_and_in_order(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        books = asyncio.run(storm(server, KILLS, random.Random(2)))
    assert books.kills >= KILLS
    assert len(books.acknowledged) > 100
    assert books.resent > 0  # the crashes did hit requests


@pytest.mark.crash
@pytest.mark.slow
def test_a_kill_in_the_midst_of_writing_the_index_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with Server(tmp_path, SCREENPOP_RATE_LIMIT="1000000") as server:
        events = [
            server.event("answered", f"c-{number // 2}", agent=f"agent-{number % 40}")
            for number in range(17 * MAX_BATCH)  # more than are sorted at once
        ]
        batches = [events[at : at + MAX_BATCH] for at in range(0, len(events), MAX_BATCH)]
        for batch in batches:
            assert server.post(*batch).json()["accepted"] == len(batch)
        eventually(lambda: _is_midway(server.database), "the index is being written")
        server.kill9()
        assert _is_midway(server.database)  # or the kill came too late to tell
        server.start()
        wallboard = server.connect("*", after=0)
        told = [wallboard.next()["data"]["event"]["id"] for _ in events]
        assert told == [event["id"] for event in events]
        for batch in batches:
            assert server.post(*batch).json()["duplicates"] == len(batch)
        assert wallboard.quiet()
        for number in (0, len(events) - 1):  # of the half that was written, and of the other
            found = server.request("GET", f"/v1/contacts/c-{number // 2}", scope="admin").json()
            assert found["stage"] == "answered"


def _is_midway(database: Path) -> bool:
    """Whether the index has events of which its mark, which is written last, does not know yet."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reading:
        (newest,) = reading.execute("SELECT max(position) FROM event_keys").fetchone()
        (marked,) = reading.execute("SELECT max(sequence) FROM journal_marks").fetchone()
    return newest is not None and journal.sequence_of(newest) > marked
