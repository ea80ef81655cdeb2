"""A database is known by its mark, however often its server was killed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from adapter.store import belonging, installation, maintenance
from adapter.store.database import Database


def restored(folder: Path) -> Path:
    """Give a database that was served, in whose place its backup was put."""
    path, copy = folder / "served.db", folder / "copy.db"
    served = Database(str(path))
    served.migrate()
    served.serve()
    maintenance.backup(path, copy)
    served.close()
    path.write_bytes(copy.read_bytes())
    return path


def test_a_server_killed_again_and_again_while_checkpoints_are_held_up_keeps_its_logs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "held.db"
    served = Database(str(path))
    served.migrate()
    served.close()
    marks = set()
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM tenants").fetchone()  # no checkpoint passes it
        for start in range(40):
            assert not belonging.is_another(path), start
            with closing(sqlite3.connect(path, isolation_level=None)) as killed:
                belonging.give_mark(killed, path)
                marks.add(killed.execute("PRAGMA user_version").fetchone()[0])
                if start == 3:  # a later reader holds up less: a mark in between reaches the file
                    reader.execute("COMMIT")
                    reader.execute("BEGIN")
                    reader.execute("SELECT count(*) FROM tenants").fetchone()
    assert 10 < len(marks) < 40
    assert not belonging.is_another(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as free:
        belonging.give_mark(free, path)
    assert not belonging.is_another(path)
    copy = tmp_path / "copy.db"
    maintenance.backup(path, copy)
    path.write_bytes(copy.read_bytes())
    assert belonging.is_another(path)


def test_a_restored_file_keeps_its_own_logs_before_its_first_server_has_marked_it(
    tmp_path: Path,
) -> None:
    path = restored(tmp_path)
    maintenance.adopt(path)
    assert not belonging.is_another(path)
    opened = Database(str(path))
    before = installation.epoch(opened.raw.cursor())
    opened.serve()
    assert installation.epoch(opened.raw.cursor()) != before
    assert not belonging.is_another(path)
    opened.close()


def test_an_epoch_begins_in_the_log_so_that_a_crash_leaves_the_log_the_files_own(
    tmp_path: Path,
) -> None:
    path = restored(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as own:
        own.execute("PRAGMA wal_autocheckpoint=0")
        own.execute("CREATE TABLE much (text)")
        own.executemany("INSERT INTO much VALUES (?)", [("x" * 4000,)] * 3000)
        assert not belonging.is_another(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as killed:
            belonging.begin_epoch_of_new(killed, path)
            assert not belonging.is_another(path)


def test_logs_that_are_younger_than_the_file_are_its_own_whatever_the_marks_say(
    tmp_path: Path,
) -> None:
    path = restored(tmp_path)
    assert belonging.is_another(path)
    log = path.with_name("served.db-redo")
    log.write_bytes(b"of a version that gives no marks")
    put = path.stat().st_ctime_ns
    os.utime(log, ns=(put, put))
    assert belonging.is_another(path)
    os.utime(log, ns=(put + 1, put + 1))
    assert not belonging.is_another(path)
    log.write_bytes(b"")
    assert belonging.is_another(path)
