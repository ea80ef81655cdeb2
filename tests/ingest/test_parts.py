"""Take a large request in parts: its receipt is of the whole, and others have turns in between."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapter.parts import PART
from tests.ingest import test_firehose as firehose
from tests.ingest.doors import EVENTS, dial, head, metric, problem, read_answer, text
from tests.server import RECORD, Server, eventually

MANY = 5 * PART + 7


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("parts"))
    made.set_policy()
    with made:
        made.report("created", "first")
        yield made


def batch(server: Server, name: str, count: int = MANY) -> list[dict[str, Any]]:
    return [server.event("created", f"{name}-{number}") for number in range(count)]


def long_way(server: Server, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Post to a target that only the long way takes."""
    answer = server.request("POST", f"{EVENTS}?long", events, scope="ingest")
    assert answer.status_code == 202, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def test_a_receipt_is_of_the_whole_request_with_its_indices(server: Server) -> None:
    for way in (lambda events: server.post(*events).json(), lambda e: long_way(server, e)):
        events = batch(server, f"receipt-{id(way)}")
        events[PART + 3]["subject"] = ""
        events[4 * PART]["type"] = "com.example.other"
        events[-1] = events[0]
        told = way(events)
        assert (told["accepted"], told["duplicates"]) == (MANY - 3, 1)
        assert [each["index"] for each in told["rejected"]] == [PART + 3]
        assert told["ignored"] == 1
        assert way(events)["duplicates"] == MANY - 2


def test_a_large_request_is_several_commits_and_a_small_one_is_one(server: Server) -> None:
    def commits(count: int, name: str) -> float:
        before = metric(server, "screenpop_commits_total")
        server.post(*batch(server, name, count))
        return metric(server, "screenpop_commits_total") - before

    # Timers (the story's lines, the settings watch) may add some of their own.
    assert 1 <= commits(PART, "small") <= 4
    assert commits(MANY, "large") >= 6
    assert metric(server, "screenpop_journal_queue") == 0


def test_a_firehose_body_is_taken_in_parts_and_answered_once(server: Server) -> None:
    documents = [firehose.record(f"hose-{number}") for number in range(2 * PART + 1)]
    before = metric(server, "screenpop_commits_total")
    answer = firehose.post(server, firehose.request(*documents, identity="r-1"))
    assert (answer.status_code, answer.json()["requestId"]) == (200, "r-1")
    assert metric(server, "screenpop_commits_total") - before >= 3


def test_a_part_that_is_refused_refuses_the_request_and_what_was_kept_counts_as_duplicate(
    server: Server,
) -> None:
    events = batch(server, "refused")
    popping = server.event("answered", "refused", agent="alice", attributes={"CrmId": RECORD})
    events[2 * PART + 5] = popping
    with closing(sqlite3.connect(server.database, isolation_level=None, timeout=5)) as other:
        other.execute("BEGIN IMMEDIATE")
        problem(server.post(*events), 503)
        other.execute("ROLLBACK")
    assert metric(server, "screenpop_journal_queue") == 0
    told = server.post(*events).json()
    assert (told["accepted"], told["duplicates"]) == (MANY - 2 * PART, 2 * PART)


@contextmanager
def underway(
    server: Server, connection: socket.socket, events: list[dict[str, Any]]
) -> Iterator[None]:
    """Send events of which the second part waits for the database's lock, until the block ends."""
    events[PART] = server.event("answered", "waits", agent="al", attributes={"CrmId": RECORD})
    body = text(events)
    lines = (f"X-Api-Key: {server.secret('ingest')}", "Content-Type: application/json")
    whole = head(server, EVENTS, *lines, f"Content-Length: {len(body)}") + body
    left = len(events) - PART
    locking = closing(sqlite3.connect(server.database, isolation_level=None, timeout=5))
    with locking as other:
        other.execute("BEGIN IMMEDIATE")
        connection.sendall(whole)
        eventually(lambda: metric(server, "screenpop_journal_queue") == left, "it is underway")
        yield
        other.execute("ROLLBACK")


def test_a_sender_that_goes_away_meanwhile_leaves_all_it_sent(server: Server) -> None:
    events = batch(server, "gone")
    with dial(server) as connection, underway(server, connection, events):
        connection.close()
    eventually(lambda: metric(server, "screenpop_journal_queue") == 0, "nothing waits")
    assert server.post(*events).json()["duplicates"] == MANY


@pytest.mark.parametrize("count", [PART + 9, 1000], ids=["short", "long"])
def test_a_server_that_stops_finishes_the_request_first(tmp_path: Path, count: int) -> None:
    made = Server(tmp_path)
    made.set_policy()
    with made as server, ThreadPoolExecutor(1) as pool:
        server.report("created", "first")
        with dial(server) as connection:
            with underway(server, connection, batch(server, "stopping", count)):
                stopped = pool.submit(server.stop)
                eventually(lambda: _is_closed(server), "it stops")
            answer = read_answer(connection)
        assert (answer.status, json.loads(answer.body)["accepted"]) == (202, count)
        assert stopped.result() == 0, server.log()


def _is_closed(server: Server) -> bool:
    try:
        dial(server).close()
    except ConnectionRefusedError:
        return True
    return False


def test_many_large_requests_of_one_key_fill_no_queue(tmp_path: Path) -> None:
    limited = Server(tmp_path, SCREENPOP_QUEUE_LIMIT=str(8 * MANY))
    with limited as server, ThreadPoolExecutor(8) as pool:
        with server.office() as office:
            another = office.create_key("default", "ingest", "another").secret
        beside = {"authorization": f"Bearer {another}"}

        def small() -> int:
            return server.post(server.event("created", "small"), headers=beside).status_code

        eventually(lambda: small() == 202, "the other key is known")
        bodies = [batch(server, f"many-{number}") for number in range(8)]
        large = [pool.submit(server.post, *body) for body in bodies]
        assert {small() for _ in range(20)} == {202}
        assert {each.result().status_code for each in large} == {202}


def test_what_waits_for_a_large_request_of_its_key_has_a_limit(tmp_path: Path) -> None:
    limited = Server(tmp_path, SCREENPOP_QUEUE_LIMIT=str(2 * MANY))
    limited.set_policy()
    with limited as server, contextlib.ExitStack() as stack:
        server.report("created", "first")
        first, *others = (stack.enter_context(dial(server)) for _ in range(3))
        with underway(server, first, batch(server, "underway")):
            for number, other in enumerate(others):
                body = text(batch(server, f"waits-{number}"))
                lines = (f"X-Api-Key: {server.secret('ingest')}", "Content-Type: application/json")
                other.sendall(head(server, EVENTS, *lines, f"Content-Length: {len(body)}") + body)
            eventually(lambda: metric(server, "screenpop_turn_queue") == 2, "the others wait")
            refused = problem(server.post(*batch(server, "too-much")), 429)
        assert "of this key are waiting" in refused["detail"]
        assert {read_answer(each).status for each in (first, *others)} == {202}
        assert metric(server, "screenpop_turn_queue") == 0
