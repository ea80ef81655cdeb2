"""Put a backup in the place of the database with old logs beside it: nothing of them gets in."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapter.store import maintenance
from adapter.store.failures import StoreTaken
from tests.crash.breaking import EXIT_TRY_LATER, assert_kept, fails_to_start
from tests.server import Server

pytestmark = pytest.mark.crash


class WithoutKeys(Server):
    """A server whose database has keys already."""

    def make_keys(self, tenant: str = "default") -> None:
        del tenant


def batch(server: Server, name: str, size: int = 20) -> list[str]:
    """Post contacts and give their ids."""
    ids = [f"{name}-{number}" for number in range(size)]
    answer = server.post(*(server.event("created", each, id=f"id-{each}") for each in ids))
    assert answer.json()["accepted"] == size
    return ids


def contacts(database: Path) -> set[str]:
    """Give the contacts of a database that is sound."""
    with closing(sqlite3.connect(database)) as reading:
        assert reading.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = reading.execute("SELECT DISTINCT subject FROM journal").fetchall()
    return {row[0] for row in rows}


def beside(server: Server, part: str) -> list[str]:
    return [each.name for each in server.folder.iterdir() if part in each.name]


def backup_of_another(folder: Path) -> tuple[Path, list[str]]:
    """Make a backup of another installation; give it and the contacts in it."""
    folder.mkdir()
    with Server(folder) as other:
        kept = batch(other, "other", 10)
        maintenance.backup(other.database, folder / "copy.db")
    return folder / "copy.db", kept


def kill_with_rows_in_redo(server: Server) -> list[str]:
    """Kill it while its redo log holds what the database lacks; give these contacts."""
    assert server.process is not None
    for attempt in range(100):
        taken = batch(server, f"late-{attempt}", 3)
        server.process.send_signal(signal.SIGSTOP)
        if maintenance.redo_progress(server.database.resolve()).holds:
            server.kill9()
            return taken
        server.process.send_signal(signal.SIGCONT)  # its rows are in the database already
    raise AssertionError("the redo log never held anything")


@pytest.mark.parametrize("durability", ["process", "power"])
def test_after_a_kill_nothing_of_the_old_logs_gets_into_an_older_backup(
    tmp_path: Path, durability: str
) -> None:
    with Server(tmp_path, SCREENPOP_DURABILITY=durability) as server:
        kept = batch(server, "kept")
        maintenance.backup(server.database, tmp_path / "copy")
        batch(server, "lost")
        kill_with_rows_in_redo(server)
        shutil.copyfile(tmp_path / "copy", server.database)
        server.start()
        assert "is not the database that was here" in server.log()
        assert beside(server, "-wal.aside-")
        assert beside(server, "-redo.aside-")
        kept += batch(server, "after")
        server.restart(kill=True)  # from now on the logs are its own
        assert server.log().count("is not the database") == 1
        assert server.stop() == 0
        assert contacts(server.database) == set(kept)


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ((), "is not the database that was here"),
        (("-wal", "-shm", ".lock"), "do not go on from what"),
    ],
    ids=["both logs", "the redo log alone, and no mark"],
)
def test_what_another_installation_left_does_not_get_into_a_backup(
    tmp_path: Path, gone: tuple[str, ...], words: str
) -> None:
    copy, kept = backup_of_another(tmp_path / "other")
    (tmp_path / "data").mkdir()
    with Server(tmp_path / "data") as server:
        batch(server, "lost")
        kill_with_rows_in_redo(server)
        shutil.copyfile(copy, server.database)
        for suffix in gone:
            server.database.with_name(f"screenpop.db{suffix}").unlink()
        server.start()
        assert words in server.log()
        assert beside(server, "-redo.aside-")
        assert server.stop() == 0
        assert contacts(server.database) == set(kept)


def test_where_a_loss_of_power_has_taken_what_was_told_a_new_epoch_begins(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        batch(server, "kept")
        before = server.connect("*").epoch
        server.restart()
        assert server.connect("*").epoch == before
        batch(server, "lost")
        maintenance.await_catch_up(server.database)  # the redo log begins anew
        kill_with_rows_in_redo(server)
        for suffix in ("-wal", "-shm"):  # the disk has the redo log alone
            server.database.with_name(f"screenpop.db{suffix}").unlink()
        server.start()
        assert "do not go on from what" in server.log()
        after = server.connect("*").epoch
        assert after != before
        server.restart(kill=True)
        assert server.connect("*").epoch == after


def test_a_command_lays_the_old_logs_aside_before_the_server_starts(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        kept = batch(server, "kept")
        maintenance.backup(server.database, tmp_path / "copy")
        batch(server, "lost")
        kill_with_rows_in_redo(server)
        shutil.copyfile(tmp_path / "copy", server.database)
        with server.office():
            pass
        assert contacts(server.database) == set(kept)
        assert beside(server, "-redo.aside-")
        with closing(sqlite3.connect(server.database)) as reading:
            reading.execute("SELECT count(*) FROM keys").fetchone()  # keeps the log where it is
            with server.office() as office:
                office.create_tenant("late")
            server.start()  # the log is that of the restored file
        assert server.log().count("is not the database") == 0
        with server.office() as office:
            assert office.tenant("late") == "late"


def test_a_folder_that_is_moved_whole_after_a_kill_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with Server(tmp_path / "data") as server:
        taken = batch(server, "taken")
        taken += kill_with_rows_in_redo(server)
        shutil.copytree(tmp_path / "data", tmp_path / "moved")
        with Server(tmp_path / "moved") as moved:
            assert_kept(moved, taken)
            assert not beside(moved, "aside")


@pytest.mark.parametrize("durability", ["process", "power"])
def test_kill_after_kill_while_checkpoints_are_held_up_no_log_is_taken_for_anothers(
    tmp_path: Path, durability: str
) -> None:
    taken: list[str] = []
    with Server(tmp_path, SCREENPOP_DURABILITY=durability) as server:
        taken += batch(server, "first")
        with closing(sqlite3.connect(server.database, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM tenants").fetchone()
            for number in range(4):
                taken += batch(server, f"held-{number}")
                server.restart(kill=True)
        assert not beside(server, "aside")
        assert_kept(server, taken)


def test_what_a_former_version_left_beside_a_link_is_taken(tmp_path: Path) -> None:
    real = tmp_path / "disk" / "real.db"
    real.parent.mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "screenpop.db").symlink_to(real)
    with Server(tmp_path / "data") as server:
        batch(server, "before")
        taken = kill_with_rows_in_redo(server)
        former = tmp_path / "data" / "screenpop.db-redo"
        real.with_name("real.db-redo").rename(former)
        server.start()
        assert_kept(server, taken)
        assert not former.exists()


def test_a_database_under_two_names_is_the_same_for_two_servers_and_for_commands(
    tmp_path: Path,
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "second").mkdir()
    with Server(tmp_path / "data") as server:
        taken = batch(server, "taken")
        server.make_keys()
        second = WithoutKeys(tmp_path / "second")
        second.database.hardlink_to(server.database)
        with pytest.raises(StoreTaken, match="another name"), second.office():
            pass
        code, line = fails_to_start(second)
        assert (code, "another server" in line) == (EXIT_TRY_LATER, True)
        taken += batch(server, "unharmed")
        server.restart()
        assert "has another name" in server.log()
        second.database.unlink()  # as a tool that copied by links does in the end
        taken += batch(server, "after")
        server.restart(kill=True)
        assert_kept(server, taken)
        assert server.log().count("has another name") == 1
