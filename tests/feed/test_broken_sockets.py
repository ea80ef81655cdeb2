"""Show that what breaks one socket is over with that socket: nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from adapter import workers
from adapter.close_codes import CloseCode
from adapter.tenants import Agent
from adapter.web import feed_access, feed_socket
from adapter.web.feed_socket import FeedSocket
from tests.feed.local import Local
from tests.feed.raw import CLOSE, PING, Raw
from tests.server import Server, eventually

NO_LETTERS = ["\xff", "\xe9\xe9\xe9=", "YQ==\xff"]


class Dead(asyncio.Transport):
    """A transport whose connection has ended and told nobody, as uvloop's does."""

    def __init__(self, before: asyncio.Transport) -> None:
        super().__init__()
        self._before = before

    def write(self, data: Any) -> None:
        raise RuntimeError("unable to perform operation; the handler is closed")

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        self._before.abort()  # or the server would wait for it at its end

    def close(self) -> None:
        pass


class Broken:
    """A socket that makes a mistake at each look."""

    key: str | None = None
    session: bytes | None = None
    agent: Agent | None = None

    def __init__(self) -> None:
        self.looks = 0
        self.abandoned = 0

    def close(self, code: CloseCode) -> None:
        raise RuntimeError(code.reason)

    def sweep(self, now: float, date: datetime, excused: float) -> None:
        self.looks += 1
        raise RuntimeError(f"{now} {date} {excused}")

    def abandon(self) -> None:
        self.abandoned += 1


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Local]:
    """Give a server in this process that pings after 0.2 s of silence."""
    monkeypatch.setattr(workers, "SWEEP_EVERY", 0.05)
    monkeypatch.setattr(feed_socket, "PING_AFTER", 0.2)
    with Local(tmp_path) as server:
        yield server


def held(server: Local) -> list[FeedSocket]:
    """Give the sockets of a server that it still knows, whether it or uvicorn does."""
    assert server._running is not None  # noqa: SLF001 - uvicorn's own list
    uvicorns = server._running[0].server_state.connections  # noqa: SLF001
    known = {id(each): each for each in [*server.services.sockets, *uvicorns]}
    return [each for each in known.values() if isinstance(each, FeedSocket)]


@pytest.mark.parametrize("written", NO_LETTERS)
def test_a_basic_credential_beyond_ascii_opens_no_feed(server: Server, written: str) -> None:
    with Raw(server) as raw:
        raw.socket.sendall(
            raw.request("alice", Authorization="Basic").replace(
                b": Basic\r\n", b": Basic " + written.encode("latin-1") + b"\r\n"
            )
        )
        assert raw.head().startswith("HTTP/1.1 101")
        assert raw.close_code() == 4401


@pytest.mark.parametrize("written", NO_LETTERS)
@pytest.mark.parametrize(
    "start",
    ["POST /v1/events", "POST /v1/events/amazon-firehose", "GET /v1/contacts/x", "POST /v1/pops"],
)
def test_a_basic_credential_beyond_ascii_is_refused_on_every_route(
    server: Server, start: str, written: str
) -> None:
    with Raw(server) as raw:
        head = (
            f"{start} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Basic {written}"
            "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        raw.socket.sendall(head.encode("latin-1"))
        assert raw.head().startswith("HTTP/1.1 401 ")


def test_a_mistake_in_a_handshake_leaves_nothing_behind(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> feed_access.Access:
        raise LookupError("a mistake of ours")

    with Raw(local) as good, monkeypatch.context() as patch:
        good.open("good")
        patch.setattr(feed_access, "check", mistaken)
        for _ in range(3):
            with Raw(local) as raw:
                raw.socket.sendall(raw.request("alice"))
                assert raw.ended()
        eventually(lambda: len(held(local)) == 1, "only the good one is known")
        assert good.frame().opcode == PING


def test_a_mistake_in_what_follows_a_handshake_leaves_nothing_behind(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> None:
        raise LookupError("a mistake of ours")

    with Raw(local) as raw, monkeypatch.context() as patch:
        patch.setattr(type(local.services.subscriptions), "_snapshot", mistaken)
        raw.socket.sendall(raw.request("alice"))
        assert raw.ended()
    eventually(lambda: not held(local), "it is forgotten")
    assert local.services.hub.feeds() == []


def test_a_broken_socket_is_looked_at_once_and_the_others_are_still_pinged(local: Local) -> None:
    broken = [Broken() for _ in range(50)]
    for each in broken:
        local.loop.call_soon_threadsafe(local.services.sockets.add, each)
    with Raw(local) as raw:
        raw.open("alice")
        eventually(lambda: all(each.looks for each in broken), "a sweep has seen them all")
        for _ in range(3):
            assert raw.frame().opcode == PING
    assert {(each.looks, each.abandoned) for each in broken} == {(1, 1)}


def test_a_socket_whose_connection_is_dead_holds_up_no_sweep(local: Local) -> None:
    with Raw(local) as bad, Raw(local) as good:
        bad.open("bad")
        good.open("good")
        (broken,) = (each for each in held(local) if each.agent and each.agent.id == "bad")
        broken._transport = Dead(broken._transport)  # noqa: SLF001
        eventually(lambda: broken not in held(local), "it is forgotten")
        for _ in range(3):
            assert good.frame().opcode == PING


def test_a_dead_connection_keeps_no_other_from_its_last_word(tmp_path: Path) -> None:
    with Local(tmp_path) as server, Raw(server) as bad:
        bad.open("bad")
        good = [Raw(server).open(f"good-{number}") for number in range(5)]
        (broken,) = (each for each in held(server) if each.agent and each.agent.id == "bad")
        broken._transport = Dead(broken._transport)  # noqa: SLF001
        server.stop()
        for each in good:
            frame = each.frame()
            assert (frame.opcode, frame.code) == (CLOSE, 1012)
            each.socket.close()
