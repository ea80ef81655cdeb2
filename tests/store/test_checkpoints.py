"""How far the log is written is seen without touching what SQLite holds locks on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapter.store import maintenance
from adapter.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(str(tmp_path / "c.db"))
    made.migrate()
    made.serve()
    return made


def write(database: Database, rounds: int) -> None:
    for number in range(rounds):
        with database.transaction() as cursor:
            cursor.execute("INSERT OR REPLACE INTO heartbeat (id, at) VALUES (1, ?)", (number,))


def frames(database: Database) -> int:
    """Ask SQLite itself, which moves them."""
    row = database.raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(row[1])


def test_the_frames_of_the_log_are_counted_as_sqlite_counts_them(database: Database) -> None:
    for rounds in (1, 0, 37, 200):
        write(database, rounds)
        seen = maintenance.log_progress(database.path).frames
        assert seen == frames(database)
        if rounds:
            assert seen > 0
    database.close()


def test_a_log_that_is_begun_anew_is_short_again(database: Database) -> None:
    write(database, 50)
    long = maintenance.log_progress(database.path)
    assert maintenance.checkpoint(database.path)
    assert maintenance.log_progress(database.path) == long  # nothing was written since
    write(database, 1)
    short = maintenance.log_progress(database.path)
    assert short.salts != long.salts
    assert short.frames < long.frames
    database.close()


def test_no_log_has_no_frames(tmp_path: Path) -> None:
    assert maintenance.log_progress(tmp_path / "none.db").frames == 0


def test_looking_at_the_log_ends_no_lock_that_keeps_others_from_its_index(
    database: Database,
) -> None:
    # Without it whoever comes next makes the index anew, under those who have it in memory.
    write(database, 3)
    before = locks(database.path.with_name("c.db-shm"))
    assert before
    maintenance.log_progress(database.path)
    assert locks(database.path.with_name("c.db-shm")) == before
    database.close()


def locks(file: Path) -> list[str]:
    """Give this process's locks on a file, as the kernel lists them (proc(5))."""
    inode = f":{file.stat().st_ino}"
    mine = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return [
        " ".join(words[1:])
        for words in mine
        if words[4] == str(os.getpid()) and words[5].endswith(inode)
    ]
