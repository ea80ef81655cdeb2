"""The hot POST is answered without ASGI, byte for byte as the application would answer it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from adapter import app, pipeline, server, settings
from adapter.errors import StoreUnavailable
from adapter.office import opened
from adapter.telephony import standard_webhooks
from adapter.web import short_ingest
from adapter.web.http_connections import HttpConnection
from adapter.web.short_requests import ShortConnection
from tests.server import eventually

pytestmark = pytest.mark.xdist_group("short-requests")

LIMIT = 20_000
STRUCTURED = "Content-Type: application/cloudevents+json"
PLAIN = "Content-Type: application/json"


class Pair:
    """Two servers that know the same keys: one with the short way, one without."""

    def __init__(self, folder: Path) -> None:
        self.ports: list[int] = []
        self._running: list[tuple[uvicorn.Server, threading.Thread]] = []
        chosen = self._settings(folder / "short")
        with opened(chosen) as office:
            self.key = office.create_key("default", "ingest", "test").secret
            self.other_key = office.create_key("default", "admin", "test").secret
            self.signing = office.create_signing_secret("default", "test").secret
        shutil.copytree(folder / "short", folder / "long")
        for name, kind in (("short", ShortConnection), ("long", HttpConnection)):
            self._start(self._settings(folder / name), kind)

    @staticmethod
    def _settings(folder: Path) -> settings.Settings:
        return settings.load(data_dir=folder, body_limit=LIMIT, allow_loopback=True, rate_limit=1e6)

    def _start(self, chosen: settings.Settings, kind: type[HttpConnection]) -> None:
        made: list[uvicorn.Server] = []

        def run() -> None:
            services = app.create_services(chosen)
            config = server.config(services, app.create_app(services), chosen)
            config.http, config.port = kind, 0
            made.append(uvicorn.Server(config))
            made[0].run()

        thread = threading.Thread(target=run)
        thread.start()
        eventually(lambda: bool(made) and made[0].started, "the server listens")
        self._running.append((made[0], thread))
        self.ports.append(made[0].servers[0].sockets[0].getsockname()[1])

    def stop(self) -> None:
        for running, thread in self._running:
            running.should_exit = True
            thread.join()

    def same(self, *pieces: bytes, answers: int = 1) -> list[bytes]:
        """Send the same to both, and give the answers, which must be the same but for the time."""
        short, long = (talk(port, pieces, answers) for port in self.ports)
        assert short == long
        return short


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.stop()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give the bodies that have gone the short way."""
    bodies: list[bytes] = []
    real = short_ingest.take

    def take(services: Any, headers: Any, body: bytes, tell: Any) -> None:
        bodies.append(body)
        real(services, headers, body, tell)

    monkeypatch.setattr(short_ingest, "take", take)
    return bodies


def talk(port: int, pieces: tuple[bytes, ...], answers: int) -> list[bytes]:
    """Send pieces one by one; give the answers, and "closed" where the connection is."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.01)
            peer.sendall(piece)
        read = Reading(peer)
        found = [answer for _ in range(answers) if (answer := read.answer())]
        # Where a refusal came before the body was whole, it is the sender who should end it.
        if b"connection: close" in found[-1] and len(pieces) == 1:
            found.append(read.rest())
    return found


class Reading:
    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._read = b""

    def answer(self) -> bytes:
        """Read one answer by its length; nothing where the connection has ended."""
        while b"\r\n\r\n" not in self._read:
            if not self._more():
                return b""
        head, _, _ = self._read.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        whole = len(head) + 4 + int(length[1])
        while len(self._read) < whole:
            assert self._more()
        answer, self._read = self._read[:whole], self._read[whole:]
        return re.sub(rb"date: [^\r]*", b"date: now", answer)

    def rest(self) -> bytes:
        while self._more():
            pass
        return self._read + b"closed"

    def _more(self) -> bool:
        with contextlib.suppress(ConnectionResetError):
            more = self._peer.recv(65536)
            self._read += more
            return bool(more)
        return False


EVENT = {
    "specversion": "1.0",
    "source": "urn:test",
    "type": "screenpop.contact.offered",
    "subject": "c-1",
    "data": {"agent": "alice", "attributes": {"A": "1"}},
}
numbers = iter(range(10**6))


def event(**changes: Any) -> bytes:
    """Write an event that was never sent before."""
    return json.dumps({**EVENT, "id": f"e-{next(numbers)}", **changes}).encode()


def post(body: bytes, *lines: str, first: str = "POST /v1/events HTTP/1.1") -> bytes:
    """Write a request; the length of its body is added."""
    head = [first, "Host: here", *lines, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    """Write a body in chunks (RFC 9112, 7.1)."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + b"0\r\n" + trailer + b"\r\n"


