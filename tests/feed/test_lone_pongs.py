"""Show that keeping a lone pong from the core changes nothing: bytes in any chunks, both ways."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings as how, strategies as st

from adapter import app, frames, settings
from adapter.services import Services
from adapter.web.feed_socket import FeedSocket
from tests.feed.raw import BINARY, CLOSE, CONT, PING, PONG, TEXT, handshake
from tests.server import Server

LONE_PONG = frames.EMPTY_PONG + b"\1\2\3\4"
ASK = b'{"type":"ping"}'


class Written(asyncio.Transport):
    """A transport that keeps what is written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[bytes | str] = []

    def write(self, data: Any) -> None:
        self.said.append(bytes(data))

    def close(self) -> None:
        self.said.append("close")

    def abort(self) -> None:
        self.said.append("abort")

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, str]]:
    """Give the services of a server, and a key for its feed."""
    server = Server(tmp_path_factory.mktemp("pongs"))
    server.make_keys()
    services = app.create_services(settings.load(data_dir=server.folder))
    yield services, server.key("feed")
    services.database.close()


def frame(opcode: int, payload: bytes, *, fin: bool, masked: bool, padded: bool) -> bytes:
    head = bytes(((0x80 if fin else 0) | opcode,))
    mask = 0x80 if masked else 0
    if padded:
        head += bytes((mask | 126,)) + len(payload).to_bytes(2, "big")
    else:
        head += bytes((mask | len(payload),))
    return head + (bytes(4) if masked else b"") + payload


def text(payload: bytes) -> bytes:
    return frame(TEXT, payload, fin=True, masked=True, padded=False)


usual = st.builds(
    frame,
    st.sampled_from([TEXT, TEXT, CONT, PING, PONG]),
    st.sampled_from([b"", ASK, ASK[:7], LONE_PONG, LONE_PONG * 3, b"four", "€".encode()]),
    fin=st.sampled_from([True, True, False]),
    masked=st.sampled_from([True] * 9 + [False]),
    padded=st.sampled_from([False] * 9 + [True]),
)
last = st.sampled_from(
    [
        frame(CLOSE, b"\x03\xe8", fin=True, masked=True, padded=False),
        frame(BINARY, b"x", fin=True, masked=True, padded=False),
        b"\xff\xff",
    ]
)
streams = st.lists(st.one_of(usual, st.just(LONE_PONG), last), max_size=12)
ways = st.lists(st.sampled_from([None, 0, 1, 2, 6, 8, 12]), min_size=1, max_size=8)


def chunks(parts: list[bytes], ways: list[int | None]) -> list[bytes]:
    """Let frames come in pieces (cut at a number), alone (0), or with what follows (None)."""
    found = [b""]
    for part, way in zip(parts, itertools.cycle(ways), strict=False):
        found[-1] += part[:way]
        if way is not None:
            found += [part[way:]] if way else [part]
            found += [b""]
    return [each for each in found if each]


def opened(services: Services, key: str) -> tuple[FeedSocket, Written]:
    transport = Written()
    socket = FeedSocket(services, set())
    socket.connection_made(transport)
    socket.begin(b"/v1/feed?agent=alice", handshake(key))
    assert b"screenpop.snapshot" in b"".join(map(bytes, transport.said))  # type: ignore[arg-type]
    transport.said.clear()
    return socket, transport


async def answers(services: Services, key: str, given: list[bytes]) -> list[list[bytes | str]]:
    """Give what a socket says to each chunk."""
    socket, transport = opened(services, key)
    said = []
    for chunk in given:
        transport.said = []
        socket.data_received(chunk)
        said.append(transport.said)
    socket.connection_lost(None)
    return said


@how(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams, ways)
@example([text(LONE_PONG), text(ASK)], [6, 0])
@example([text(LONE_PONG * 2), text(ASK)], [12, 0])
@example([text(ASK), text(LONE_PONG), text(ASK)], [None, 6, 0])
@example([LONE_PONG, text(ASK)], [None])
@example([frame(PONG, b"four", fin=True, masked=False, padded=False), text(ASK)], [0])
@example([frame(TEXT, LONE_PONG, fin=True, masked=True, padded=True), text(ASK)], [8, 0])
def test_a_client_hears_the_same_whether_or_not_the_core_sees_lone_pongs(
    served: tuple[Services, str],
    monkeypatch: pytest.MonkeyPatch,
    parts: list[bytes],
    ways: list[int | None],
) -> None:
    given = chunks(parts, ways)
    kept = asyncio.run(answers(*served, given))
    with monkeypatch.context() as patch:
        patch.setattr(frames, "EMPTY_PONG", b"never")
        assert asyncio.run(answers(*served, given)) == kept


def test_a_lone_pong_is_kept_from_the_core(served: tuple[Services, str]) -> None:
    async def heard() -> None:
        socket, transport = opened(*served)
        socket.data_received(text(ASK))
        transport.said.clear()
        socket._core.receive_eof()  # noqa: SLF001 - from now on the core takes nothing
        socket.heard = 0.0
        socket.data_received(LONE_PONG)
        assert socket.heard > 0
        assert transport.said == []
        socket.data_received(LONE_PONG[:5])
        assert transport.said == ["abort"]

    asyncio.run(heard())
