"""What the redo log took is never lost and never there twice, whatever its end looks like."""

from __future__ import annotations

import os
import resource
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from adapter.errors import StoreUnavailable
from adapter.store import journal, maintenance
from adapter.store.database import REDO_SUFFIX, Database, StoreTaken
from adapter.store.journal.redo import RedoLog
from adapter.store.journal.rows import Row
from adapter.tenants import Tenant

HERE = Tenant("here")


def row(number: int, text: str = "x") -> Row:
    return (1 << 40 | number, number, "t", None, b"\x90", text.encode(), None, None, None)


def opened(path: Path) -> Database:
    database = Database(str(path))
    database.migrate()
    database.serve()
    with database.transaction() as cursor:
        journal.number_for_writing(cursor, HERE)
    return database


def sequences(path: Path) -> list[int]:
    """Read the journal as another program does."""
    database = Database(str(path))
    try:
        cursor = database.raw.cursor()
        kept = journal.messages_after(cursor, HERE, None, 0, limit=1000)
        return [each.sequence for each in kept]
    finally:
        database.close()


groups = st.lists(st.lists(st.integers(1, 10_000), min_size=1, max_size=4), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(groups, st.data())
def test_of_a_torn_file_the_whole_records_are_read(
    kept: list[list[int]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "redo"
        log = RedoLog(path)
        ends = [0]
        for group in kept:
            log.append([row(number, "y" * number) for number in group])
            ends.append(path.stat().st_size)
        cut = data.draw(st.integers(0, ends[-1]))
        spoilt = data.draw(st.booleans()) and cut < ends[-1]
        if spoilt:
            with path.open("r+b") as file:
                file.seek(cut)
                (byte,) = file.read(1)
                file.seek(cut)
                file.write(bytes([byte ^ 0x55]))
        else:
            os.truncate(path, cut)
        whole = sum(end <= cut for end in ends) - 1
        expected = [row(number, "y" * number) for group in kept[:whole] for number in group]
        assert log.read() == expected
        log.close()


def test_what_was_kept_is_in_the_database_after_a_crash_and_once(tmp_path: Path) -> None:
    first = opened(tmp_path / "c.db")
    first.keep([row(1), row(2)])
    with first.transaction():
        pass
    first.keep([row(3)])
    left = (tmp_path / f"c.db{REDO_SUFFIX}").read_bytes()
    first.close()
    # As if it had been killed before the file was emptied: some of it is in the database already.
    (tmp_path / f"c.db{REDO_SUFFIX}").write_bytes(left)
    opened(tmp_path / "c.db").close()
    assert sequences(tmp_path / "c.db") == [1, 2, 3]
    assert (tmp_path / f"c.db{REDO_SUFFIX}").read_bytes() == b""


def test_a_command_reads_what_a_killed_server_left(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    server.keep([row(1)])
    left = (tmp_path / f"c.db{REDO_SUFFIX}").read_bytes()
    server.close()
    with_sequence_gone = Database(str(tmp_path / "c.db"))
    with with_sequence_gone.transaction() as cursor:
        cursor.execute("DELETE FROM journal")
    (tmp_path / f"c.db{REDO_SUFFIX}").write_bytes(left)
    maintenance.recover(with_sequence_gone)
    with_sequence_gone.close()
    assert sequences(tmp_path / "c.db") == [1]


def test_a_command_leaves_the_log_of_a_running_server_alone(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    server.keep([row(1)])
    command = Database(str(tmp_path / "c.db"))
    maintenance.recover(command)
    with pytest.raises(StoreTaken):
        command.recover()
    command.close()
    assert sequences(tmp_path / "c.db") == []
    with server.reading():
        assert sequences(tmp_path / "c.db") == [1]
    server.close()


def test_a_transaction_that_fails_leaves_what_waits_where_it_is(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    server.keep([row(1)])
    with suppress(ZeroDivisionError), server.transaction():
        raise ZeroDivisionError
    assert server.waiting == 1
    server.catch_up()
    assert (server.waiting, sequences(tmp_path / "c.db")) == (0, [1])
    server.close()


def test_a_row_that_the_disk_refuses_is_not_kept_and_the_next_one_is(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    server.keep([row(1)])
    size = (tmp_path / f"c.db{REDO_SUFFIX}").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    try:
        with pytest.raises(StoreUnavailable, match=r"full|input/output"):
            server.keep([row(2, "z" * 500)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / f"c.db{REDO_SUFFIX}").stat().st_size == size
    server.keep([row(2)])
    server.catch_up()
    assert sequences(tmp_path / "c.db") == [1, 2]
    server.close()
