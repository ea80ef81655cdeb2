"""Knock at the ingest routes over raw sockets, where an HTTP client is too polite."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

import httpx

from tests.server import PATIENCE, Client, Server

DOMAIN = "screens.test"
OTHER_TENANT = "fabrikam"
RATE = 60
QUEUE = 20
FIREHOSE_LIMIT = 2 * 1024 * 1024

EVENTS = "/v1/events"
AMAZON = "/v1/events/amazon-connect"
FIREHOSE = "/v1/events/amazon-firehose"


@dataclass(frozen=True)
class Answer:
    """What came back over a raw socket."""

    status: int
    headers: dict[str, str]
    body: bytes


def dial(server: Server) -> socket.socket:
    """Open a bare connection."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def read_answer(connection: socket.socket) -> Answer:
    """Read one response."""
    response = HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def head(server: Client, path: str = EVENTS, *lines: str, method: str = "POST") -> bytes:
    """Write a request's head."""
    first = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}"]
    return "\r\n".join([*first, *lines, "", ""]).encode()


def whole(server: Server, event: Any) -> bytes:
    """Write a whole request that posts an event."""
    body = text(event)
    key = f"X-Api-Key: {server.secret('ingest')}"
    lines = (key, "Content-Type: application/json", f"Content-Length: {len(body)}")
    return head(server, EVENTS, *lines) + body


@contextlib.contextmanager
def crowd(server: Server, count: int) -> Iterator[list[socket.socket]]:
    """Open many connections."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(dial(server)) for _ in range(count)]


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """See that an answer is an RFC 9457 problem of this status, and give its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:screenpop:problem:")
    assert body["title"]
    assert body["detail"]
    return body


def state(server: Server, contact: str) -> dict[str, Any]:
    """Read a contact's state."""
    answer = server.request("GET", f"/v1/contacts/{contact}", scope="admin")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def unknown(server: Server, contact: str) -> bool:
    """Whether nobody reported on a contact."""
    return server.request("GET", f"/v1/contacts/{contact}", scope="admin").status_code == 404


def text(event: Any) -> bytes:
    """Write JSON."""
    return json.dumps(event).encode()


def metric(server: Server, name: str) -> float:
    """Read one metric without labels."""
    text = server.http.get(server.url + "/metrics").text
    found = next(line for line in text.splitlines() if line.startswith(name + " "))
    return float(found.split()[1])
