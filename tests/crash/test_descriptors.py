"""Let the descriptors run out: who is connected is served, and the log says why nobody else is."""

from __future__ import annotations

import contextlib
import resource
import socket
from pathlib import Path

import httpx
import pytest

from tests.server import Server, eventually

pytestmark = pytest.mark.crash


def is_served(server: Server) -> bool:
    """Whether a new connection is answered."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200
    return False


def test_when_no_descriptor_is_left_who_is_connected_is_served_and_the_log_says_so(
    tmp_path: Path,
) -> None:
    with Server(tmp_path) as server, contextlib.ExitStack() as crowd:
        feed = server.connect("bob")
        feed.next()
        server.report("created", "before", agent="bob")
        assert server.process is not None
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (60, hard))
        for _ in range(80):
            crowd.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        eventually(lambda: not is_served(server), "nobody else gets in")
        eventually(lambda: "no file descriptors are left" in server.log(), "the log says why")
        server.report("created", "meanwhile", agent="bob")
        assert [feed.next()["subject"] for _ in range(2)] == ["before", "meanwhile"]
        crowd.close()
        eventually(lambda: is_served(server), "others get in again")
        assert server.log().count("no file descriptors are left") == 1
