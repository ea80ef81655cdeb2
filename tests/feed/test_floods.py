"""Show that a client who floods the server takes neither its time nor its memory."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from websockets.datastructures import Headers

from adapter import app, settings
from adapter.reading_turns import AT_ONCE, PIECE
from adapter.seldom import Seldom
from adapter.services import Services
from adapter.web import feed_access, feed_socket
from adapter.web.feed_reading import LAST_WORDS, LITTLE
from adapter.web.feed_socket import FeedSocket
from tests.feed.conftest import Fresh
from tests.feed.raw import CLOSE, CONT, PING, PONG, TEXT, Raw, handshake
from tests.server import PANEL, Server

LIMIT = 64 * 1024
MANY = 250 * 1024
"""Bytes that uvloop reads at once, at most."""
EMPTY_PING = b"\x89\x80\1\2\3\4"
ASK = b'{"type":"ping"}'
CLOSE_1000 = b"\x88\x82\0\0\0\0\x03\xe8"


def masked(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    assert len(payload) < 126
    return bytes(((0x80 if fin else 0) | opcode, 0x80 | len(payload))) + bytes(4) + payload


class Pipe(asyncio.Transport):
    """A transport to a reader that reads when it is told to."""

    def __init__(self, *, reads: bool = True) -> None:
        super().__init__()
        self.reads = reads
        self.written = b""
        self.waiting = b""
        self.paused = False
        self.closing = False
        self.is_full = False
        self.high = 0
        self.most = 0
        self.socket: FeedSocket | None = None

    def write(self, data: Any) -> None:
        assert not self.closing
        if self.reads:
            self.written += bytes(data)
        else:
            self.waiting += bytes(data)
            self.most = max(self.most, len(self.waiting))
            self.is_full |= len(self.waiting) > self.high

    def read(self) -> None:
        """Read all that waits."""
        self.written, self.waiting = self.written + self.waiting, b""
        if self.is_full:
            self.is_full = False
            assert self.socket is not None
            self.socket.resume_writing()

    def close(self) -> None:
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, str]]:
    """Give the services of a server, and a key for its feed."""
    server = Server(tmp_path_factory.mktemp("floods"))
    server.make_keys()
    services = app.create_services(settings.load(data_dir=server.folder, feed_buffer=LIMIT))
    yield services, server.key("feed")
    services.database.close()


def opened(
    served: tuple[Services, str], path: str = "/v1/feed?agent=alice", **how: Any
) -> tuple[FeedSocket, Pipe]:
    services, key = served
    pipe = Pipe(**how)
    pipe.socket = socket = FeedSocket(services, set())
    socket.connection_made(pipe)
    socket.begin(path.encode(), handshake(key))
    pipe.read()
    pipe.written = b""
    return socket, pipe


async def turns_until_it_reads(pipe: Pipe) -> list[int]:
    """Give what had been written at each turn of the loop while the transport was paused."""
    told = [len(pipe.written)]
    while pipe.paused and not pipe.closing:
        await asyncio.sleep(0)
        told.append(len(pipe.written))
    return told


@pytest.mark.parametrize("frame", [EMPTY_PING, masked(TEXT, ASK), masked(TEXT, b"{}")])
async def test_the_others_have_a_turn_between_the_pieces_of_a_flood(
    served: tuple[Services, str], frame: bytes
) -> None:
    socket, pipe = opened(served)
    count = MANY // len(frame)
    socket.data_received(frame)
    (one,), pipe.written = [len(pipe.written)], b""
    socket.data_received(frame * count)
    assert pipe.paused
    told = await turns_until_it_reads(pipe)
    assert told[-1] == count * one  # all of it was answered
    assert len(told) > MANY // PIECE
    steps = [after - before for before, after in zip([0, *told], told, strict=False)]
    assert max(steps) <= (PIECE // len(frame) + 1) * one
    socket.connection_lost(None)


async def test_all_who_flood_have_one_turn_between_them_and_share_it(
    served: tuple[Services, str],
) -> None:
    flood = [opened(served, f"/v1/feed?agent=alice&panel=p-{number}") for number in range(20)]
    for socket, pipe in flood:
        pipe.written = b""
        socket.data_received(EMPTY_PING * (MANY // 6))
    before = 0
    while any(pipe.paused for _, pipe in flood):
        await asyncio.sleep(0)
        written = [len(pipe.written) for _, pipe in flood]
        assert sum(written) - before <= 2 * (2 * PIECE // 6)  # a pong has two bytes
        assert max(written) - min(written) <= 2 * (2 * PIECE // 6)
        before = sum(written)
    assert before == 20 * 2 * (MANY // 6)
    for socket, _ in flood:
        socket.connection_lost(None)


async def test_who_sends_little_is_read_at_once_while_others_flood(
    served: tuple[Services, str],
) -> None:
    flood = [opened(served, f"/v1/feed?agent=alice&panel=p-{number}") for number in range(3)]
    socket, pipe = flood.pop()
    for other, _ in flood:
        other.data_received(EMPTY_PING * (MANY // 6))
    socket.data_received(masked(TEXT, ASK))
    assert b'"pong"' in pipe.written
    assert not pipe.paused
    for other, _ in [*flood, (socket, pipe)]:
        other.connection_lost(None)


async def test_many_who_send_a_little_at_once_have_a_turn_between_them_too(
    served: tuple[Services, str],
) -> None:
    crowd = [opened(served, f"/v1/feed?agent=alice&panel=p-{number}") for number in range(50)]
    count = LITTLE // len(EMPTY_PING)
    await asyncio.sleep(0)
    for socket, pipe in crowd:
        pipe.written = b""
        socket.data_received(EMPTY_PING * count)
    before = sum(len(pipe.written) for _, pipe in crowd)
    most = AT_ONCE + PIECE // len(EMPTY_PING) + 2 * count
    assert 2 * AT_ONCE <= before <= 2 * most
    while any(pipe.paused for _, pipe in crowd):
        await asyncio.sleep(0)
        written = sum(len(pipe.written) for _, pipe in crowd)
        assert written - before <= 2 * most
        before = written
    assert all(pipe.written == b"\x8a\0" * count for _, pipe in crowd)
    socket, pipe = crowd[0]
    socket.data_received(masked(TEXT, ASK))
    assert b'"pong"' in pipe.written
    for socket, _ in crowd:
        socket.connection_lost(None)


async def test_what_comes_in_one_large_piece_is_read_in_its_order(
    served: tuple[Services, str],
) -> None:
    socket, pipe = opened(served)
    numbers = [b"%05d" % number for number in range(3000)]
    socket.data_received(b"".join(masked(PING, each) for each in numbers))
    socket.data_received(masked(PING, b"after"))  # as a loop might that has read it already
    await turns_until_it_reads(pipe)
    assert pipe.written == b"".join(b"\x8a\x05" + each for each in [*numbers, b"after"])
    socket.data_received(masked(PING, b"later"))
    assert pipe.written.endswith(b"\x8a\x05later")
    socket.connection_lost(None)


async def test_the_end_of_the_stream_comes_after_what_was_before_it(
    served: tuple[Services, str],
) -> None:
    socket, pipe = opened(served)
    socket.data_received(EMPTY_PING * 5000)
    assert socket.eof_received()
    assert len(pipe.written) < 2 * 5000
    assert not pipe.is_closing()
    await turns_until_it_reads(pipe)
    assert pipe.written == b"\x8a\0" * 5000
    assert pipe.is_closing()
    socket.connection_lost(None)


async def test_a_connection_that_is_lost_in_the_middle_is_read_no_further(
    served: tuple[Services, str],
) -> None:
    socket, pipe = opened(served)
    socket.data_received(EMPTY_PING * 5000)
    await asyncio.sleep(0)
    socket.connection_lost(None)
    before = len(pipe.written)
    assert socket._pieces is None  # noqa: SLF001
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(pipe.written) == before < 2 * 5000
    assert socket not in list(served[0].sockets)


async def test_after_our_close_nothing_is_read_but_the_clients_close(
    served: tuple[Services, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    core = feed_socket._Core  # noqa: SLF001
    receive = core.receive_data

    def counted(self: Any, data: bytes) -> None:
        given.append(len(data))
        receive(self, data)

    monkeypatch.setattr(core, "receive_data", counted)
    socket, pipe = opened(served, "/nope")
    given.clear()
    socket.data_received(masked(TEXT, ASK))
    for _ in range(20):
        socket.data_received(EMPTY_PING * (MANY // 6))
        await turns_until_it_reads(pipe)
    assert sum(given) <= LAST_WORDS + PIECE
    assert not pipe.closing  # its timer cuts it off
    socket.connection_lost(None)
    socket, pipe = opened(served, "/nope")
    socket.data_received(masked(TEXT, ASK) + CLOSE_1000)
    assert pipe.closing
    socket.connection_lost(None)


async def test_pongs_that_nobody_reads_have_a_limit(served: tuple[Services, str]) -> None:
    socket, pipe = opened(served, reads=False)
    sent = 0
    chunk = masked(PING, b"x" * 125) * 7
    assert len(chunk) <= LITTLE
    for _ in range(1000):
        if pipe.paused:
            break
        socket.data_received(chunk)
        sent += 7
        await asyncio.sleep(0)
    assert pipe.paused
    for _ in range(10):
        await asyncio.sleep(0)
    assert pipe.paused  # until it reads
    assert pipe.most <= LIMIT + PIECE
    pipe.read()
    await turns_until_it_reads(pipe)
    pipe.read()
    assert pipe.written == (b"\x8a\x7d" + b"x" * 125) * sent
    socket.data_received(masked(PING, b"again"))
    pipe.read()
    assert pipe.written.endswith(b"\x8a\x05again")
    socket.connection_lost(None)


async def test_a_flood_of_which_no_answer_is_read_waits_outside(
    served: tuple[Services, str],
) -> None:
    socket, pipe = opened(served, reads=False)
    socket.data_received(masked(PING, b"x" * 125) * 5000)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert pipe.most <= LIMIT + PIECE
    while pipe.paused:
        pipe.read()
        await asyncio.sleep(0)
    pipe.read()
    assert pipe.written == (b"\x8a\x7d" + b"x" * 125) * 5000
    socket.connection_lost(None)


async def test_empty_fragments_are_not_kept(served: tuple[Services, str]) -> None:
    socket, pipe = opened(served)
    socket.data_received(masked(TEXT, ASK[:5], fin=False))
    for _ in range(20):
        socket.data_received(masked(CONT, b"", fin=False) * 500)
        await turns_until_it_reads(pipe)
    assert len(socket._fragments or ()) == 5  # noqa: SLF001
    socket.data_received(masked(CONT, ASK[5:]))
    assert b'"pong"' in pipe.written
    socket.connection_lost(None)


def test_a_flood_over_a_real_connection_is_answered_whole(server: Server, fresh: Fresh) -> None:
    with Raw(server) as raw:
        raw.open(fresh("agent"))
        raw.socket.setblocking(True)
        raw.socket.settimeout(20)
        for _ in range(4):
            raw.socket.sendall(EMPTY_PING * 20_000)
            for _ in range(20_000):
                assert raw.frame().opcode == PONG
        raw.send(TEXT, ASK)
        assert raw.frame().opcode == TEXT
        raw.send(CLOSE, b"\x03\xe8")
        assert raw.frame().code == 1000


def test_who_reads_no_pongs_cannot_send_for_ever(server: Server, fresh: Fresh) -> None:
    with Raw(server, receive_buffer=4096) as raw:
        raw.open(fresh("agent"))
        raw.socket.settimeout(1)
        pings, sent = masked(PING, b"x" * 125) * 1000, 0
        with contextlib.suppress(TimeoutError):
            while sent < 50_000_000:
                sent += raw.socket.send(pings[sent % len(pings) :])
        assert sent < 50_000_000  # what the kernel's buffers take is less


def test_foreign_origins_are_logged_once_a_minute(
    served: tuple[Services, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def knock() -> None:
        for number in range(5):
            head = Headers(Host="localhost", Origin=f"https://evil-{number}.example")
            with pytest.raises(feed_access.Refused):
                feed_access.check(served[0], "/v1/feed?agent=a", head, PANEL)

    now = time.monotonic()
    told = structlog.testing.LogCapture()
    monkeypatch.setattr(feed_access, "log", structlog.wrap_logger(None, [told]))
    monkeypatch.setattr(feed_access, "_foreign", Seldom())
    knock()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    knock()
    said = [line for line in told.entries if "foreign origin" in line["event"]]
    assert [(line["origin"], line["untold"]) for line in said] == [
        ("https://evil-0.example", 0),
        ("https://evil-0.example", 4),
    ]
