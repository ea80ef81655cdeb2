"""Show that a flood by one source waits behind itself, within bounds."""

from __future__ import annotations

import contextlib
import gc
import json
import signal
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter import shares
from adapter.shares import QUANTUM
from adapter.web.short_requests import ShortRequest
from tests.ingest.doors import EVENTS, read_answer
from tests.ingest.inside import Inside
from tests.server import PATIENCE, Client, Server, eventually

FLOOD = 50
WAYS = pytest.mark.parametrize("path", [EVENTS, f"{EVENTS}?long"], ids=["short", "long"])


class Source:
    """A sender with one connection and a key."""

    def __init__(self, server: Client, secret: str) -> None:
        self._server, self._secret = server, secret
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)

    def post(self, *contacts: str, path: str = EVENTS, size: int = 0) -> None:
        """Send an event of each contact, and do not wait for the answer."""
        events = [self._server.event("offered", contact, agent="alice") for contact in contacts]
        body = json.dumps(events if len(events) != 1 else events[0]).encode().ljust(size)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json"
            f"\r\nAuthorization: Bearer {self._secret}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)

    def answered(self) -> bool:
        """Whether the answer says that it is kept."""
        return read_answer(self.socket).status == 202

    def reset(self) -> None:
        """End the connection as who floods does: at once, with nothing left of it here."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    with Inside(tmp_path) as made:
        yield made


@contextlib.contextmanager
def flood(inside: Inside, count: int = FLOOD) -> Iterator[list[Source]]:
    """Open connections of one key, each of which has sent, beside another that has."""
    with contextlib.ExitStack() as stack:
        keys = [inside.other, *(inside.key for _ in range(count))]
        sources = [Source(inside, key) for key in keys]
        for source in sources:
            stack.enter_context(source.socket)
            source.post("first")
            assert source.answered()
        yield sources[1:]


@WAYS
def test_an_event_does_not_wait_for_those_of_another_key(tmp_path: Path, path: str) -> None:
    server = Server(tmp_path)
    with server.office() as office:
        other = office.create_key("default", "ingest", "other").secret
    with server, contextlib.ExitStack() as stack:
        many = [Source(server, server.key("ingest")) for _ in range(FLOOD)]
        one = Source(server, other)
        for source in (*many, one):
            stack.enter_context(source.socket)
            source.post("first", path=path)
            assert source.answered()
        board = server.connect("*")
        board.next()
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)  # so that all of them wait for the same turn
        for number, source in enumerate(many):
            source.post(f"flood-{number}", path=path)
        one.post("mine", path=path)
        server.process.send_signal(signal.SIGCONT)
        told = [board.next()["subject"] for _ in range(FLOOD + 1)]
        assert told.index("mine") < 5
        assert [each for each in told if each != "mine"] == [f"flood-{n}" for n in range(FLOOD)]
        assert all(source.answered() for source in (*many, one))


def test_who_posts_batches_gets_no_more_than_who_posts_events_one_by_one(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with server.office() as office:
        other = office.create_key("default", "ingest", "other").secret
    with server, contextlib.ExitStack() as stack:
        batches = [Source(server, server.key("ingest")) for _ in range(8)]
        single = [Source(server, other) for _ in range(FLOOD)]
        for source in (*batches, *single):
            stack.enter_context(source.socket)
            source.post("first")
            assert source.answered()
        board = server.connect("*")
        board.next()
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)  # so that all of them wait for the same turn
        for number, source in enumerate(batches):
            source.post(*(f"batch-{number}" for _ in range(32)))
        for source in single:
            source.post("single")
        server.process.send_signal(signal.SIGCONT)
        told = [board.next()["subject"] for _ in range(8 * 32 + FLOOD)]
        last = len(told) - 1 - told[::-1].index("single")
        assert last - FLOOD < 4 * 32, "a batch is a group, and its key sits out what it took"
        assert all(source.answered() for source in (*batches, *single))


@WAYS
def test_what_waits_of_a_key_has_a_limit_beyond_which_it_is_to_come_again(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(shares, "MOST_REQUESTS", 10)
    with flood(inside) as sources:
        with inside.held() as held:
            for number, source in enumerate(sources):
                source.post(f"c-{number}", path=path)
            held.read()
            if path == EVENTS:
                assert inside.waiting == 10
                assert b"screenpop_turn_queue 10.0" in inside.services.metrics.render()
        answers = [read_answer(source.socket) for source in sources]
    assert sorted({answer.status for answer in answers}) == [202, 429]
    if path == EVENTS:
        assert sum(answer.status == 202 for answer in answers) == QUANTUM + 10
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["retry-after"] == "1"
    assert b"waiting for their turn" in refused.body
    assert inside.waiting == 0


def test_what_waits_of_a_key_has_a_limit_in_bytes(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "MOST_BYTES", 100_000)
    with flood(inside) as sources:
        with inside.held() as held:
            for number, source in enumerate(sources):
                source.post(f"c-{number}", size=20_000)
            held.read()
            assert inside.waiting == 5
        kept = sum(source.answered() for source in sources)
    assert kept == QUANTUM + 5


@WAYS
def test_a_request_whose_sender_has_gone_waits_no_more(inside: Inside, path: str) -> None:
    with flood(inside) as sources:
        gc.collect()
        gc.disable()  # nothing is left for it
        try:
            before = _under_way()
            with inside.held() as held:
                for number, source in enumerate(sources):
                    source.post(f"c-{number}", path=path)
                held.read()
                for source in sources:
                    source.reset()
            eventually(lambda: inside.waiting == 0, "nothing waits")
            eventually(lambda: _under_way() <= before, "nothing is held")
        finally:
            gc.enable()
    begun = inside.services.metrics.events["accepted"].count - FLOOD - 1
    assert begun < FLOOD / 2


def test_a_connection_that_stays_holds_nothing_of_a_request_that_waited(inside: Inside) -> None:
    with flood(inside) as sources:
        gc.collect()
        gc.disable()
        try:
            before = _under_way()
            with inside.held() as held:
                for number, source in enumerate(sources):
                    source.post(f"c-{number}")
                held.read()
            assert all(source.answered() for source in sources)
            eventually(lambda: _under_way() <= before, "nothing is held")
        finally:
            gc.enable()


def test_an_answer_is_not_lost_to_what_comes_behind_it_while_the_server_ends(
    inside: Inside,
) -> None:
    with flood(inside) as sources:
        last = sources[-1]
        with inside.held() as held:
            for number, source in enumerate(sources):
                source.post(f"c-{number}")
            held.read()
            assert inside.waiting
            for _ in range(500):  # which are not read any more
                last.post("behind")
            held.first = inside.end_connections
        said = b""
        while more := last.socket.recv(65536):  # a reset would raise
            said += more
    assert said.startswith(b"HTTP/1.1 202 ")
    assert said.count(b"HTTP/1.1 ") == said.count(b"connection: close\r\n") == 1


def _under_way() -> int:
    return sum(isinstance(each, ShortRequest) for each in gc.get_objects())


@pytest.mark.parametrize("contacts", [(), ("one",)], ids=["nothing", "an event"])
def test_a_request_counts_as_an_event_at_least(inside: Inside, contacts: tuple[str, ...]) -> None:
    with flood(inside) as sources:
        with inside.held() as held:
            for source in sources:
                source.post(*contacts)
            held.read()
            assert inside.waiting == FLOOD - QUANTUM
        assert all(source.answered() for source in sources)
