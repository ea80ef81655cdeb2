"""Servers that answer the hot POST on each of its ways, and a sender who compares."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from adapter import app, server, settings
from adapter.office import opened
from adapter.services import Services
from adapter.web.http_connections import HttpConnection
from adapter.web.short_requests import ShortConnection
from tests.server import eventually

LIMIT = 20_000
STRUCTURED = "Content-Type: application/cloudevents+json"
PLAIN = "Content-Type: application/json"


class Ways:
    """Servers that know the same keys: with the short way, without it, and to be warmed up."""

    def __init__(self, folder: Path) -> None:
        self.ports: list[int] = []
        self.services: list[Services] = []
        self.servers: list[uvicorn.Server] = []
        self._threads: list[threading.Thread] = []
        self.settings = [self._settings(folder / name) for name in ("short", "long", "warm")]
        self.warmed = self.settings[2]
        with opened(self.warmed) as office:
            self.key = office.create_key("default", "ingest", "test").secret
            self.other_key = office.create_key("default", "admin", "test").secret
            self.signing = office.create_signing_secret("default", "test").secret
        for name in ("short", "long"):
            shutil.copytree(folder / "warm", folder / name)
        kinds = (ShortConnection, HttpConnection, ShortConnection)
        for chosen, kind in zip(self.settings, kinds, strict=True):
            self._start(chosen, kind)

    @staticmethod
    def _settings(folder: Path) -> settings.Settings:
        return settings.load(data_dir=folder, body_limit=LIMIT, allow_loopback=True, rate_limit=1e6)

    def _start(self, chosen: settings.Settings, kind: type[HttpConnection]) -> None:
        made: list[uvicorn.Server] = []

        def run() -> None:
            services = app.create_services(chosen)
            self.services.append(services)
            config = server.config(services, app.create_app(services), chosen)
            config.http, config.port = kind, 0
            made.append(uvicorn.Server(config))
            made[0].run()

        thread = threading.Thread(target=run)
        thread.start()
        eventually(lambda: bool(made) and made[0].started, "the server listens")
        self.servers.append(made[0])
        self._threads.append(thread)
        self.ports.append(made[0].servers[0].sockets[0].getsockname()[1])

    def stop(self) -> None:
        for each in self.servers:
            each.should_exit = True
        for thread in self._threads:
            thread.join()

    def same(
        self, *pieces: bytes, answers: int = 1, warmed: socket.socket | None = None
    ) -> list[bytes]:
        """Send the same on each way, and give the answers: the same but for the time."""
        short, long = (talk(connected(port), pieces, answers) for port in self.ports[:2])
        assert short == long
        assert short == talk(warmed or self.warm(b"".join(pieces)), pieces, answers)
        return short

    def warm(self, request: bytes = b"") -> socket.socket:
        """Open a connection whose last head is that of a request, or else the usual one: where it
        is refused, or the last on its connection, or names the event."""
        usual = post(b"", f"X-Api-Key: {self.key}", STRUCTURED)
        for each in (usual,) if b"ce-id" in request else (request, usual):
            lines = each.partition(b"\r\n\r\n")[0].split(b"\r\n")
            lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
            body = event()
            head = b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", b""])
            peer = connected(self.ports[2])
            peer.sendall(head + body)
            answer = Reading(peer).answer()
            if b" 202 " in answer and b"connection: close" not in answer:
                return peer
            peer.close()
        pytest.fail("no head is taken")


def connected(port: int) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), timeout=10)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def talk(peer: socket.socket, pieces: tuple[bytes, ...], answers: int) -> list[bytes]:
    """Send pieces one by one; give the answers, and "closed" where the connection is."""
    with peer:
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
