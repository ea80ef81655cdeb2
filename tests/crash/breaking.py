"""Break what the server stands on, and see that it says so and takes nothing wrongly."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server import PATIENCE, Server, eventually

EXIT_TRY_LATER = 5


@contextlib.contextmanager
def tiny_disk(folder: Path, size: str = "4m") -> Iterator[Path]:
    """Mount a small file system of its own (needs the right to mount, else the test is skipped)."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("no right to mount a file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write a file until the disk is full, and give it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return ballast


def refused(answer: httpx.Response, words: str) -> None:
    """See that an answer says: not now, because of `words`; come again."""
    assert answer.status_code == 503, answer.text
    assert words in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) >= 1


def readiness(server: Server) -> tuple[int, str]:
    """Give the status of `/readyz` and what it says of the journal."""
    answer = server.http.get(server.url + "/readyz")
    return answer.status_code, answer.json()["checks"]["journal"]


def until_refused(server: Server, name: str, most: int = 3000) -> tuple[list[str], dict[str, Any]]:
    """Post until a post is refused; give the contacts acknowledged and the event refused."""
    kept: list[str] = []
    for number in range(most):
        event = server.event("created", f"{name}-{number}", attributes={"x": "y" * 4000})
        answer = server.post(event)
        if answer.status_code != 202:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) >= 1
            return kept, event
        kept.append(event["subject"])
    raise AssertionError(f"{most} events, and none was refused")


def assert_kept(server: Server, contacts: list[str]) -> None:
    """See that every acknowledged contact is there."""
    for contact in contacts:
        answer = server.request("GET", f"/v1/contacts/{contact}", scope="admin")
        assert answer.status_code == 200, contact


def assert_comes_in_once(server: Server, event: dict[str, Any]) -> None:
    """See that what was refused had left nothing, and is taken when it comes again."""
    again = eventually(lambda: _taken(server, event), "the journal works again")
    assert again.json()["accepted"] == 1
    assert server.post(event).json()["duplicates"] == 1
    assert readiness(server) == (200, "ok")


def _taken(server: Server, event: dict[str, Any]) -> httpx.Response | None:
    answer = server.post(event)
    return answer if answer.status_code == 202 else None


def fails_to_start(server: Server) -> tuple[int, str]:
    """Start a server that cannot run; give its exit code and its one line."""
    server.start(wait=False)
    assert server.process is not None
    code = server.process.wait(PATIENCE * 3)
    eventually(lambda: "screenpop: " in server.log(), "a line says why")
    lines = [line for line in server.log().splitlines() if line.startswith("screenpop: ")]
    assert "Traceback" not in server.log()
    server.kill9()
    return code, lines[-1]


def root_page(database: Path, table: str) -> tuple[int, int]:
    """Give the offset and the length of the first page of a table."""
    with contextlib.closing(sqlite3.connect(database)) as reading:
        (page,) = reading.execute(
            "SELECT rootpage FROM sqlite_master WHERE name=?", (table,)
        ).fetchone()
        (size,) = reading.execute("PRAGMA page_size").fetchone()
        reading.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (page - 1) * size, size


def spoil(database: Path, offset: int, length: int) -> None:
    """Overwrite a part of a file with rubbish."""
    with database.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)
