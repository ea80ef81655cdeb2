"""Take events while another program, a process of its own, holds the lock of the database."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ingest.doors import metric, problem
from tests.server import RECORD, Server, eventually

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("gone", flush=True)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that has taken an event: a tenant's first one needs a transaction."""
    made = Server(tmp_path)
    made.set_policy()
    with made:
        made.report("created", "first")
        yield made


@contextmanager
def locked(server: Server) -> Iterator[subprocess.Popen[str]]:
    """Have another process hold the lock."""
    program = [sys.executable, "-c", HOLD, str(server.database)]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def unlock(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "gone\n"


def pops(server: Server, contact: str, agent: str = "alice") -> dict[str, Any]:
    """Make an event that pops a record, which needs a transaction."""
    return server.event("answered", contact, agent=agent, attributes={"CrmId": RECORD})


def test_events_that_need_no_transaction_are_answered_and_shown_while_a_pop_waits(
    server: Server,
) -> None:
    panel, wallboard = server.panel("alice"), server.connect("*")
    popping = [pops(server, f"p-{number}") for number in range(3)]
    plain = [server.event("created", f"c-{number}") for number in range(30)]
    with locked(server) as process, ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(server.post, each) for each in popping]
        eventually(lambda: metric(server, "screenpop_journal_queue") == 3, "the pops wait")
        answers = list(pool.map(server.post, plain))
        assert [each.json()["accepted"] for each in answers] == [1] * 30
        for _ in plain:
            wallboard.until("screenpop.contact.created")
        assert not any(each.done() for each in waiting)
        assert "screenpop.pop" not in {each["type"] for each in panel.sync()}
        unlock(process)
        assert [each.result().json()["accepted"] for each in waiting] == [1] * 3
    opened = [panel.until("screenpop.pop")["subject"] for _ in popping]
    assert sorted(opened) == ["p-0", "p-1", "p-2"]
    assert "screenpop.pop" not in {each["type"] for each in panel.sync()}
    again = [server.post(each).json() for each in [*popping, *plain]]
    assert all((each["accepted"], each["duplicates"]) == (0, 1) for each in again)


def test_a_lock_that_stays_is_told_to_those_who_need_it_and_nothing_of_them_is_kept(
    server: Server,
) -> None:
    event = pops(server, "late")
    with locked(server) as process, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.post, event)
        while not waiting.done():
            assert server.post(server.event("created", "c")).status_code == 202
        refused = problem(waiting.result(), 503)
        assert "locked by another program" in refused["detail"]
        unlock(process)
    assert server.post(event).json()["accepted"] == 1


def test_a_server_that_stops_under_a_lock_has_told_everybody_and_lost_nothing(
    server: Server,
) -> None:
    told: list[httpx.Response] = []
    with locked(server):
        event = pops(server, "late")
        sender = threading.Thread(target=lambda: told.append(server.post(event)))
        sender.start()
        eventually(lambda: metric(server, "screenpop_journal_queue") == 1, "the pop waits")
        kept = server.report("created", "kept")
        assert server.stop() == 0, server.log()
        sender.join()
        problem(told[0], 503)
    server.start()
    assert server.post(kept).json()["duplicates"] == 1
    assert server.post(event).json()["accepted"] == 1


@pytest.mark.parametrize("place", ["in the redo log", "in the database"])
def test_a_duplicate_is_answered_whoever_holds_the_lock(server: Server, place: str) -> None:
    kept = [server.event("created", f"c-{number}") for number in range(3)]
    if place == "in the database":
        assert server.post(*kept).json()["accepted"] == 3
        server.restart()  # and nothing is remembered
    with locked(server):
        if place == "in the redo log":
            assert server.post(*kept).json()["accepted"] == 3
        for event in kept:
            assert server.post(event).json()["duplicates"] == 1
        again = server.post(*kept, server.event("created", "new")).json()
        assert (again["accepted"], again["duplicates"]) == (1, 3)
    server.restart(kill=True)
    assert server.post(*kept).json()["duplicates"] == 3


def test_an_event_that_repeats_known_links_needs_no_lock_and_a_new_link_does(
    server: Server,
) -> None:
    server.report("created", "a", links=["b", "c"])
    with locked(server) as process, ThreadPoolExecutor(1) as pool:
        server.report("updated", "a", links=["c", "b"])
        server.report("updated", "b", links=["a"])
        waiting = pool.submit(server.post, server.event("updated", "a", links=["d"]))
        eventually(lambda: metric(server, "screenpop_journal_queue") == 1, "the new link waits")
        unlock(process)
        assert waiting.result().status_code == 202
    linked = server.request("GET", "/v1/contacts/d", scope="admin")
    assert linked.status_code == 404  # nobody reported on it
    shown = server.request("GET", "/v1/contacts/a", scope="admin").json()
    assert shown["linked"] == ["b", "c", "d"]
