"""What is written behind the commits takes the event loop in small pieces, and all of it goes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from adapter import app, aside, messages, settings, upkeep
from adapter.batch import Batch
from adapter.jobs import Work
from adapter.shares import Shares
from adapter.store import journal
from adapter.store.journal import redo
from tests.test_committer import HERE, Workshop, say


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path / "c.db", queue_limit=10_000)
    yield made
    made.database.close()


def in_the_file(workshop: Workshop) -> list[int]:
    """Give the sequences that another program sees."""
    with closing(sqlite3.connect(workshop.database.path)) as other:
        rows = other.execute("SELECT position FROM journal ORDER BY position").fetchall()
    return [journal.sequence_of(position) for (position,) in rows]


async def test_a_backlog_is_written_in_order_with_turns_of_the_loop_between(
    workshop: Workshop,
) -> None:
    await workshop.committer.submit(say("first"))  # the tenant's number takes a transaction
    with workshop.committer.upkeep.held():
        await asyncio.gather(*(workshop.committer.submit(say("x")) for _ in range(2000)))
        assert len(workshop.database.durability.backlog) == 2000
    seen: list[int] = []
    while workshop.database.durability.backlog:
        await asyncio.sleep(0)
        if (written := len(in_the_file(workshop))) != (seen or [1])[-1]:
            assert in_the_file(workshop) == list(range(1, written + 1))
            seen.append(written)
    assert len(seen) >= 4
    assert seen[-1] == 2001
    assert max(steps(seen)) <= upkeep.SLICE_ROWS


async def test_a_backlog_whose_redo_log_is_long_is_written_in_parts_too(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await workshop.committer.submit(say("first"))
    with workshop.committer.upkeep.held():
        await asyncio.gather(*(workshop.committer.submit(say("x")) for _ in range(2000)))
    monkeypatch.setattr(redo, "LONG", 1)
    assert max(await sizes_of_parts(workshop)) <= upkeep.SLICE_ROWS


async def test_before_a_group_that_needs_the_database_a_large_backlog_is_written_in_parts(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await workshop.committer.submit(say("first"))
    with workshop.committer.upkeep.held():  # so that the timers write nothing
        await asyncio.gather(*(workshop.committer.submit(say("x")) for _ in range(2000)))
        monkeypatch.setattr(upkeep, "TOO_MANY", 0)
        waiting = workshop.committer.submit(say("next"))
        assert max(await sizes_of_parts(workshop)) <= upkeep.SLICE_ROWS
        assert await waiting == 2002
    assert in_the_file(workshop) == list(range(1, 2003))


async def sizes_of_parts(workshop: Workshop) -> list[int]:
    """Let the loop go on until nothing waits; give how many rows were written in each turn."""
    left = [len(workshop.database.durability.backlog)]
    while left[-1]:
        await asyncio.sleep(0)
        left.append(len(workshop.database.durability.backlog))
    return [before - after for before, after in pairwise(left)]


async def test_under_a_lock_few_large_events_wait_as_many_small_ones_do(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redo, "LONG", 100_000)
    await workshop.committer.submit(say("first"))
    with closing(sqlite3.connect(workshop.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(10):
            await asyncio.wait_for(workshop.committer.submit(say("x" * 10_000)), 5)
        waiting = workshop.committer.submit(say("x" * 10_000))
        await asyncio.sleep(3 * aside.RETRY)
        assert not waiting.done()
        assert len(workshop.database.durability.backlog) == 10
        other.execute("ROLLBACK")
    assert await asyncio.wait_for(waiting, 5) == 12
    assert not workshop.committer.upkeep.needs_database()


async def test_where_several_sources_send_the_parts_are_small(workshop: Workshop) -> None:
    shares = Shares()
    workshop.committer.upkeep.are_several = shares.are_several
    await workshop.committer.submit(say("first"))
    for key in ("one", "another"):
        shares.try_begin(key)
    with workshop.committer.upkeep.held():
        await asyncio.gather(*(workshop.committer.submit(say("x")) for _ in range(250)))
    seen: list[int] = []
    while workshop.database.durability.backlog:
        await asyncio.sleep(0)
        if (written := len(in_the_file(workshop))) != (seen or [1])[-1]:
            seen.append(written)
    assert seen[-1] == 251
    assert max(steps(seen)) <= upkeep.BESIDE_OTHERS


async def test_a_server_writes_in_small_parts_while_several_of_its_keys_send(
    tmp_path: Path,
) -> None:
    services = app.create_services(settings.load(data_dir=tmp_path))
    services.shares.try_begin("one")
    assert not services.committer.upkeep.are_several()
    services.shares.try_begin("another")
    assert services.committer.upkeep.are_several()
    services.database.close()


def steps(seen: list[int]) -> list[int]:
    return [after - before for before, after in zip([1, *seen], seen, strict=False)]


async def test_a_transaction_takes_along_all_that_waits(workshop: Workshop) -> None:
    await workshop.committer.submit(say("first"))
    with workshop.committer.upkeep.held():
        await asyncio.gather(*(workshop.committer.submit(say("x")) for _ in range(2000)))
        with workshop.database.transaction() as cursor:
            assert journal.sequences(cursor, HERE) == (1, 2001)
    assert not workshop.database.durability.backlog


async def test_the_index_is_written_in_slices_while_events_come_in(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "INDEX_ROWS", 1000)
    monkeypatch.setattr(upkeep, "INDEX_SLICE", 0.0)
    monkeypatch.setattr(upkeep, "LONGER_SLICE", 0.0)
    monkeypatch.setattr(upkeep, "INDEX_PAUSE", 0.0)
    agents = [say_to(f"agent-{number}") for number in range(1000)]
    await asyncio.gather(*(workshop.committer.submit(job) for job in agents))
    known = workshop.database.raw.tail
    sizes = [len(known.agents)]
    sent = 1000
    while known.rows >= 1000:
        assert await workshop.committer.submit(say_to("late")) == (sent := sent + 1)
        sizes.append(len(known.agents))
    assert len(set(sizes)) > 5
    assert known.rows == sent - 1000
    cursor = workshop.database.raw.cursor()
    row = cursor.execute("SELECT sequence FROM journal_marks WHERE tenant=?", (HERE,)).fetchone()
    assert row == (1000,)
    (count,) = cursor.execute("SELECT count(*) FROM agent_heads").fetchone()
    assert count == 1000
    await workshop.committer.drain()
    assert known.rows == 0
    row = cursor.execute("SELECT sequence FROM journal_marks WHERE tenant=?", (HERE,)).fetchone()
    assert row == (sent,)


async def test_a_lock_puts_the_rest_of_the_index_off_and_it_is_written_after_all(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "INDEX_ROWS", 200)
    monkeypatch.setattr(upkeep, "INDEX_SLICE", 0.0)
    monkeypatch.setattr(upkeep, "INDEX_DELAY", 0.05)
    agents = [say_to(f"agent-{number}") for number in range(200)]
    await asyncio.gather(*(workshop.committer.submit(job) for job in agents))
    known = workshop.database.raw.tail
    await until(lambda: len(known.agents) < 200)
    with closing(sqlite3.connect(workshop.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        left = len(known.agents)
        tried: list[str] = []
        workshop.database.raw.set_trace_callback(tried.append)
        await until(lambda: tried.count("BEGIN IMMEDIATE") >= 2)
        workshop.database.raw.set_trace_callback(None)
        assert len(known.agents) == left > 0
        other.execute("ROLLBACK")
    await until(lambda: not known.rows)
    (count,) = workshop.database.raw.execute("SELECT count(*) FROM agent_heads").fetchone()
    assert count == 200


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Give what is logged."""
    capture = structlog.testing.LogCapture()
    monkeypatch.setattr(upkeep, "log", structlog.wrap_logger(None, [capture]))
    return cast(list[Any], capture.entries)


