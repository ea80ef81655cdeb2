from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapter.web.http_connections import HttpConnection
from tests.feed.local import Local
from tests.feed.raw import CLOSE, Raw
from tests.server import Server, eventually

BUFFER = 16 * 1024
PADDING = {"Padding": "x" * 20_000}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("small")
    with Server(folder, SCREENPOP_FEED_BUFFER=str(BUFFER)) as server:
        yield server


@pytest.fixture
def server(small: Server) -> Iterator[Server]:
    yield small
    small.hang_up()


def flood(server: Server, agent: str, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        server.report("offered", f"{agent}-{number}", agent=agent, attributes=PADDING)


def closed(server: Server, code: int) -> int:
    text = server.http.get(server.url + "/metrics").text
    mark = f'screenpop_feeds_closed_total{{code="{code}"}} '
    return sum(
        int(float(row.removeprefix(mark))) for row in text.splitlines() if row.startswith(mark)
    )


def test_a_reader_that_stops_is_closed_with_4429_and_resumes_without_a_loss(
    server: Server,
) -> None:
    other = server.connect("slow")
    before = closed(server, 4429)
    sent = 0
    with Raw(server, receive_buffer=4096) as raw:
        raw.open("slow")
        while closed(server, 4429) == before:
            assert sent < 2000, "its buffer has no end"
            flood(server, "slow", 10, sent)
            sent += 10
        numbers, code = read_to_the_end(raw)
    assert code == 4429
    assert numbers == list(range(1, len(numbers) + 1))  # in order, none left out
    assert len(numbers) < sent
    again = server.connect("slow", after=numbers[-1])
    assert [int(again.next()["sequence"]) for _ in range(sent - len(numbers))] == list(
        range(numbers[-1] + 1, sent + 1)
    )
    other.next()
    assert [int(other.next()["sequence"]) for _ in range(sent)] == list(range(1, sent + 1))


def read_to_the_end(raw: Raw) -> tuple[list[int], int]:
    numbers: list[int] = []
    while True:
        frame = raw.frame()
        if frame.opcode == CLOSE:
            return numbers, frame.code
        numbers.append(int(json.loads(frame.payload)["sequence"]))


@pytest.mark.parametrize("who", ["*", "forgotten"])
def test_what_the_retention_removes_while_it_is_replayed_is_a_gap(tmp_path: Path, who: str) -> None:
    kept = 250
    with Server(tmp_path, SCREENPOP_FEED_BUFFER=str(BUFFER)) as server:
        flood(server, "forgotten", 300)
        with Raw(server, receive_buffer=4096) as raw:
            raw.socket.sendall(raw.request(f"{who}&after=0"))
            raw.head()  # the replay has begun, and pauses because nobody reads
            with closing(sqlite3.connect(server.database)) as other, other:
                eventually(lambda: count_rows(other) == 300, "the database has all of them")
                other.execute("DELETE FROM journal WHERE position & 0xffffffffff <= ?", (kept,))
            numbers, code = read_to_the_end(raw)
        assert code == 4429
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) < kept
        again = server.connect(who, after=numbers[-1])
        snapshot = again.next()
        assert snapshot["type"] == "screenpop.snapshot"
        assert snapshot["data"]["gap"] is True


def count_rows(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT count(*) FROM journal").fetchone()[0])


def test_a_snapshot_larger_than_the_buffer_reaches_a_slow_reader_whole(server: Server) -> None:
    flood(server, "busy", 300)  # 6 MB: more than the kernel takes in
    with Raw(server, receive_buffer=4096) as raw:
        raw.socket.sendall(raw.request("busy"))
        raw.head()
        server.report("offered", "busy-last", agent="busy", attributes=PADDING)
        snapshot = json.loads(raw.frame().payload)
        assert len(snapshot["data"]["contacts"]) == 300
        assert json.loads(raw.frame().payload)["subject"] == "busy-last"


def test_one_message_larger_than_the_buffer_is_delivered(server: Server) -> None:
    feed = server.connect("large")
    feed.next()
    for number in range(5):  # each message tells the whole contact
        server.report("updated", "large-1", agent="large", attributes={f"A{number}": "x" * 60_000})
    sizes = [len(json.dumps(feed.next())) for _ in range(5)]
    assert sizes[-1] > 3 * BUFFER
    server.report("ended", "large-1")
    assert feed.next()["type"] == "screenpop.contact.ended"


def test_a_slow_reader_slows_nobody_else(server: Server) -> None:
    with Raw(server, receive_buffer=4096) as raw:
        raw.open("jam")
        quick = server.connect("quick")
        quick.next()
        for number in range(200):
            flood(server, "jam", 1, number)
            started = time.monotonic()
            server.report("offered", f"quick-{number}", agent="quick")
            assert quick.next()["subject"] == f"quick-{number}"
            assert time.monotonic() - started < 2.0
        assert server.connect("jam").next()["type"] == "screenpop.snapshot"


def test_a_burst_larger_than_the_buffer_does_not_close_a_quick_reader(server: Server) -> None:
    feed = server.connect("burst")
    feed.next()
    events = [
        server.event("offered", f"burst-{number}", agent="burst", attributes={"P": "x" * 5000})
        for number in range(100)
    ]
    assert server.post(*events).json()["accepted"] == 100  # 550 KB in one commit
    assert [feed.next()["subject"] for _ in events] == [event["subject"] for event in events]


def test_a_pop_made_while_a_panel_still_reads_what_it_missed_is_its_to_open(
    tmp_path: Path,
) -> None:
    local = Local(tmp_path, feed_buffer=BUFFER)
    local.set_policy()
    with local as server:
        flood(server, "alice", 300)
        with Raw(server, receive_buffer=4096) as raw:
            raw.socket.sendall(raw.request("alice&after=0"))
            raw.head()
            server.answer("alice", "c-pop")
            server.answer("alice", "c-end")
            messages: list[dict[str, Any]] = []
            while not messages or messages[-1]["subject"] != "c-end" or len(messages) < 304:
                messages.append(json.loads(raw.frame().payload))
        pops = [each["data"] for each in messages if each["type"] == "screenpop.pop"]
        assert [(each["open"], each["attempt"]) for each in pops] == [(True, 1), (True, 1)]


def test_a_slow_start_is_not_held_against_a_websocket_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first words are written before it has the connection, which has a watch on slow peers."""
    monkeypatch.setattr(HttpConnection, "unread_seconds", 0.2)
    with Local(tmp_path, feed_buffer=BUFFER) as server:
        flood(server, "busy", 300)
        with Raw(server, receive_buffer=4096) as raw:
            raw.socket.sendall(raw.request("busy"))
            raw.head()
            raw.frame()
            time.sleep(1)
            server.report("offered", "busy-last", agent="busy")
            assert json.loads(raw.frame().payload)["subject"] == "busy-last"
