from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from adapter import app, server, settings
from tests.feed.raw import Raw
from tests.server import PANEL, PATIENCE, READER, Server, eventually


def test_a_stopping_server_tells_every_feed_to_come_back(own_server: Server) -> None:
    feeds = [own_server.connect(f"a-{n}", protocol=(PANEL, READER)[n % 2]) for n in range(10)]
    feeds.append(own_server.connect("*"))
    for feed in feeds:
        feed.next()
    waiting = own_server.connect(scope=None, protocol=PANEL, headers={"Origin": own_server.url})
    started = time.monotonic()
    assert own_server.process is not None
    own_server.process.send_signal(signal.SIGTERM)
    assert {feed.close_code() for feed in [*feeds, waiting]} == {1012}
    assert own_server.process.wait(5) == 0
    assert time.monotonic() - started < 3


def test_a_client_that_hangs_does_not_hold_a_stopping_server(own_server: Server) -> None:
    with Raw(own_server) as raw:
        raw.open("alice")
        started = time.monotonic()
        assert own_server.stop() == 0
        assert time.monotonic() - started < 3
        frame = raw.frame()
        assert frame.code == 1012


def test_a_stranger_with_half_a_body_does_not_hold_a_stopping_server(own_server: Server) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\n"
    rest = b"Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", own_server.port), timeout=PATIENCE) as peer:
        peer.sendall(head % own_server.secret("ingest").encode() + rest)
        own_server.report("offered", agent="alice")  # what came before it has been read
        assert own_server.process is not None
        own_server.process.send_signal(signal.SIGTERM)
        assert peer.recv(4096).startswith(b"HTTP/1.1 503 ")
    assert own_server.process.wait(5) == 0
    assert "Traceback" not in own_server.log()
    assert "exceeded" not in own_server.log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupt_or_a_closed_terminal_ends_it_as_well(
    own_server: Server, number: signal.Signals
) -> None:
    assert own_server.process is not None
    own_server.process.send_signal(number)
    assert own_server.process.wait(5) == 0


def test_what_was_acknowledged_is_there_after_a_restart(own_server: Server) -> None:
    feed = own_server.connect("alice")
    seen = feed.next()["sequence"]
    for number in range(20):
        own_server.report("offered", f"c-{number}", agent="alice")
    own_server.restart()
    again = own_server.connect("alice", after=seen)
    assert [again.next()["subject"] for _ in range(20)] == [f"c-{n}" for n in range(20)]
    own_server.report("offered", "c-20", agent="alice")
    assert int(again.next()["sequence"]) == int(seen) + 21


def test_a_signal_ends_the_server_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: float) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(server, "pulse", never)
    chosen = settings.load(data_dir=tmp_path, port=0)
    services = app.create_services(chosen)
    loops: list[asyncio.AbstractEventLoop] = []
    running = server._Server(  # noqa: SLF001 - a signal would be the test's own
        server.config(services, app.create_app(services), chosen),
        lambda _: loops.append(asyncio.get_running_loop()),
    )
    thread = threading.Thread(target=running.run)
    thread.start()
    eventually(lambda: loops and running.started, "it listens")
    loops[0].call_soon_threadsafe(running.handle_exit, signal.SIGTERM, None)
    thread.join(PATIENCE)
    assert not thread.is_alive()
