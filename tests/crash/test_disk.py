"""Fill the disk under a running server: refused, said, and taken when there is room again."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.store import maintenance
from tests.crash.breaking import (
    assert_comes_in_once,
    assert_kept,
    fails_to_start,
    fill,
    readiness,
    tiny_disk,
    until_refused,
)
from tests.server import Server, eventually

pytestmark = pytest.mark.crash


def test_a_full_disk_refuses_and_recovers_when_there_is_room(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk") as disk, Server(disk) as server:
        server.report("created", "before")
        ballast = fill(disk)
        kept, refused = until_refused(server, "full")
        status, words = eventually(
            lambda: _not_ready(server), "the server knows that it is not ready"
        )
        assert status == 503
        assert "disk is full" in words
        assert "disk is full" in server.post(refused).json()["detail"]
        ballast.unlink()
        assert_comes_in_once(server, refused)
        assert_kept(server, ["before", *kept])


def test_what_a_full_disk_refuses_again_and_again_is_said_once_a_minute(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk") as disk, Server(disk) as server:
        server.report("created", "before")
        ballast = fill(disk)
        _, refused = until_refused(server, "full")
        for _ in range(20):
            assert server.post(refused).status_code == 503
        ballast.unlink()
        assert_comes_in_once(server, refused)
        assert server.log().count("event refused") == 1
        assert server.log().count("the redo log cannot be emptied") <= 1


def test_a_write_that_the_system_refuses_is_no_acknowledgement(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.report("created", "before")
        log = tmp_path / "screenpop.db-wal"
        _limit_files(server, log.stat().st_size + 65536)
        kept, refused = until_refused(server, "limit")
        assert "input/output error" in server.post(refused).json()["detail"]
        eventually(lambda: "the journal refuses" in server.log(), "the log says so")
        server.kill9()  # in the middle of it: nothing half-written may count
        server.start()
        assert_comes_in_once(server, refused)
        assert_kept(server, ["before", *kept])


def test_the_server_recovers_when_writes_work_again(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.report("created", "before")
        log = tmp_path / "screenpop.db-wal"
        _limit_files(server, log.stat().st_size)
        kept, refused = until_refused(server, "again")
        _limit_files(server, resource.RLIM_INFINITY)
        assert_comes_in_once(server, refused)
        assert_kept(server, ["before", *kept])
        eventually(lambda: "works again" in server.log(), "the log says so")


def test_a_read_only_data_folder_is_one_clear_line(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk") as disk:
        server = Server(disk)
        with server:
            pass
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        code, line = fails_to_start(server)
    assert code != 0
    assert str(disk) in line
    assert "ead-only" in line or "cannot be opened" in line


@contextlib.contextmanager
def immutable(file: str) -> Iterator[None]:
    """Make a file immutable (needs a file system and a right for it, else the test is skipped)."""
    if (
        shutil.which("chattr") is None
        or subprocess.run(["chattr", "+i", file], check=False).returncode
    ):
        pytest.skip("no right to make a file immutable here")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", file], check=True)


def test_a_log_that_became_immutable_refuses_and_recovers(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.report("created", "before")
        eventually(lambda: not _holds(server), "the database has it")
        with immutable(f"{server.database}-wal"):
            kept, refused = until_refused(server, "immutable")
            eventually(
                lambda: "input/output error" in readiness(server)[1], "it says why it is not ready"
            )
        assert_comes_in_once(server, refused)
        server.restart(kill=True)
        assert_kept(server, ["before", *kept])


BEGINS, ENDS = "the redo log refuses", "the redo log takes events again"


def test_a_redo_log_that_became_immutable_refuses_nobody(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.report("created", "before")
        eventually(lambda: not _holds(server), "the database has it")
        with immutable(f"{server.database}-redo"):
            for number in range(20):
                server.report("created", f"during-{number}")
            assert readiness(server) == (200, "ok")
            server.kill9()
        server.start()
        assert_kept(server, ["before", *(f"during-{number}" for number in range(20))])


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_redo_log_whose_disk_is_full_refuses_nobody_and_is_said_twice(
    tmp_path: Path, durability: str
) -> None:
    data = tmp_path / "data"
    with tiny_disk(tmp_path / "disk", "64k") as disk:
        data.mkdir()
        (data / "screenpop.db-redo").symlink_to(disk / "redo")
        with Server(data, SCREENPOP_DURABILITY=durability) as server:
            wallboard = server.connect("*")
            wallboard.next()
            server.report("created", "before")
            ballast = fill(disk)
            sent = [f"c-{number}" for number in range(30)]
            for contact in sent:
                server.report("created", contact, attributes={"x": "y" * 6000})
                server.report("updated", contact)  # for which there may be room
            assert readiness(server) == (200, "ok")
            assert server.log().count(BEGINS) == 1
            server.restart(kill=True)
            for contact in sent:
                server.report("ended", contact, attributes={"x": "y" * 6000})
            ballast.unlink()

            def ended() -> bool:
                server.report("ended", "before")
                return ENDS in server.log()

            eventually(ended, "it takes events again", within=30)
            server.restart(kill=True)
            log = server.log()
            assert (log.count(BEGINS), log.count(ENDS)) == (2, 1)  # it was started again
            assert "refused" not in log
            assert_kept(server, ["before", *sent])
            again = server.connect("*", after=int(wallboard.seen[0]["sequence"]))
            numbers = [int(again.next()["sequence"]) for _ in range(3 * len(sent) + 2)]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_of_somebody_else_is_one_clear_line(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    with server:
        pass
    (tmp_path / "data").chmod(0o500)
    code, line = fails_to_start(server)
    assert code != 0
    assert str(tmp_path) in line


def _holds(server: Server) -> bool:
    return maintenance.redo_progress(server.database).holds


def _not_ready(server: Server) -> tuple[int, str] | None:
    # A small write may still find room where a large one does not: ask after a large one.
    server.post(server.event("created", "large", attributes={"x": "y" * 30_000}))
    found = readiness(server)
    return found if found[0] != 200 else None


def _limit_files(server: Server, size: int) -> None:
    """Let the system refuse the server's writes beyond `size` bytes of a file (EFBIG)."""
    assert server.process is not None
    pid = server.process.pid
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_database_that_cannot_be_written_is_told_as_that_at_the_start(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.report("created", "kept")
        server.stop()
        with immutable(str(server.database)):
            _, line = fails_to_start(server)
            assert "read-only" in line
        server.start()
        assert_kept(server, ["kept"])
