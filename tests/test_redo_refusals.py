"""Where the redo log alone refuses, the database takes its place: nobody is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapter import aside, journal_troubles, upkeep
from adapter.errors import StoreUnavailable
from adapter.store.database import REDO_SUFFIX, Database
from tests.store.test_redo_log import sequences
from tests.test_committer import Workshop, say
from tests.test_committing_to_disk import Disk, a_moment, disk
from tests.test_upkeep import until

__all__ = ["disk"]

BEGINS = "the redo log refuses; the database takes its place"
ENDS = "the redo log takes events again"


@pytest.fixture(params=[False, True], ids=["process", "power"])
async def workshop(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workshop:
    """A committer whose tenant has its number already, which takes a transaction."""
    monkeypatch.setattr(journal_troubles, "RETRY", 0.02)
    monkeypatch.setattr(journal_troubles, "QUIET", 0.1)
    monkeypatch.setattr(upkeep, "CATCH_UP_DELAY", 60.0)  # what waits shows where it was kept
    made = Workshop(tmp_path / "c.db", queue_limit=5_000, outlives_power=request.param)
    await made.committer.submit(say("first"))
    return made


def file_of(workshop: Workshop) -> int:
    """Give the descriptor of the redo log, told among all that are open by its name."""
    path = workshop.database.path.with_name(f"{workshop.database.path.name}{REDO_SUFFIX}")
    (found,) = (int(each.name) for each in Path("/proc/self/fd").iterdir() if _is(each, path))
    return found


def _is(link: Path, path: Path) -> bool:
    try:
        return link.readlink() == path
    except FileNotFoundError:
        return False


@contextmanager
def refusing(workshop: Workshop) -> Iterator[None]:
    """Have the system refuse what is written to the redo log: it is open for reading alone."""
    descriptor = file_of(workshop)
    path = f"/proc/self/fd/{descriptor}"
    kept, reading = os.dup(descriptor), os.open(path, os.O_RDONLY)
    os.dup2(reading, descriptor)
    os.close(reading)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


def refusals(workshop: Workshop) -> float:
    counted = workshop.metrics.registry.get_sample_value("screenpop_store_failures_total")
    assert counted is not None
    return counted


async def said(workshop: Workshop, *texts: str) -> list[int]:
    waiting = [workshop.committer.submit(say(each)) for each in texts]
    return await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_nobody_is_refused_and_the_order_goes_on_without_a_hole(workshop: Workshop) -> None:
    assert await said(workshop, "waits in it") == [2]
    assert len(workshop.database.durability.backlog) == 1
    with refusing(workshop):
        assert await said(workshop, "a", "b") == [3, 4]
        assert not workshop.database.durability.backlog  # what waited went along
        number = 4
        while refusals(workshop) < 4:  # it is tried again and again
            number += 1
            assert await said(workshop, str(number)) == [number]
        assert workshop.committer.failure is None
    await until(lambda: not workshop.committer.upkeep.needs_database())
    assert await said(workshop, "c", "d") == [number + 1, number + 2]
    assert len(workshop.database.durability.backlog) == 2
    assert workshop.hub.published == list(range(1, number + 3))
    after_a_crash(workshop)
    workshop.database.close()
    assert sequences(workshop.database.path) == list(range(1, number + 3))


def after_a_crash(workshop: Workshop) -> None:
    """See that who was killed now would find everything at the next start."""
    folder = workshop.database.path.parent / "killed"
    folder.mkdir()
    for each in workshop.database.path.parent.glob("c.db*"):
        shutil.copy(each, folder)
    database = Database(str(folder / "c.db"))
    database.serve()
    database.close()
    assert sequences(folder / "c.db") == workshop.hub.published
    assert not list(folder.glob("*aside*"))


async def test_a_kill_in_the_midst_of_it_loses_nothing(workshop: Workshop) -> None:
    await said(workshop, "waits in it")
    with refusing(workshop):
        await said(workshop, "a")
        after_a_crash(workshop)
    workshop.database.close()


async def test_it_is_said_once_when_it_begins_and_once_when_it_ends(workshop: Workshop) -> None:
    with capture_logs() as logs:
        sent = 0
        with refusing(workshop):
            while refusals(workshop) < 2:  # it is tried again, and that is counted, not said
                await said(workshop, "more")
                sent += 1

        await until(lambda: not workshop.committer.upkeep.needs_database())
        await said(workshop, "in the redo log")
        await until(lambda: ENDS in [each["event"] for each in logs])
        await said(workshop, "later")
    told = [each for each in logs if each["log_level"] != "debug"]
    assert [each["event"] for each in told] == [BEGINS, ENDS]
    assert told[1]["by_database"] >= sent >= 2
    assert told[1]["seconds"] >= 0
    workshop.database.close()


async def test_who_is_taken_now_and_refused_then_is_one_trouble(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_troubles, "QUIET", 30.0)
    with capture_logs() as logs:
        for _ in range(3):
            with refusing(workshop):
                await said(workshop, "by the database")
            await until(lambda: not workshop.committer.upkeep.needs_database())
            await said(workshop, "by the redo log")
            assert len(workshop.database.durability.backlog) == 1
    assert [each["event"] for each in logs] == [BEGINS]
    workshop.database.close()


async def test_where_both_refuse_all_is_refused_and_nothing_is_kept(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_troubles, "RETRY", 30.0)
    raw = workshop.database.raw
    with capture_logs() as logs, refusing(workshop):
        raw.execute("PRAGMA query_only=1")
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await said(workshop, "no")
            assert workshop.committer.upkeep.needs_database()  # the redo log is left alone
        raw.execute("PRAGMA query_only=0")
        assert await said(workshop, "yes") == [2]
    events = [each["event"] for each in logs]
    assert events == [BEGINS, "the journal refuses", "the journal works again"]
    assert workshop.hub.published == [1, 2]
    workshop.database.close()


async def test_under_a_lock_they_wait_as_for_any_transaction(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(workshop):
        with closing(sqlite3.connect(workshop.database.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = [workshop.committer.submit(say(each)) for each in ("a", "b")]
            await asyncio.sleep(3 * aside.RETRY)
            assert not any(each.done() for each in waiting)
            other.execute("ROLLBACK")
        assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [2, 3]
        with closing(sqlite3.connect(workshop.database.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            monkeypatch.setattr(aside, "PATIENCE", 0.05)
            with pytest.raises(StoreUnavailable, match="locked"):
                await said(workshop, "c")
            other.execute("ROLLBACK")
    assert workshop.hub.published == [1, 2, 3]
    workshop.database.close()


async def test_where_power_may_go_nobody_is_told_before_the_disk_has_what_the_database_took(
    tmp_path: Path, disk: Disk
) -> None:
    workshop = Workshop(tmp_path / "c.db", outlives_power=True)
    await said(workshop, "first")
    with refusing(workshop):
        disk.may_go_on.clear()
        waiting = workshop.committer.submit(say("x"))
        await a_moment()
        assert workshop.kept == [b'"first"', b'"x"']  # committed
        assert workshop.hub.published == [1]
        assert not waiting.done()
        disk.may_go_on.set()
        assert await waiting == 2
    workshop.database.close()
