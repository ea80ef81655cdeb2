"""A peer that leaves a request half said, or an answer unread, is not waited for."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from adapter.web.head_rules import HeaderLines
from adapter.web.http_connections import HttpConnection
from tests.server import eventually

HEAD, SILENCE, LINGERING, IDLE = 0.4, 0.6, 0.5, 2
GRACE, RATE = 1.0, 1000
UNREAD = 0.6
CHUNK = 512 * 1024
"""Bytes: more than one read of the event loop gives."""
SIZE = 8 * 1024 * 1024
POST = b"POST /read HTTP/1.1\r\nHost: d\r\nContent-Length: 10\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: d\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
HANDSHAKE = GET.replace(b"\r\n\r\n", b"\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
LARGE = GET.replace(b"/", b"/large", 1)
IGNORED = b"POST /%s HTTP/1.1\r\nHost: d\r\nContent-Length: 100000000\r\n\r\n"


ended, may_answer, stands = threading.Event(), threading.Event(), threading.Event()
"""Set when a peer has ended its half, when /held and /later may go on, and when the loop stands."""


class Hasty(HttpConnection):
    head_seconds = HEAD
    body_silence = SILENCE
    body_grace = GRACE
    body_rate = RATE
    lingering_seconds = LINGERING
    lingering_bytes = 1024 * 1024
    unread_seconds = UNREAD
    unread_rate = RATE
    seen: Callable[[tuple[int, int]], object] | None = None
    """Is told how many requests and bytes wait when a chunk was parsed."""

    def after_reading(self, chunk: bytes) -> None:
        """Stand still with the whole loop, for longer than a connection may be idle, at /stall."""
        if b"/stall" in chunk:
            stands.set()
            time.sleep(IDLE + 0.2)
        super().after_reading(chunk)
        if Hasty.seen is not None:
            Hasty.seen((len(self.pipeline), len(self._unparsed)))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Tell the test of it."""
        is_owed = super().eof_received()
        ended.set()
        return is_owed


class Roomy(Hasty):
    """What it writes is never too much to write on."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=1 << 30)


class Strict(Hasty):
    """What the slowest line of the tests takes is too little for it."""

    unread_rate = 500_000


class Silent(asyncio.Protocol):
    """What takes over a connection and says nothing."""

    def __init__(self, **of_uvicorn: object) -> None:
        del of_uvicorn

    def begin(self, url: bytes, lines: HeaderLines) -> None:
        """Leave the handshake without an answer."""


class Patient(HttpConnection):
    ending_seconds = 0.5


class Counting(HttpConnection):
    taken = 0
    """Bytes that were read."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.taken += len(data)


