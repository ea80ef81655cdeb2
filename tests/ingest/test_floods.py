"""Show that a flood by one source waits behind itself."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
from pathlib import Path

import pytest

from tests.server import PATIENCE, Server

FLOOD = 50


class Source:
    """A sender with one connection and a key."""

    def __init__(self, server: Server, secret: str) -> None:
        self._server, self._secret = server, secret
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)

    def post(self, contact: str, *, path: str) -> None:
        """Send, and do not wait for the answer."""
        body = json.dumps(self._server.event("offered", contact, agent="alice")).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/cloudevents+json"
            f"\r\nAuthorization: Bearer {self._secret}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)

    def answered(self) -> bool:
        """Whether the answer says that it is kept."""
        said = b""
        while not said.endswith(b"}"):
            said += self.socket.recv(65536) or b"}"
        return said.startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events?long"], ids=["short", "long"])
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
