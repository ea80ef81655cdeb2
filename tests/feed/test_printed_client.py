"""The feed client that the documentation prints runs as it is printed, through a restart too."""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO, Any

import pytest

from adapter.store import maintenance
from tests import documents
from tests.server import PATIENCE, Server, elsewhere

PAGE = documents.DOCS / "how-to" / "write-a-feed-client.md"
PLACE = "wss://screenpop.example/"
KEY = "sp_…"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CUT = b"HTTP/1.1 101 Switch"


class Printed:
    """The printed program, of which nothing but the place and the key was changed."""

    def __init__(self, folder: Path, port: int, key: str) -> None:
        (text,) = documents.blocks(documents.read(PAGE), "python")
        assert text.count(PLACE) == text.count(KEY) == 1
        program = folder / "client.py"
        program.write_text(text.replace(PLACE, f"ws://127.0.0.1:{port}/").replace(KEY, key))
        self.process = subprocess.Popen(
            [sys.executable, program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        self._lines: Queue[str] = Queue()
        Thread(target=_collect, args=(self.process.stdout, self._lines), daemon=True).start()

    def next(self) -> dict[str, Any]:
        """Give the next message that it prints."""
        line = self._lines.get(timeout=2 * PATIENCE)
        assert line, self.process.communicate()[1]
        message: dict[str, Any] = ast.literal_eval(line)
        return message


def _collect(stream: IO[str], lines: Queue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


@contextlib.contextmanager
def printed(folder: Path, port: int, key: str) -> Iterator[Printed]:
    run = Printed(folder, port, key)
    try:
        yield run
    finally:
        run.process.kill()
        run.process.communicate()


def stand_in(port: int, *answers: bytes) -> None:
    """Answer so many connections as a proxy does whose server is away, and then be away too."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.settimeout(2 * PATIENCE)
        for answer in answers:
            peer, _ = listening.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(answer)


def test_the_printed_client_goes_on_after_a_restart_and_misses_nothing(tmp_path: Path) -> None:
    with (
        Server(tmp_path) as server,
        printed(tmp_path, server.port, server.secret("feed")) as client,
    ):
        assert client.next()["type"] == "screenpop.snapshot"
        server.report("offered", "c-1", agent="alice")
        assert client.next()["subject"] == "c-1"
        assert server.stop() == 0
        stand_in(server.port, BAD_GATEWAY, CUT)
        server.start()
        server.report("offered", "c-2", agent="bob")
        server.report("answered", "c-2", agent="bob")
        told = [client.next() for _ in range(2)]
        kinds = [each["type"].rpartition(".")[2] for each in told]
        assert [each["subject"] for each in told] == ["c-2", "c-2"]
        assert kinds == ["offered", "answered"]


def test_the_printed_client_is_told_of_the_gap_of_a_backup_that_has_grown_past_it(
    tmp_path: Path,
) -> None:
    with (
        Server(tmp_path) as server,
        printed(tmp_path, server.port, server.secret("feed")) as client,
    ):
        assert client.next()["type"] == "screenpop.snapshot"
        maintenance.backup(server.database, copy := tmp_path / "copy")
        for number in range(3):
            server.report("offered", f"lost-{number}", agent="alice")
            assert client.next()["subject"] == f"lost-{number}"
        server.kill9()
        shutil.copyfile(copy, server.database)
        with elsewhere(server):
            for number in range(5):
                server.report("offered", f"new-{number}", agent="alice")
        server.start()
        told = client.next()
        assert told["data"]["gap"] is True
        assert len(told["data"]["contacts"]) == 5
        for contact in ("c-1", "c-2"):  # it goes on from there, without another gap
            server.report("offered", contact, agent="alice")
            assert client.next()["subject"] == contact
            server.restart(kill=True)


def test_the_printed_client_stops_where_coming_back_is_of_no_use(server: Server) -> None:
    with printed(server.folder, server.port, "sp_000000000000_wrong") as client:
        _, said = client.process.communicate(timeout=2 * PATIENCE)
    assert client.process.returncode == 1
    assert "4401" in said


@pytest.mark.parametrize("status", [404, 421])
def test_the_printed_client_stops_where_there_is_no_such_feed(tmp_path: Path, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answer = BAD_GATEWAY.replace(b"502", str(status).encode())
    answering = Thread(target=stand_in, args=(port, answer))
    answering.start()
    with printed(tmp_path, port, "sp_x") as client:
        _, said = client.process.communicate(timeout=2 * PATIENCE)
    answering.join()
    assert client.process.returncode == 1
    assert f"HTTP {status}" in said