BROKEN = (
    "CREATE TRIGGER broken BEFORE INSERT ON agent_heads"
    " BEGIN SELECT RAISE(ABORT, 'nobody thought of this'); END"
)


async def test_a_mistake_while_the_index_is_written_is_logged_and_it_is_written_after_all(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    monkeypatch.setattr(upkeep, "INDEX_ROWS", 200)
    monkeypatch.setattr(upkeep, "INDEX_DELAY", 0.05)
    known = workshop.database.raw.tail
    workshop.database.raw.execute(BROKEN)
    agents = [say_to(f"agent-{number}") for number in range(200)]
    await asyncio.gather(*(workshop.committer.submit(job) for job in agents))
    await until(lambda: bool(told))
    assert known.rows == 200
    workshop.database.raw.execute("DROP TRIGGER broken")
    await until(lambda: not known.rows)
    (count,) = workshop.database.raw.execute("SELECT count(*) FROM agent_heads").fetchone()
    assert count == 200
    (line,) = told
    assert "tried again" in line["event"]


async def test_after_a_mistake_in_the_index_what_comes_in_does_not_try_it_each_time(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    monkeypatch.setattr(upkeep, "INDEX_ROWS", 1)
    monkeypatch.setattr(upkeep, "INDEX_DELAY", 1000)
    workshop.database.raw.execute(BROKEN)
    await workshop.committer.submit(say_to("one"))
    await until(lambda: bool(told))
    tried: list[str] = []
    workshop.database.raw.set_trace_callback(tried.append)
    for _ in range(20):
        await workshop.committer.submit(say_to("late"))
    workshop.database.raw.set_trace_callback(None)
    assert not any("INTO agent_heads" in each for each in tried)
    workshop.database.raw.execute("DROP TRIGGER broken")
    await workshop.committer.drain()
    assert not workshop.database.raw.tail.rows


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if is_so():
            return
        await asyncio.sleep(0.0005)
    raise AssertionError("it did not come to it")


def say_to(agent: str) -> Work[int]:
    def job(batch: Batch) -> int:
        return batch.say(HERE, messages.UPDATED, "x", agents=(agent,))

    return job