class Ending(Counting):
    """It is slow to wait, except while the server ends."""

    ending_silence = 0.3


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body at /read; wait after that at /held, and before it at /later; for ever at
    /waits. Say at /close that it is the last answer, and much at /large."""
    if scope["path"] == "/waits":
        await asyncio.Event().wait()
    if scope["path"] == "/later":
        await asyncio.to_thread(may_answer.wait, 5)
    if scope["path"] in ("/read", "/held", "/later"):
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            return
    if scope["path"] == "/held":
        await asyncio.to_thread(may_answer.wait, 5)
    close = [(b"connection", b"close")] if scope["path"] == "/close" else []
    body = b"x" * SIZE if scope["path"] == "/large" else b"ok"
    headers = [(b"content-length", b"%d" % len(body)), *close]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(Hasty) as server:
        yield port_of(server)


@contextlib.contextmanager
def serving(kind: type[HttpConnection], grace: int | None = None) -> Iterator[uvicorn.Server]:
    config = uvicorn.Config(
        app,
        port=0,
        http=kind,
        ws=Silent,
        lifespan="off",
        log_config=None,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=grace,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started, "the server listens")
        yield server
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


def test_a_peer_that_only_drips_behind_an_early_answer_is_cut(peer: socket.socket) -> None:
    peer.sendall(IGNORED % b"early")
    assert until_closed(peer)[0].endswith(b"ok")
    eventually(lambda: not takes(peer, b"x"), "the connection is closed")


def takes(peer: socket.socket, data: bytes) -> bool:
    try:
        peer.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


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


def test_a_head_has_all_its_time_once_the_answer_before_it_is_given(peer: socket.socket) -> None:
    may_answer.clear()
    peer.sendall(POST.replace(b"/read", b"/held") + b"1234567890" + GET[:9])
    time.sleep(HEAD * 1.5)
    may_answer.set()
    assert b"HTTP/1.1 200 " in peer.recv(4096)
    peer.sendall(GET[9:])
    assert peer.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_not_yet_wanted_is_not_too_slow(peer: socket.socket) -> None:
    may_answer.clear()
    body = b"x" * 2 * CHUNK
    head = POST.replace(b"/read", b"/later").replace(b"10", b"%d" % len(body))
    sending = threading.Thread(target=peer.sendall, args=(head + body,), daemon=True)
    sending.start()
    time.sleep(SILENCE * 2)
    may_answer.set()
    assert peer.recv(4096).startswith(b"HTTP/1.1 200 ")
    sending.join()


# --- more requests than answers ------------------------------------------------------------------


def test_more_requests_in_one_write_than_may_wait_are_answered_in_turn(
    peer: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 3000
    waiting: list[tuple[int, int]] = []
    monkeypatch.setattr(Hasty, "seen", waiting.append)
    one = GET + POST.replace(b"10", b"1000") + (GET * 50)[:1000]  # the body is no request
    threading.Thread(target=peer.sendall, args=(one * (count // 2) + LAST,), daemon=True).start()
    said, _ = until_closed(peer)
    assert said.count(b"HTTP/1.1 200 ") == count + 1
    assert max(waiting)[0] < 50, "more wait than one small piece may hold"
    assert max(held for _, held in waiting) < CHUNK, "more is read while requests wait"


@pytest.mark.parametrize("pause", [0, 0.05], ids=["at once", "with a pause"])
def test_who_goes_before_its_answers_leaves_the_collector_nothing(port: int, pause: float) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
                peer.sendall(GET * 3000)
                time.sleep(pause)
                abort(peer)
        eventually(lambda: alive() < 8, "what was made of the connections is freed")
    finally:
        gc.enable()


def alive() -> int:
    kinds = (Hasty, RequestResponseCycle)
    return sum(issubclass(type(each), kinds) for each in gc.get_objects())


def abort(peer: socket.socket) -> None:
    """Reset a connection."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


# --- a peer that does not read -------------------------------------------------------------------


@pytest.fixture
def deaf(port: int) -> Iterator[socket.socket]:
    """Give a peer whose system takes little of what it does not read."""
    with deaf_to(port) as connection:
        yield connection


