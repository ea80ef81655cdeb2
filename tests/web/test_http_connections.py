"""A peer that leaves a request half said is not waited for."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from adapter.web.http_connections import HttpConnection
from tests.server import eventually

HEAD, SILENCE, LINGERING, IDLE = 0.4, 0.6, 0.5, 2
GRACE, RATE = 1.0, 1000
POST = b"POST /read HTTP/1.1\r\nHost: d\r\nContent-Length: 10\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: d\r\n\r\n"
IGNORED = b"POST /%s HTTP/1.1\r\nHost: d\r\nContent-Length: 100000000\r\n\r\n"


class Hasty(HttpConnection):
    head_seconds = HEAD
    body_silence = SILENCE
    body_grace = GRACE
    body_rate = RATE
    lingering_seconds = LINGERING
    lingering_bytes = 1024 * 1024

    def after_reading(self, chunk: bytes) -> None:
        """Stand still with the whole loop, for longer than a connection may be idle, at /stall."""
        if b"/stall" in chunk:
            time.sleep(IDLE + 0.2)
        super().after_reading(chunk)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body at /read, refuse with a close at /close, else answer at once."""
    if scope["path"] == "/read":
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            return
    close = [(b"connection", b"close")] if scope["path"] == "/close" else []
    headers = [(b"content-length", b"2"), *close]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(
        app, port=0, http=Hasty, lifespan="off", log_config=None, timeout_keep_alive=IDLE
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started, "the server listens")
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def peer(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        yield connection


def until_closed(peer: socket.socket) -> tuple[bytes, float]:
    """Give what is still said, and the seconds until the end."""
    began, said = time.monotonic(), b""
    while more := peer.recv(65536):
        said += more
    return said, time.monotonic() - began


def is_cut(peer: socket.socket) -> bool:
    """Whether the server stops taking what is sent, before it is 100 MB."""
    try:
        for _ in range(100):
            peer.sendall(b"x" * 1_000_000)
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_a_connection_that_says_nothing_is_closed_without_a_word(peer: socket.socket) -> None:
    said, after = until_closed(peer)
    assert said == b""
    assert IDLE * 0.9 < after < IDLE + 1  # a pool that connects in advance is as idle as another


def test_idle_connections_of_one_moment_are_closed_one_after_the_other(port: int) -> None:
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", port)
        pool = [stack.enter_context(socket.create_connection(address)) for _ in range(40)]
        waiting, ends = set(pool), []
        while waiting:
            for closed in select.select(list(waiting), [], [], 5)[0]:
                assert closed.recv(1) == b""
                ends.append(time.monotonic())
                waiting.remove(closed)
    assert IDLE * 0.1 < ends[-1] - ends[0] < IDLE


def test_a_head_that_trickles_in_is_not_waited_for(peer: socket.socket) -> None:
    for some in (GET[:16], b"X-More: 1\r\n", b"X-More: 2\r\n"):
        peer.sendall(some)
        time.sleep(HEAD / 5)
    said, after = until_closed(peer)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"content-type: application/problem+json" in said
    assert b'"detail":"the rest of the request did not come in time"' in said
    assert after < HEAD


def test_a_body_that_falls_silent_is_not_waited_for(peer: socket.socket) -> None:
    peer.sendall(POST + b"12345")
    said, after = until_closed(peer)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert SILENCE * 0.9 < after < SILENCE + 1


def test_a_body_that_goes_on_is_read_to_its_end(peer: socket.socket) -> None:
    peer.sendall(POST.replace(b"10", b"2000"))
    for _ in range(10):
        time.sleep(SILENCE / 3)
        peer.sendall(b"1" * 200)
    assert peer.recv(4096).startswith(b"HTTP/1.1 200 ")
    time.sleep(SILENCE + 0.2)
    peer.sendall(GET)
    assert peer.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_drips_is_not_waited_for(peer: socket.socket) -> None:
    peer.sendall(POST.replace(b"10", b"2000"))
    began = time.monotonic()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while not select.select([peer], [], [], SILENCE / 5)[0]:
            peer.sendall(b"1")
    said, _ = until_closed(peer)
    assert b'"status":408' in said
    assert GRACE * 0.9 < time.monotonic() - began < GRACE + 1


def test_an_idle_connection_has_its_own_longer_time(peer: socket.socket) -> None:
    peer.sendall(GET)
    assert peer.recv(4096).endswith(b"ok")
    said, after = until_closed(peer)
    assert said == b""
    assert IDLE * 0.9 < after < IDLE + 1


def test_a_request_that_lies_there_when_the_idle_time_ends_is_answered(
    peer: socket.socket, port: int
) -> None:
    peer.sendall(GET)
    assert peer.recv(4096).endswith(b"ok")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as other:
        other.sendall(GET.replace(b"/", b"/stall", 1))
        time.sleep(0.1)
        peer.sendall(GET)
        assert peer.recv(4096).endswith(b"ok")
        assert other.recv(4096).endswith(b"ok")


def test_empty_lines_do_not_keep_an_idle_connection_open(peer: socket.socket) -> None:
    peer.sendall(GET)
    assert peer.recv(4096).endswith(b"ok")
    peer.sendall(b"\r\n")
    said, after = until_closed(peer)
    assert said == b""
    assert after < HEAD + 1


def test_a_second_head_has_as_much_time_as_the_first(peer: socket.socket) -> None:
    peer.sendall(GET)
    assert peer.recv(4096).endswith(b"ok")
    peer.sendall(GET[:12])
    said, after = until_closed(peer)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert HEAD * 0.9 < after < HEAD + 1


def test_requests_in_a_row_are_answered_in_turn(peer: socket.socket) -> None:
    peer.sendall(POST + b"1234567890" + GET + GET[:9])
    time.sleep(HEAD / 4)
    peer.sendall(GET[9:])
    said, _ = until_closed(peer)
    assert said.count(b"HTTP/1.1 200 ") == 3


@pytest.mark.parametrize("path", [b"close", b"early"])
def test_a_body_that_nobody_reads_does_not_keep_the_connection(
    peer: socket.socket, path: bytes
) -> None:
    peer.sendall(IGNORED % path + b"x" * 500_000)
    said, after = until_closed(peer)  # half closed at once, so that the answer gets through
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"ok")
    assert after < LINGERING
    time.sleep(LINGERING + 0.2)
    assert is_cut(peer)


def test_a_flood_behind_an_early_answer_is_cut(peer: socket.socket) -> None:
    peer.sendall(IGNORED % b"early")
    assert is_cut(peer)


def test_a_small_body_behind_an_early_answer_leaves_the_connection_open(
    peer: socket.socket,
) -> None:
    peer.sendall(b"POST /early HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n")
    assert peer.recv(65536).endswith(b"ok")
    peer.sendall(b"{}")
    peer.sendall(GET)
    assert peer.recv(65536).endswith(b"ok")
