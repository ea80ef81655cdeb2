from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter import standstill, tickets, workers
from adapter.web import feed_socket, feed_writing
from tests.feed.local import Local
from tests.feed.raw import CLOSE, PING, PONG, TEXT, Raw
from tests.server import PANEL, ROOT, Feed, Server, eventually

PANEL_PROGRAM = """
import sys
from websockets.sync.client import connect
url, key = sys.argv[1:]
with connect(url, subprotocols=["screenpop.v1"], additional_headers={"X-Api-Key": key}) as feed:
    for message in feed:
        print(message, flush=True)
"""


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Local]:
    """Give a server that pings after 0.2 s of silence and gives a peer up after 0.8 s."""
    monkeypatch.setattr(workers, "SWEEP_EVERY", 0.05)
    monkeypatch.setattr(feed_socket, "PING_AFTER", 0.2)
    monkeypatch.setattr(feed_socket, "DEAD_AFTER", 0.8)
    monkeypatch.setattr(feed_socket, "HELLO_DEADLINE", 0.3)
    monkeypatch.setattr(feed_writing, "CLOSE_DEADLINE", 0.3)
    monkeypatch.setattr(tickets, "LIFETIME", 0.5)
    server = Local(tmp_path, session_hours=1 / 3600)
    server.set_policy()
    with server:
        yield server


def test_a_silent_peer_is_pinged(impatient: Server) -> None:
    with Raw(impatient) as raw:
        assert raw.open("alice").frame().opcode == PING


def test_a_peer_that_answers_pings_stays(impatient: Server) -> None:
    with Raw(impatient) as raw:
        raw.open("alice")
        started = time.monotonic()
        while time.monotonic() - started < 1.5:
            ping = raw.frame()
            assert ping.opcode == PING
            raw.send(PONG, ping.payload)


def until_cut_off(raw: Raw) -> None:
    """See nothing but pings, and then the end."""
    while True:
        try:
            assert raw.frame().opcode == PING
        except (EOFError, ConnectionResetError):
            return


def stand_still(server: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold the server's loop up for longer than it gives a peer, as if the machine were paused."""
    monkeypatch.setattr(standstill, "LONGEST", 0.5)
    server.loop.call_soon_threadsafe(time.sleep, 1.5)


def test_a_peer_that_answers_nothing_is_cut_off(impatient: Server) -> None:
    with Raw(impatient) as raw:
        raw.open("alice")
        started = time.monotonic()
        assert raw.frame().opcode == PING
        until_cut_off(raw)
        assert 0.5 < time.monotonic() - started < 5


def test_who_was_silent_while_the_server_stood_still_is_asked_first(
    impatient: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Raw(impatient) as raw:
        raw.open("alice")
        stand_still(impatient, monkeypatch)
        for _ in range(3):
            ping = raw.frame()
            assert ping.opcode == PING
            raw.send(PONG, ping.payload)


def test_who_stays_silent_after_a_standstill_is_cut_off(
    impatient: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Raw(impatient) as raw:
        raw.open("alice")
        stand_still(impatient, monkeypatch)
        until_cut_off(raw)


def test_a_client_without_a_hello_is_closed_with_4408(impatient: Server) -> None:
    origin = {"Origin": impatient.url}
    feed = impatient.connect(scope=None, protocol=PANEL, headers=origin)
    started = time.monotonic()
    assert feed.close_code() == 4408
    assert time.monotonic() - started > 0.1


def greet(server: Server, ticket: str) -> Feed:
    feed = server.connect(scope=None, protocol=PANEL, headers={"Origin": server.url})
    feed.say(kind="hello", ticket=ticket)
    return feed


def ticket(server: Server) -> str:
    asked = server.request("POST", "/v1/feed/ticket", {"agent": "alice"}, scope="feed")
    return str(asked.json()["ticket"])


def test_a_ticket_that_is_too_old_opens_nothing(impatient: Server) -> None:
    assert greet(impatient, ticket(impatient)).next()["type"] == "welcome"
    old, asked = ticket(impatient), time.monotonic()
    eventually(lambda: time.monotonic() - asked > 0.6, "its time has passed")
    assert greet(impatient, old).close_code() == 4401


def test_the_feed_ends_with_the_session(impatient: Server) -> None:
    feed = greet(impatient, ticket(impatient))
    assert feed.next()["type"] == "welcome"
    assert feed.close_code() == 4401


def test_the_real_deadlines_are_those_of_the_contract() -> None:
    assert feed_socket.HELLO_DEADLINE == 5.0
    assert feed_socket.PING_AFTER < 25.0 <= 2 * workers.SWEEP_EVERY
    assert feed_socket.PING_AFTER + 2 * workers.SWEEP_EVERY < feed_socket.DEAD_AFTER < 60.0
    assert feed_socket.DEAD_AFTER + workers.SWEEP_EVERY < 70.0
    assert tickets.LIFETIME == 30.0


def test_a_client_that_does_not_answer_a_close_is_cut_off(impatient: Server) -> None:
    with Raw(impatient) as raw:
        raw.open("alice")
        raw.send(TEXT, b"\xff")
        frame = raw.frame()
        assert (frame.opcode, frame.code) == (CLOSE, 1007)
        started = time.monotonic()
        raw.send(PONG)
        assert raw.ended()
        assert time.monotonic() - started < 5


def test_the_pops_of_a_frozen_panel_go_to_another(impatient: Server) -> None:
    url = f"ws://127.0.0.1:{impatient.port}/v1/feed?agent=alice&panel=frozen"
    frozen = subprocess.Popen(
        [sys.executable, "-c", PANEL_PROGRAM, url, impatient.key("feed")],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert frozen.stdout is not None
        assert b"snapshot" in frozen.stdout.readline()
        impatient.answer("alice")
        assert b"contact.answered" in frozen.stdout.readline()
        assert json.loads(frozen.stdout.readline())["data"]["open"] is True
        frozen.send_signal(signal.SIGSTOP)
        panel = impatient.panel("alice", "awake")
        assert panel.next()["data"]["pops"][0]["present"] == "mirror"
        data = panel.until("screenpop.pop")["data"]
        assert (data["present"], data["attempt"], data["open"]) == ("card", 2, False)
    finally:
        frozen.kill()
        frozen.communicate()
