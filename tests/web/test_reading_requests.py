"""Where a request ends is never in doubt, and no head may be as long as it likes."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from adapter.web.head_rules import MOST_BYTES, MOST_LINES
from adapter.web.short_ingest import Post
from adapter.web.short_requests import ShortConnection
from adapter.web.unreadable import Unreadable
from tests.server import eventually
from tests.web.short_ways import (
    PLAIN,
    STRUCTURED,
    Reading,
    Ways,
    chunked,
    connected,
    event,
    post,
    status,
)

PAGE = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
HANDSHAKE = (
    *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
REPORT = "POST /v1/csp-reports HTTP/1.1"


@pytest.fixture
def peer(ways: Ways) -> Iterator[socket.socket]:
    with connected(ways.ports[0]) as made:
        yield made


def said(peer: socket.socket, *pieces: bytes) -> list[int]:
    """Send pieces with a pause between them; give the statuses of all answers until the end."""
    text = spoken(peer, *pieces)
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", text)]


def spoken(peer: socket.socket, *pieces: bytes) -> bytes:
    """Send pieces with a pause between them; give all that is answered until the end."""
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(0.05)
        peer.sendall(piece)
    return Reading(peer).rest()


def problem(answer: bytes) -> dict[str, Any]:
    """Give the problem of the last answer, after which the connection is closed."""
    head, _, body = answer[answer.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head.lower()
    found: dict[str, Any] = json.loads(body.removesuffix(b"closed"))
    return found


def last(request: bytes) -> bytes:
    """Ask that the connection be closed behind a request."""
    return request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


# --- upgrades -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [None, 0, 20], ids=["whole", "behind the head", "in the body"])
@pytest.mark.parametrize("wish", ["h2c", "foo", "websocket", "TLS/1.0", "h2c, websocket"])
def test_a_wish_for_an_upgrade_is_not_heard_and_the_body_is_read(
    ways: Ways, wish: str, cut: int | None
) -> None:
    body = event()
    lines = (f"X-Api-Key: {ways.key}", STRUCTURED, "Connection: Upgrade", f"Upgrade: {wish}")
    request = post(body, *lines)
    at = len(request) - len(body) + (cut or 0)
    pieces = (request,) if cut is None else (request[:at], request[at:])
    (answer,) = ways.same(*pieces)
    assert status(answer) == 202
    with connected(ways.ports[0]) as peer:
        assert said(peer, *pieces, last(PAGE)) == [202, 200]


@pytest.mark.parametrize("wish", ["h2c", "websocket"])
@pytest.mark.parametrize("first", [REPORT, "POST /v1/events HTTP/1.1", "GET /healthz HTTP/1.1"])
def test_a_body_behind_a_wish_for_an_upgrade_is_no_request(
    peer: socket.socket, first: str, wish: str
) -> None:
    lines = [*HANDSHAKE[2:], "Connection: Upgrade", f"Upgrade: {wish}"]
    request = post(PAGE, *lines, "Content-Type: application/csp-report", first=first)
    length = len(request) - len(PAGE)
    answers = said(peer, request[:length], request[length:], last(PAGE))
    assert len(answers) <= 2
    assert answers[-1] == 200 or len(answers) == 1  # a refusal may come before the body


def test_a_body_in_chunks_behind_a_wish_for_an_upgrade_is_read(
    ways: Ways, peer: socket.socket
) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\nX-Api-Key: {ways.key}\r\n{PLAIN}\r\n"
    wish = "Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert said(peer, f"{head}{wish}".encode(), chunked(event()), last(PAGE)) == [202, 200]


def test_requests_in_one_packet_that_wish_for_upgrades_are_all_answered(
    ways: Ways, peer: socket.socket
) -> None:
    page = PAGE.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    lines = (f"X-Api-Key: {ways.key}", STRUCTURED, "Connection: Upgrade", "Upgrade: h2c")
    both = page + post(event(), *lines)
    assert said(peer, both * 20 + last(PAGE)) == [200, 202] * 20 + [200]


@pytest.mark.parametrize("length", [b"", b"Content-Length: 0\r\n"])
def test_a_handshake_opens_a_websocket(ways: Ways, peer: socket.socket, length: bytes) -> None:
    lines = "\r\n".join(HANDSHAKE).encode()
    peer.sendall(b"GET /v1/feed HTTP/1.1\r\nHost: here\r\n%b\r\n%b\r\n" % (lines, length))
    assert peer.recv(4096).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("name", [b"Connection", b"Upgrade", b"Content-Length"])
def test_blanks_behind_a_value_do_not_spoil_a_handshake(
    ways: Ways, peer: socket.socket, name: bytes
) -> None:
    handshake = post(b"", *HANDSHAKE, first="GET /v1/feed HTTP/1.1")
    peer.sendall(re.sub(rb"(%b: [^\r]*)" % name, rb"\1 \t", handshake, count=1))
    assert peer.recv(4096).startswith(b"HTTP/1.1 101 ")


def test_a_handshake_behind_a_request_without_its_answer_opens_nothing(
    ways: Ways, peer: socket.socket
) -> None:
    handshake = post(b"", *HANDSHAKE, first="GET /v1/feed HTTP/1.1")
    first = post(event(), f"X-Api-Key: {ways.key}", STRUCTURED, "Connection: keep-alive")
    assert said(peer, first[:-1], first[-1:] + handshake + last(PAGE)) == [202, 426, 200]


def test_no_tunnel_is_opened(peer: socket.socket) -> None:
    request = b"CONNECT here:443 HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % len(PAGE)
    answer = spoken(peer, request, PAGE)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert problem(answer)["status"] == 501


# --- limits -------------------------------------------------------------------------------------


def flood(peer: socket.socket, begin: bytes, more: bytes) -> tuple[bytes, int]:
    """Send a beginning and then the same again and again until an answer comes; count the bytes."""
    peer.sendall(begin)
    sent = 0
    peer.settimeout(0)
    answer = b""
    while not answer and sent < 20_000_000:
        try:
            answer = peer.recv(65536)
        except BlockingIOError:
            peer.settimeout(10)
            sent += len(more)
            peer.sendall(more)
            peer.settimeout(0)
    peer.settimeout(10)
    return answer + Reading(peer).rest(), sent


FIRST = b"POST /v1/events HTTP/1.1\r\nHost: here\r\n"
CHUNKS = FIRST + b"X-Api-Key: %b\r\n" + PLAIN.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (FIRST + b"X-More: ", b"a" * 1000),
        (FIRST + b"X-More", b"a" * 1000),
        (FIRST, b"X-More: %b\r\n" % (b"a" * 1000)),
        (FIRST, b"X-More: %b\r\n" % (b"a" * 200_000)),
        (FIRST, b"a:\r\n" * 100_000),
        (b"GET /", b"a" * 1000),
        (CHUNKS + b"2\r\n[]\r\n0\r\nX-More: ", b"a" * 1000),
        (CHUNKS + b"2\r\n[]\r\n0\r\n", b"X-More: a\r\n" * 200),
        (CHUNKS + b"2\r\n[]\r\n2;more=", b"a" * 1000),
    ],
    ids=[
        *("a value", "a name", "many lines", "long lines", "empty lines", "an address"),
        *("a trailer", "trailers", "an extension"),
    ],
)
def test_what_has_no_end_is_cut_while_it_comes(
    ways: Ways, peer: socket.socket, begin: bytes, more: bytes
) -> None:
    begin = begin.replace(b"%b", ways.key.encode())
    answer, sent = flood(peer, begin, more)
    assert problem(answer)["status"] == 431
    assert answer.count(b"HTTP/1.1 ") == 1
    assert sent < 8_000_000  # what a socket's buffers hold, where the limit is 64 KiB


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize("over", [-200, 200])
def test_a_head_may_have_64_kib(ways: Ways, over: int, pieces: int) -> None:
    head = post(b"", f"X-Api-Key: {ways.key}", STRUCTURED)
    line = f"X-More: {'x' * (MOST_BYTES - len(head) + over)}"
    request = post(event(), f"X-Api-Key: {ways.key}", STRUCTURED, line)
    step = len(request) // pieces + 1
    answer = ways.same(*(request[at : at + step] for at in range(0, len(request), step)))[0]
    assert status(answer) == (202 if over < 0 else 431)


@pytest.mark.parametrize("over", [0, 1])
def test_a_head_may_have_128_lines(ways: Ways, over: int) -> None:
    lines = [f"X-More: {number}" for number in range(MOST_LINES - 4 + over)]
    answer = ways.same(post(event(), f"X-Api-Key: {ways.key}", STRUCTURED, *lines))[0]
    assert status(answer) == (431 if over else 202)


def test_a_long_line_in_a_handshake_is_told(peer: socket.socket) -> None:
    handshake = post(b"", *HANDSHAKE, f"Cookie: {'x' * 9000}", first="GET /v1/feed HTTP/1.1")
    assert problem(spoken(peer, handshake))["status"] == 431


# --- what came before the end -------------------------------------------------------------------


def test_a_request_that_begins_with_the_last_bytes_of_another_is_answered(ways: Ways) -> None:
    usual = (f"X-Api-Key: {ways.key}", STRUCTURED)
    first = post(event(), *usual)
    in_chunks = CHUNKS.replace(b"%b", ways.key.encode()) + chunked(event())
    long = post(b"x" * 70_000, "Content-Type: application/csp-report", first=REPORT)
    for second, expected in ((post(event(), *usual), 202), (in_chunks, 202), (long, 413)):
        cut = len(second) // 2
        for port in ways.ports:
            with connected(port) as peer:
                pieces = (first[:-1], first[-1:] + second[:cut], second[cut:])
                peer.sendall(pieces[0])
                time.sleep(0.05)
                peer.sendall(pieces[1])
                read = Reading(peer)
                assert status(read.answer()) == 202
                peer.sendall(pieces[2])
                assert status(read.answer()) == expected


NOISE = (b"\x00 noise\r\n\r\n", b"}", b"0123456789 more than was said", b"GET /\r\n\r\n")


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_request_in_front_of_noise_is_answered_before_the_noise(
    ways: Ways, noise: bytes, pieces: int
) -> None:
    request = post(event(), f"X-Api-Key: {ways.key}", STRUCTURED)
    for port in ways.ports:
        with connected(port) as peer:
            chunks = (request + noise,) if pieces == 1 else (request[:-1], request[-1:] + noise)
            answer = spoken(peer, *chunks)
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert answer.count(b"HTTP/1.1 ") == 2
        assert problem(answer)["status"] in (400, 505)


def test_all_requests_in_front_of_noise_are_answered_in_turn(
    ways: Ways, peer: socket.socket
) -> None:
    taken = post(event(), f"X-Api-Key: {ways.key}", STRUCTURED)
    refused = post(b"[]x", f"X-Api-Key: {ways.key}", STRUCTURED)
    broken = CHUNKS.replace(b"%b", ways.key.encode()) + b"5\r\n[]   x"
    assert said(peer, taken + PAGE + refused + PAGE + broken) == [202, 200, 400, 200, 400]


def test_noise_within_a_body_that_is_read_is_told(ways: Ways, peer: socket.socket) -> None:
    broken = CHUNKS.replace(b"%b", ways.key.encode()) + b"5\r\n[]"
    answer = spoken(peer, broken, b"   x", PAGE)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert problem(answer)["status"] == 400


def test_who_floods_behind_noise_is_cut(ways: Ways, peer: socket.socket) -> None:
    peer.sendall(post(event(), f"X-Api-Key: {ways.key}", STRUCTURED) + NOISE[0])
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        peer.sendall(b"x" * 100_000_000)


def test_a_slow_commit_is_answered_before_the_noise_behind_it(
    ways: Ways, peer: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Post._decode_in_turn  # noqa: SLF001

    def commit(request: Post, *found: Any) -> None:
        asyncio.get_running_loop().call_later(0.5, real, request, *found)

    monkeypatch.setattr(Post, "_decode_in_turn", commit)
    request = post(event(), f"X-Api-Key: {ways.key}", STRUCTURED)
    assert said(peer, request + NOISE[0]) == [202, 400]


def test_what_is_refused_leaves_the_collector_nothing(ways: Ways) -> None:
    request = post(event(), f"X-Api-Key: {ways.key}", STRUCTURED)
    broken = CHUNKS.replace(b"%b", ways.key.encode()) + b"5\r\n[]"
    wish = post(b"[]", f"X-Api-Key: {ways.key}", STRUCTURED, "Connection: Upgrade", "Upgrade: foo")
    ways_to_end = (
        *((NOISE[0],), (request + NOISE[0],), (broken, b"   x"), (wish, NOISE[0])),
        *((request[:-1], request[-1:] + broken, b"   x"), (FIRST + b"X: " + b"a" * 200_000,)),
    )
    gc.collect()
    gc.disable()
    try:
        for pieces in ways_to_end * 5:
            with connected(ways.ports[0]) as peer:
                spoken(peer, *pieces)
        eventually(lambda: _alive() < 8, "what was made of the connections is freed")
    finally:
        gc.enable()


def _alive() -> int:
    kinds = (ShortConnection, RequestResponseCycle, Unreadable, HttpParserError)
    return sum(isinstance(each, kinds) for each in gc.get_objects())


@pytest.mark.parametrize(
    ("version", "blank", "is_asked"), [("1.1", "", True), ("1.1", " ", True), ("1.0", "", False)]
)
def test_only_http_1_1_is_told_to_go_on(
    ways: Ways, peer: socket.socket, version: str, blank: str, is_asked: bool
) -> None:
    body = event()
    first = f"POST /v1/events HTTP/{version}"
    asks = f"Expect: 100-continue{blank}"
    request = post(body, f"X-Api-Key: {ways.key}", PLAIN, asks, first=first)
    peer.sendall(request[: -len(body)])
    if is_asked:
        assert peer.recv(4096).startswith(b"HTTP/1.1 100 Continue\r\n")
    peer.sendall(body)
    assert b" 100 " not in Reading(peer).answer()
