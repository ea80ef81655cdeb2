"""What the redo log took is never lost and never there twice, whatever its end looks like."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from adapter.errors import StoreUnavailable
from adapter.store import journal, locking, maintenance
from adapter.store.database import REDO_SUFFIX, Database
from adapter.store.failures import StoreBusy, StoreTaken
from adapter.store.journal import redo
from adapter.store.journal.backlog import Row
from adapter.store.journal.redo import RedoLog
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


def sequences(path: Path, tenant: Tenant = HERE) -> list[int]:
    """Read the journal as another program does."""
    database = Database(str(path))
    try:
        cursor = database.raw.cursor()
        kept = journal.messages_after(cursor, tenant, None, 0, limit=1000)
        return [each.sequence for each in kept]
    finally:
        database.close()


@contextmanager
def hidden(folder: Path) -> Iterator[None]:
    """Take the right to look into a folder of ours; root has it of any."""
    user = os.geteuid()
    folder.chmod(0o000)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


groups = st.lists(st.lists(st.integers(1, 10_000), min_size=1, max_size=4), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(groups, st.data())
def test_of_a_torn_file_the_whole_records_are_read(
    kept: list[list[int]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "redo"
        log = RedoLog(path)
        log.begin_cycle()
        ends = [path.stat().st_size]
        for group in kept:
            log.append([row(number, "y" * number) for number in group])
            ends.append(path.stat().st_size)
        cut = data.draw(st.integers(ends[0], ends[-1]))
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


@settings(max_examples=150, deadline=None)
@given(groups, groups, st.data())
def test_a_loss_of_power_between_two_cycles_leaves_the_beginning_of_one(
    former: list[list[int]], kept: list[list[int]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "redo"
        log = RedoLog(path)
        log.begin_cycle()
        for group in former:
            log.append([row(number, "a" * number) for number in group])
        before = path.read_bytes()
        log.begin_cycle()
        for group in kept:
            log.append([row(number, "b" * number) for number in group])
        after = path.read_bytes()
        assert log.read() == [row(number, "b" * number) for group in kept for number in group]
        # Each sector is on the disk or is not; the file is as long as it became.
        sectors = range(0, len(after), 512)
        written = data.draw(st.sets(st.sampled_from(sectors)))
        text = bytearray(before.ljust(len(after), b"\0"))
        for at in written:
            text[at : at + 512] = after[at : at + 512]
        path.write_bytes(text)
        found = log.read()
        beginnings = [
            [row(number, letter * number) for group in groups[:whole] for number in group]
            for letter, groups in (("a", former), ("b", kept))
            for whole in range(len(groups) + 1)
        ]
        assert found in beginnings
        log.close()


def test_a_file_of_the_former_version_is_read_and_becomes_one_of_this(tmp_path: Path) -> None:
    opened(tmp_path / "c.db").close()
    records = [msgspec.msgpack.encode([row(number)]) for number in (1, 2)]
    heads = [struct.pack("<II", len(each), zlib.crc32(each)) for each in records]
    file = tmp_path / f"c.db{REDO_SUFFIX}"
    file.write_bytes(heads[0] + records[0] + heads[1] + records[1] + b"torn")
    server = opened(tmp_path / "c.db")
    assert sequences(tmp_path / "c.db") == [1, 2]
    server.durability.keep([row(3)])
    left = file.read_bytes()
    server.close()
    assert file.read_bytes() == b""
    file.write_bytes(left)
    opened(tmp_path / "c.db").close()
    assert sequences(tmp_path / "c.db") == [1, 2, 3]


def test_a_file_of_zeros_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "redo"
    path.write_bytes(bytes(100))
    log = RedoLog(path)
    assert log.read() == []
    log.close()


def test_what_was_written_over_or_wiped_is_not_read_and_what_was_wiped_is_gone(
    tmp_path: Path,
) -> None:
    path = tmp_path / f"c.db{REDO_SUFFIX}"
    server = opened(tmp_path / "c.db")
    server.durability.keep([row(1, "first"), row(2, "Maria")])
    server.catch_up()
    server.durability.keep([row(3, "third")])
    assert b"Maria" in path.read_bytes()  # of the former cycle, and no longer read
    server.wipe_redo()  # when what waits is in the database
    server.catch_up()
    server.durability.keep([row(4, "fourth")])
    assert b"Maria" not in path.read_bytes()
    server.catch_up()
    assert b"fourth" in path.read_bytes()
    server.wipe_redo()  # at once
    assert b"fourth" not in path.read_bytes()
    server.close()
    assert sequences(tmp_path / "c.db") == [1, 2, 3, 4]


@pytest.mark.parametrize("room", [0, 8])
def test_a_file_that_was_wiped_on_a_full_disk_gets_its_head_before_the_next_row(
    tmp_path: Path, room: int
) -> None:
    server = opened(tmp_path / "c.db")
    server.durability.keep([row(1)])
    server.catch_up()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        server.wipe_redo()
        with pytest.raises(StoreUnavailable):
            server.durability.keep([row(2)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    server.durability.keep([row(3)])
    copied = tmp_path / "as a crash leaves it"
    copied.write_bytes((tmp_path / f"c.db{REDO_SUFFIX}").read_bytes())
    left = RedoLog(copied)
    assert left.read() == [row(3)]
    left.close()
    server.close()
    assert sequences(tmp_path / "c.db") == [1, 3]


def test_a_file_that_grew_long_is_cut_off(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    path = tmp_path / f"c.db{REDO_SUFFIX}"
    for number in range(1, 6):
        server.durability.keep([row(number, "x" * (1 << 20))])
    assert path.stat().st_size > redo.KEPT_SIZE
    server.catch_up()
    assert path.stat().st_size < 100
    server.close()


def test_while_only_a_part_is_in_the_database_the_file_keeps_all(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    path = tmp_path / f"c.db{REDO_SUFFIX}"
    server.durability.keep([row(number) for number in range(1, 6)])
    left = path.read_bytes()
    server.catch_up(2)
    assert (len(server.durability.backlog), sequences(tmp_path / "c.db")) == (3, [1, 2])
    assert path.read_bytes() == left
    server.durability.keep([row(6)])
    left = path.read_bytes()
    server.close()
    other = Database(str(tmp_path / "c.db"))
    with other.transaction() as cursor:
        cursor.execute("DELETE FROM journal WHERE position>?", (1 << 40 | 2,))
    other.close()
    path.write_bytes(left)  # as if it had been killed then
    opened(tmp_path / "c.db").close()
    assert sequences(tmp_path / "c.db") == [1, 2, 3, 4, 5, 6]


def test_what_a_crash_left_is_on_the_disk_before_the_file_is_emptied(tmp_path: Path) -> None:
    first = opened(tmp_path / "c.db")
    first.durability.keep([row(1)])
    path = tmp_path / f"c.db{REDO_SUFFIX}"
    left = path.read_bytes()
    first.close()
    path.write_bytes(left)
    told: list[tuple[str, bool]] = []
    second = Database(str(tmp_path / "c.db"))
    # SQLite syncs its log within a commit at this level alone (pragma.html#pragma_synchronous).
    second.raw.set_trace_callback(lambda text: told.append((text, path.read_bytes() == left)))
    maintenance.recover(second)
    second.close()
    steps = [each for each in told if each[0] == "COMMIT" or "synchronous" in each[0]]
    assert steps == [
        ("PRAGMA synchronous=FULL", True),
        ("COMMIT", True),
        ("PRAGMA synchronous=NORMAL", False),
    ]


def test_what_a_log_has_that_the_disk_may_have_lost_is_in_the_database_before_the_file_is_emptied(
    tmp_path: Path,
) -> None:
    first = opened(tmp_path / "c.db")
    first.durability.keep([row(1)])
    left = (tmp_path / f"c.db{REDO_SUFFIX}").read_bytes()
    first.catch_up()
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("c.db", "c.db-wal"):
        shutil.copy(tmp_path / name, killed)
    (killed / f"c.db{REDO_SUFFIX}").write_bytes(left)
    first.close()
    second = Database(str(killed / "c.db"))
    maintenance.recover(second)
    shutil.copy(killed / "c.db", tmp_path / "alone.db")
    second.close()
    assert sequences(tmp_path / "alone.db") == [1]


def test_what_cannot_be_recovered_stays_in_the_file(tmp_path: Path) -> None:
    first = opened(tmp_path / "c.db")
    first.durability.keep([row(1)])
    path = tmp_path / f"c.db{REDO_SUFFIX}"
    left = path.read_bytes()
    first.close()
    path.write_bytes(left)
    other = Database(str(tmp_path / "c.db"))
    second = Database(str(tmp_path / "c.db"), busy_timeout=0)
    with other.transaction(), pytest.raises(StoreUnavailable, match="locked"):
        second.recover()
    with second.transaction():
        pass
    second.close()
    other.close()
    assert path.read_bytes() == left


def test_a_backup_waits_until_the_server_has_caught_up(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    server.durability.keep([row(1)])
    soon = threading.Timer(0.2, server.catch_up)
    soon.start()
    maintenance.backup(tmp_path / "c.db", tmp_path / "copy.db")
    soon.join()
    assert sequences(tmp_path / "copy.db") == [1]
    # Where nothing waits it takes no time, though former records stand in the file.
    assert b"x" in (tmp_path / f"c.db{REDO_SUFFIX}").read_bytes()
    assert not maintenance.redo_progress(tmp_path / "c.db").holds
    server.close()


def test_who_erases_waits_until_the_server_has_wiped_its_file(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    server.durability.keep([row(1, "Maria")])
    server.catch_up()
    before = maintenance.redo_progress(tmp_path / "c.db")
    assert not maintenance.await_wipe(tmp_path / "c.db", before)  # no server has the database
    lock = locking.lock(tmp_path / "c.db")
    soon = threading.Timer(0.2, server.wipe_redo)
    soon.start()
    assert maintenance.await_wipe(tmp_path / "c.db", before)
    assert b"Maria" not in (tmp_path / f"c.db{REDO_SUFFIX}").read_bytes()
    soon.join()
    os.close(lock)
    server.close()


def test_what_was_kept_is_in_the_database_after_a_crash_and_once(tmp_path: Path) -> None:
    first = opened(tmp_path / "c.db")
    first.durability.keep([row(1), row(2)])
    with first.transaction():
        pass
    first.durability.keep([row(3)])
    left = (tmp_path / f"c.db{REDO_SUFFIX}").read_bytes()
    first.close()
    # As if it had been killed before the file was emptied: some of it is in the database already.
    (tmp_path / f"c.db{REDO_SUFFIX}").write_bytes(left)
    opened(tmp_path / "c.db").close()
    assert sequences(tmp_path / "c.db") == [1, 2, 3]
    assert (tmp_path / f"c.db{REDO_SUFFIX}").read_bytes() == b""


def test_a_command_reads_what_a_killed_server_left(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    server.durability.keep([row(1)])
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
    server.durability.keep([row(1)])
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
    server.durability.keep([row(1)])
    with suppress(ZeroDivisionError), server.transaction():
        raise ZeroDivisionError
    assert len(server.durability.backlog) == 1
    server.catch_up()
    assert (len(server.durability.backlog), sequences(tmp_path / "c.db")) == (0, [1])
    server.close()


def test_a_row_that_the_disk_refuses_is_not_kept_and_the_next_one_is(tmp_path: Path) -> None:
    server = opened(tmp_path / "c.db")
    server.durability.keep([row(1)])
    size = (tmp_path / f"c.db{REDO_SUFFIX}").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    try:
        with pytest.raises(StoreUnavailable, match=r"full|input/output"):
            server.durability.keep([row(2, "z" * 500)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / f"c.db{REDO_SUFFIX}").stat().st_size == size
    server.durability.keep([row(2)])
    server.catch_up()
    assert sequences(tmp_path / "c.db") == [1, 2]
    server.close()


def test_a_lock_that_lasts_is_waited_for_by_one_reader_and_not_by_each(tmp_path: Path) -> None:
    database = opened(tmp_path / "c.db")
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        database.durability.keep([row(1)])
        asked: list[str] = []
        database.raw.set_trace_callback(asked.append)
        for _ in range(10):
            with pytest.raises(StoreBusy), database.reading():
                pass
        other.execute("ROLLBACK")
    assert asked.count("PRAGMA busy_timeout=100") == 1
    with database.reading():
        assert not database.durability.backlog
    database.close()


def test_rows_that_do_not_go_on_from_the_database_are_not_taken_but_kept(tmp_path: Path) -> None:
    for number, left in enumerate(([3, 5, 6], [3, 1, 4], [6])):
        path = tmp_path / f"{number}.db"
        database = opened(path)
        database.durability.keep([row(1), row(2)])
        database.close()
        log = RedoLog(path.with_name(path.name + REDO_SUFFIX))
        log.begin_cycle()
        other = (row(1)[0], 9, *row(1)[2:])  # another row in the place of the first
        log.append([other if each == 1 else row(each) for each in left])
        os.close(log.descriptor)  # as a crash leaves it
        opened(path).close()
        assert sequences(path) == ([1, 2, 3] if number < 2 else [1, 2])
        (aside,) = tmp_path.glob(f"{number}.db-redo.aside-*")
        assert aside.stat().st_mode & 0o777 == 0o600
        kept = RedoLog(aside)
        assert len(kept.read()) == len(left)
        kept.close()


def test_a_hole_in_one_tenants_rows_keeps_nothing_from_another(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    database = opened(path)
    with database.transaction() as cursor:
        number = journal.number_for_writing(cursor, Tenant("there"))
    database.durability.keep([row(1)])
    database.close()
    theirs = [(number << 40 | each, *row(each)[1:]) for each in (1, 2)]
    log = RedoLog(path.with_name(path.name + REDO_SUFFIX))
    log.begin_cycle()
    log.append([row(3), theirs[0], row(4), theirs[1]])  # a loss of power took the second row
    os.close(log.descriptor)
    opened(path).close()
    assert sequences(path) == [1]
    assert sequences(path, Tenant("there")) == [1, 2]
    assert list(tmp_path.glob("c.db-redo.aside-*"))


def test_a_folder_that_may_not_be_looked_into_is_told_apart_from_a_file_that_is_gone(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    database = opened(folder / "c.db")
    with hidden(folder), pytest.raises(StoreUnavailable, match="cannot be opened"):
        database.files.check()
    database.files.check()
    (folder / "c.db").rename(folder / "elsewhere")
    with pytest.raises(StoreUnavailable, match="moved or deleted"):
        database.files.check()
    database.close()


def test_a_clock_that_was_set_back_does_not_have_the_files_looked_at_for_ever(
    tmp_path: Path,
) -> None:
    database = opened(tmp_path / "c.db")
    ahead = time.time() + 3600  # when the folder was changed last, by the clock of then
    os.utime(tmp_path, (ahead, ahead))
    database.files.check()
    database.files.check()
    assert database.files.is_quiet
    (tmp_path / "c.db").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable, match="moved or deleted"):
        database.files.check()
    database.close()