def status(answer: bytes) -> int:
    return int(answer[9:12])


def test_one_event_is_accepted_and_then_known(pair: Pair, taken: list[bytes]) -> None:
    body = event()
    request = post(body, f"Authorization: Bearer {pair.key}", STRUCTURED)
    (first,) = pair.same(request)
    (second,) = pair.same(request)
    assert first.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert first.endswith(b'{"accepted":1,"duplicates":0,"ignored":0,"rejected":[]}')
    assert second.endswith(b'{"accepted":0,"duplicates":1,"ignored":0,"rejected":[]}')
    assert taken == [body, body]


USUAL = ("X-Api-Key: {key}", STRUCTURED)
REQUESTS: dict[str, tuple[int, Callable[[Pair], bytes]]] = {
    "basic key": (202, lambda p: post(event(), f"Authorization: Bearer {p.key}", PLAIN)),
    "upper case": (202, lambda p: post(event(), f"X-API-KEY: {p.key}", STRUCTURED)),
    "a batch": (
        202,
        lambda p: post(b"[%b,{},%b]" % (event(), event()), f"X-Api-Key: {p.key}", PLAIN),
    ),
    "an empty batch": (202, lambda p: post(b"[]", f"X-Api-Key: {p.key}", PLAIN)),
    "another type": (202, lambda p: post(event(type="other"), f"X-Api-Key: {p.key}", STRUCTURED)),
    "binary mode": (
        202,
        lambda p: post(
            b'{"agent":"bob"}',
            *(f"X-Api-Key: {p.key}", PLAIN, "ce-specversion: 1.0", "ce-id: b-1"),
            *("ce-source: urn:b", "ce-subject: c-2", "ce-type: screenpop.contact.offered"),
        ),
    ),
    "close": (202, lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, "Connection: close")),
    "by TLS": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, "X-Forwarded-Proto: https"),
    ),
    "by TLS, and close": (
        202,
        lambda p: post(
            event(),
            *(f"X-Api-Key: {p.key}", PLAIN, "X-Forwarded-Proto: https", "Connection: close"),
        ),
    ),
    "by nothing known": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, "X-Forwarded-Proto: gopher"),
    ),
    "refused by TLS": (401, lambda _: post(event(), PLAIN, "X-Forwarded-Proto: https")),
    "HTTP/1.0": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, first="POST /v1/events HTTP/1.0"),
    ),
    "a query": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, first="POST /v1/events?a=b HTTP/1.1"),
    ),
    "the whole address": (
        202,
        lambda p: post(
            event(), f"X-Api-Key: {p.key}", PLAIN, first="POST http://here/v1/events HTTP/1.1"
        ),
    ),
    "an escaped path": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, first="POST /v1/%65vents HTTP/1.1"),
    ),
    "Amazon's route": (
        400,
        lambda p: post(
            event(), f"X-Api-Key: {p.key}", first="POST /v1/events/amazon-connect HTTP/1.1"
        ),
    ),
    "an upgrade to nothing known": (  # after which the parser reads no body
        400,
        lambda p: post(
            event(), f"X-Api-Key: {p.key}", PLAIN, "Connection: Upgrade", "Upgrade: h2c"
        ),
    ),
    "no key": (401, lambda _: post(event(), STRUCTURED)),
    "a wrong key": (401, lambda _: post(event(), "X-Api-Key: sp_000000000000_x", STRUCTURED)),
    "another kind of key": (401, lambda _: post(event(), "Authorization: Digest x", STRUCTURED)),
    "a key of another scope": (403, lambda p: post(event(), f"X-Api-Key: {p.other_key}", PLAIN)),
    "no media type": (415, lambda p: post(event(), f"X-Api-Key: {p.key}")),
    "another media type": (
        415,
        lambda p: post(event(), f"X-Api-Key: {p.key}", "Content-Type: text/plain"),
    ),
    "packed": (415, lambda p: post(event(), f"X-Api-Key: {p.key}", "Content-Encoding: gzip")),
    "no JSON": (400, lambda p: post(b"{", f"X-Api-Key: {p.key}", PLAIN)),
    "nothing at all": (400, lambda p: post(b"", f"X-Api-Key: {p.key}", PLAIN)),
    "nothing, from nobody": (401, lambda _: post(b"", PLAIN)),
    "a bad event": (400, lambda p: post(event(subject=""), f"X-Api-Key: {p.key}", STRUCTURED)),
    "nested too deep": (413, lambda p: post(b"[" * 99, f"X-Api-Key: {p.key}", STRUCTURED)),
    "too long": (413, lambda p: post(b" " * (LIMIT + 1), f"X-Api-Key: {p.key}", PLAIN)),
    "too long, from nobody": (401, lambda _: post(b" " * (LIMIT + 1), PLAIN)),
    "as long as may be": (
        202,
        lambda p: post(event().ljust(LIMIT), f"X-Api-Key: {p.key}", PLAIN),
    ),
    "another method": (405, lambda _: post(b"", first="DELETE /v1/events HTTP/1.1")),
    "no method": (400, lambda _: post(b"", first="BREW /v1/events HTTP/1.1")),
    "no HTTP": (400, lambda _: b"Hello\r\n\r\n"),
    "two lengths": (
        400,
        lambda p: post(event(), f"X-Api-Key: {p.key}", "Content-Length: 1"),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_any_request_is_answered_the_same_on_both_ways(pair: Pair, name: str) -> None:
    expected, request = REQUESTS[name]
    answer = pair.same(request(pair))[0]
    assert status(answer) == expected, answer


@pytest.mark.parametrize("name", REQUESTS)
def test_any_request_in_two_pieces_is_answered_the_same(pair: Pair, name: str) -> None:
    expected, request = REQUESTS[name]
    whole = request(pair)
    answer = pair.same(whole[:-1], whole[-1:])[0]
    assert status(answer) == expected, answer


def test_a_request_of_tls_is_told_to_come_by_tls_again(pair: Pair) -> None:
    (answer,) = pair.same(REQUESTS["by TLS"][1](pair))
    assert b"strict-transport-security: max-age=" in answer
    (answer,) = pair.same(REQUESTS["by nothing known"][1](pair))
    assert b"strict-transport-security" not in answer


@pytest.mark.parametrize("place", [None, 0, 1])
def test_a_signed_request_is_judged_by_its_body(pair: Pair, place: int | None) -> None:
    body, now = event(), int(time.time())
    secret = standard_webhooks.decode_secret(pair.signing)
    signature = standard_webhooks.sign(secret, "m-1", now, body)
    sent = body if place is None else body[:place] + b" " + body[place:]
    lines = ("webhook-id: m-1", f"webhook-timestamp: {now}", f"webhook-signature: {signature}")
    answer = pair.same(post(sent, *lines, STRUCTURED))[0]
    assert status(answer) == (202 if place is None else 401)


@pytest.mark.parametrize("is_whole", [True, False])
def test_chunks_are_put_together(pair: Pair, taken: list[bytes], is_whole: bool) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\nX-Api-Key: {pair.key}\r\n{PLAIN}\r\n"
    body = event()
    sent = [head.encode(), b"Transfer-Encoding: chunked\r\n\r\n", chunked(body[:9], body[9:])]
    (answer,) = pair.same(b"".join(sent)) if is_whole else pair.same(*sent)
    assert status(answer) == 202
    assert not is_whole or taken == [body]


def test_chunks_that_grow_too_long_are_refused(pair: Pair) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\nX-Api-Key: {pair.key}\r\n{PLAIN}\r\n"
    body = chunked(b" " * LIMIT, b" ")
    answer = pair.same(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + body)[0]
    assert status(answer) == 413


@pytest.mark.parametrize("pieces", [1, 2])
def test_a_trailer_is_no_header(pair: Pair, pieces: int) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\n{PLAIN}\r\n".encode()
    sent = head + b"Transfer-Encoding: chunked\r\n\r\n"
    body = chunked(event(), trailer=f"X-Api-Key: {pair.key}\r\n".encode())
    answer = pair.same(sent + body)[0] if pieces == 1 else pair.same(sent, body)[0]
    assert status(answer) == 401


def test_a_malformed_chunk_is_no_request(pair: Pair) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\nX-Api-Key: {pair.key}\r\n{PLAIN}\r\n"
    sent = f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\n[]   x".encode()
    answers = pair.same(sent)
    assert status(answers[0]) == 400
    assert answers[1] == b"closed"


def test_requests_in_a_row_are_answered_in_turn(pair: Pair, taken: list[bytes]) -> None:
    usual = (f"X-Api-Key: {pair.key}", PLAIN)
    first, bad = post(event(), *usual), post(b"[]x", *usual)
    page = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
    in_one = first + bad + page + first + first[:40]
    answers = pair.same(in_one, first[40:], answers=5)
    assert [status(answer) for answer in answers] == [202, 400, 200, 202, 202]
    assert b'"duplicates":1' in answers[3]
    assert 1 <= len(taken) <= 2  # the first, and the last if the others were answered by then


def test_a_refusal_in_front_of_another_request_ends_both(pair: Pair) -> None:
    answers = pair.same(post(event(), PLAIN) + post(event(), f"X-Api-Key: {pair.key}", PLAIN))
    assert status(answers[0]) == 401
    assert answers[1:] == [b"closed"]


def test_noise_behind_a_request_ends_the_connection(pair: Pair) -> None:
    answers = pair.same(post(event(), f"X-Api-Key: {pair.key}", PLAIN) + b"\x00 noise\r\n\r\n")
    assert status(answers[0]) == 400
    assert answers[1:] == [b"closed"]


def test_who_asks_first_is_told_to_go_on(pair: Pair) -> None:
    request = post(event(), f"X-Api-Key: {pair.key}", PLAIN, "Expect: 100-continue")
    for port in pair.ports:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.sendall(request)
            read = Reading(peer)
            assert peer.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert status(read.answer()) == 202


def test_a_request_cut_anywhere_is_answered_the_same(pair: Pair) -> None:
    usual = (f"X-Api-Key: {pair.key}", STRUCTURED)
    whole = post(event(data={}), *usual)
    for port in pair.ports:
        found = []
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            read = Reading(peer)
            for cut in range(1, len(whole)):
                peer.sendall(whole[:cut])
                time.sleep(0.001)
                peer.sendall(whole[cut:])
                found.append(read.answer())
        assert b'"accepted":1' in found[0]
        assert b'"duplicates":1' in found[1]
        assert set(found[1:]) == {found[1]}


def test_a_connection_serves_one_request_after_the_other(pair: Pair, taken: list[bytes]) -> None:
    port = pair.ports[0]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        read = Reading(peer)
        for _ in range(3):
            peer.sendall(post(event(), f"X-Api-Key: {pair.key}", STRUCTURED))
            assert b'"accepted":1' in read.answer()
    assert len(taken) == 3


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ZeroDivisionError("ours"), 500), (StoreUnavailable("full", retry_after=7), 503)],
)
def test_a_commit_that_fails_is_told(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: int
) -> None:
    def accept(*_: object) -> None:
        raise error

    monkeypatch.setattr(pipeline, "accept", accept)
    answer = pair.same(post(event(), f"X-Api-Key: {pair.key}", PLAIN))[0]
    assert status(answer) == expected


def test_a_fault_of_ours_ends_the_connection_and_nothing_else(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    request = post(event(), f"X-Api-Key: {pair.key}", PLAIN)
    with monkeypatch.context() as broken:
        broken.setattr("adapter.telephony.cloudevents.decode", decode)
        answers = pair.same(request)
    assert status(answers[0]) == 500
    assert answers[1:] == [b"closed"]
    assert status(pair.same(request)[0]) == 202


def test_who_goes_away_before_the_answer_leaves_no_trace(pair: Pair) -> None:
    request = post(event(), f"X-Api-Key: {pair.key}", PLAIN)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", pair.ports[0])) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
            peer.sendall(request)
    answer = pair.same(post(event(), f"X-Api-Key: {pair.key}", PLAIN))[0]
    assert status(answer) == 202