@contextlib.contextmanager
def deaf_to(port: int) -> Iterator[socket.socket]:
    """Connect a peer whose system takes little of what it does not read."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", port))
        yield connection


def port_of(server: uvicorn.Server) -> int:
    found: int = server.servers[0].sockets[0].getsockname()[1]
    return found


@pytest.mark.parametrize("request_", [LARGE, LARGE.replace(b"1.1", b"1.0"), LARGE * 20])
def test_an_answer_that_is_not_read_is_not_kept_for_ever(
    deaf: socket.socket, request_: bytes
) -> None:
    deaf.sendall(request_)
    eventually(lambda: is_reset(deaf), "the connection is ended")


@pytest.mark.parametrize("request_", [LARGE, LARGE.replace(b"1.1", b"1.0")])
def test_a_closing_connection_does_not_wait_for_who_does_not_read(request_: bytes) -> None:
    with serving(Roomy) as server, deaf_to(port_of(server)) as deaf:
        deaf.sendall(request_)
        eventually(lambda: is_reset(deaf), "the connection is ended")


def test_who_says_that_it_is_done_and_does_not_read_is_not_waited_for() -> None:
    with serving(Roomy) as server, deaf_to(port_of(server)) as deaf:
        deaf.sendall(LARGE)
        time.sleep(0.2)
        deaf.shutdown(socket.SHUT_WR)
        eventually(lambda: is_reset(deaf), "the connection is ended")


def test_a_websocket_has_deadlines_of_its_own_for_what_is_not_read(deaf: socket.socket) -> None:
    deaf.sendall(LARGE)
    time.sleep(UNREAD / 2)
    deaf.sendall(HANDSHAKE)
    length = 0
    while length < SIZE:
        length += len(deaf.recv(1 << 20))
    time.sleep(UNREAD * 3)
    assert not is_reset(deaf)


def is_reset(peer: socket.socket) -> bool:
    poll = select.poll()
    poll.register(peer, 0)
    return any(what & select.POLLERR for _, what in poll.poll(0))


def test_an_answer_that_is_read_slowly_is_read_to_its_end(deaf: socket.socket) -> None:
    deaf.sendall(LARGE.replace(b"1.1", b"1.0"))
    began, length = time.monotonic(), 0
    while more := deaf.recv(3000):
        length += len(more)
        if time.monotonic() - began < UNREAD * 3:
            time.sleep(0.05)
    assert length > SIZE


@pytest.mark.parametrize("request_", [LARGE, LARGE.replace(b"1.1", b"1.0")])
def test_an_answer_that_is_read_in_drips_is_not_kept_for_ever(request_: bytes) -> None:
    with serving(Strict) as server, deaf_to(port_of(server)) as deaf:
        deaf.sendall(request_)
        began, length = time.monotonic(), 0
        with contextlib.suppress(ConnectionResetError):
            while more := deaf.recv(3000):
                length += len(more)
                assert time.monotonic() - began < 12
                time.sleep(0.05)
        assert time.monotonic() - began > UNREAD
        assert length < SIZE / 4


@pytest.mark.parametrize("request_", [LARGE, LARGE.replace(b"1.1", b"1.0")])
def test_who_does_not_read_does_not_keep_the_server_from_its_end(request_: bytes) -> None:
    with serving(Patient) as server, deaf_to(port_of(server)) as deaf:
        deaf.sendall(request_)
        time.sleep(0.2)
        began = time.monotonic()
        server.should_exit = True
        eventually(lambda: not server.server_state.connections, "no connection is left")
    assert time.monotonic() - began < HttpConnection.unread_seconds / 2


# --- when the server ends ------------------------------------------------------------------------

SAYS_LAST = b"connection: close\r\n"


@contextlib.contextmanager
def ended_under(server: uvicorn.Server, *requests: bytes) -> Iterator[list[socket.socket]]:
    """Send each on a connection of its own, and end the server when no more of it is read."""
    length = sum(map(len, requests))

    def is_read() -> bool:
        made = [each for each in server.server_state.connections if isinstance(each, Counting)]
        return sum(each.taken for each in made) == length or any(
            each.flow.read_paused for each in made
        )

    with contextlib.ExitStack() as stack:
        peers = []
        for request in requests:
            address = ("127.0.0.1", port_of(server))
            peers.append(stack.enter_context(socket.create_connection(address, timeout=10)))
            peers[-1].sendall(request)
        eventually(is_read, "what comes is read")
        server.should_exit = True
        eventually(lambda: not server.servers[0].is_serving(), "nobody is let in any more")
        yield peers


def is_told_to_come_back(said: bytes) -> bool:
    head, _, body = said.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"content-type: application/problem+json" in lines
    assert {b"connection: close", b"retry-after: 1"} <= set(lines)
    return head.startswith(b"HTTP/1.1 503 ") and b"urn:screenpop:problem:unavailable" in body


def test_what_is_half_said_when_the_server_ends_is_not_waited_for_long(
    caplog: pytest.LogCaptureFixture,
) -> None:
    halves = (POST + b"123", POST[:20], GET + POST + b"123")
    with serving(Ending) as server, ended_under(server, *halves) as peers:
        body, head, behind = (until_closed(peer)[0] for peer in peers)
        assert is_told_to_come_back(body)
        assert is_told_to_come_back(head)
        assert behind.startswith(b"HTTP/1.1 200 ")
        assert is_told_to_come_back(behind[behind.index(b"ok") + 2 :])
        eventually(lambda: not server.server_state.connections, "no connection is left")
    assert not caplog.records


def test_the_rest_of_a_body_may_come_while_the_server_ends() -> None:
    with serving(Counting) as server, ended_under(server, POST + b"123") as (peer,):
        peer.sendall(b"4567890")
        said, _ = until_closed(peer)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert SAYS_LAST in said


def test_what_waits_unread_in_the_socket_when_the_server_ends_is_no_half_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    may_answer.clear()
    held = POST.replace(b"/read", b"/held") + b"1234567890"
    requests = held + (POST + b"1234567890") * 5000
    with serving(Counting) as server, ended_under(server, requests) as (peer,):
        may_answer.set()
        said, _ = until_closed(peer)
    answers = said.count(b"HTTP/1.1 ")
    assert answers > 1
    assert said.count(b"HTTP/1.1 200 ") == answers
    assert said.count(SAYS_LAST) == 1
    assert said.rindex(SAYS_LAST) > said.rindex(b"HTTP/1.1 ")
    assert not caplog.records


def test_a_request_that_lies_there_when_the_server_ends_is_answered() -> None:
    with serving(Hasty) as server:
        address = ("127.0.0.1", port_of(server))
        with (
            socket.create_connection(address, timeout=10) as other,
            socket.create_connection(address, timeout=10) as peer,
        ):
            peer.sendall(GET)
            assert peer.recv(4096).endswith(b"ok")
            stands.clear()
            other.sendall(GET.replace(b"/", b"/stall", 1))
            assert stands.wait(10)
            server.should_exit = True
            peer.sendall(GET)
            said, _ = until_closed(peer)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert SAYS_LAST in said


def test_who_is_not_answered_in_the_grace_is_told_to_come_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    may_answer.clear()
    late = GET.replace(b"/", b"/waits", 1)
    with serving(Ending, grace=1) as server, ended_under(server, late) as (peer,):
        assert is_told_to_come_back(until_closed(peer)[0])
    assert not [each for each in caplog.records if each.exc_info]


# --- when an answer ends the connection ----------------------------------------------------------

BEGUN = b"POST /%b HTTP/1.%b\r\nHost: d\r\n%bContent-Length: 20\r\n\r\n0123456789"


@pytest.mark.parametrize(
    "begun",
    [
        BEGUN % (b"close", b"1", b""),
        BEGUN % (b"early", b"1", b"Connection: close\r\n"),
        BEGUN % (b"early", b"0", b""),
    ],
)
def test_a_connection_that_is_said_to_close_takes_no_more_requests(
    peer: socket.socket, begun: bytes
) -> None:
    peer.sendall(begun)
    said = peer.recv(65536)
    assert b"connection: close" in said
    peer.sendall(b"0123456789" + GET)
    more, after = until_closed(peer)
    assert (said + more).count(b"HTTP/1.1 ") == 1
    assert after < LINGERING


def test_a_connection_is_idle_after_a_body_that_came_behind_its_answer(
    peer: socket.socket,
) -> None:
    peer.sendall(BEGUN % (b"early", b"1", b""))
    assert peer.recv(65536).endswith(b"ok")
    peer.sendall(b"0123456789")
    said, after = until_closed(peer)
    assert said == b""
    assert IDLE * 0.9 < after < IDLE + 1
    assert SILENCE < IDLE * 0.9


@pytest.mark.parametrize("length", [b"Transfer-Encoding: chunked", b"Content-Length: 70000"])
def test_an_early_answer_to_a_long_body_says_that_it_is_the_last(
    peer: socket.socket, length: bytes
) -> None:
    peer.sendall(b"POST /early HTTP/1.1\r\nHost: d\r\n%b\r\n\r\n" % length)
    assert b"connection: close" in until_closed(peer)[0]


def test_a_long_body_that_is_read_leaves_the_connection_open(peer: socket.socket) -> None:
    peer.sendall(b"POST /read HTTP/1.1\r\nHost: d\r\nContent-Length: 70000\r\n\r\n")
    time.sleep(0.05)
    peer.sendall(b"x" * 70000)
    assert b"connection: close" not in peer.recv(65536)
    peer.sendall(GET)
    assert peer.recv(4096).endswith(b"ok")


def test_all_that_came_whole_before_the_end_is_answered(peer: socket.socket) -> None:
    peer.sendall((POST + b"1234567890" + GET) * 20 + POST + b"123")
    peer.shutdown(socket.SHUT_WR)
    said, _ = until_closed(peer)
    assert said.count(b"HTTP/1.1 200 ") == 40
    assert said.count(b"HTTP/1.1 ") == 40


def test_an_answer_and_the_refusal_behind_it_are_given_though_the_peer_ends_meanwhile(
    peer: socket.socket,
) -> None:
    ended.clear()
    may_answer.clear()
    peer.sendall(POST.replace(b"/read", b"/held") + b"1234567890" + b"this is no HTTP\r\n\r\n")
    peer.sendall(b"nor is this\r\n\r\n")
    peer.shutdown(socket.SHUT_WR)
    assert ended.wait(5)
    may_answer.set()
    said, _ = until_closed(peer)
    assert [said.count(b"HTTP/1.1 %b " % each) for each in (b"200", b"400")] == [1, 1]
    assert said.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("request_", [LARGE * 50, GET * 3000, POST + b"123"])
def test_who_goes_away_leaves_no_line_in_the_log(
    port: int, caplog: pytest.LogCaptureFixture, request_: bytes
) -> None:
    for rude in (False, True):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
            peer.sendall(request_)
            time.sleep(0.05)
            if rude:
                abort(peer)
    time.sleep(0.2)
    assert not caplog.records
