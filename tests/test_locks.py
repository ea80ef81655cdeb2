"""While another program holds the database's lock, only what needs a transaction of it waits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from adapter import aside, committer, jobs
from adapter.batch import Batch
from adapter.errors import Overloaded, StoreUnavailable
from adapter.store.failures import StoreBusy
from adapter.upkeep import SLICE_ROWS
from tests.test_committer import Workshop, fail, say
from tests.test_committing_to_disk import Disk, a_moment, disk

__all__ = ["disk"]

LIMIT = 5_000


@pytest.fixture
async def workshop(tmp_path: Path) -> Workshop:
    """A committer whose tenant has its number already, which takes a transaction."""
    made = Workshop(tmp_path / "c.db", queue_limit=LIMIT)
    await made.committer.submit(say("first"))
    return made


@pytest.fixture
def other(workshop: Workshop) -> Iterator[sqlite3.Connection]:
    """Another program, which holds the lock from the beginning on."""
    with closing(sqlite3.connect(workshop.database.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
    workshop.database.close()


def needs(text: str) -> jobs.Work[int]:
    """Say something in a transaction of the database."""

    def job(batch: Batch) -> int:
        sequence = say(text)(batch)
        batch.cursor.execute("INSERT OR REPLACE INTO heartbeat (id, at) VALUES (1, 1)")
        return sequence

    return job


def counted(
    worked: list[int], number: int, made: Callable[[str], jobs.Work[int]]
) -> jobs.Work[int]:
    """Note each time that a job is worked on."""

    def job(batch: Batch) -> int:
        worked.append(number)
        return made(str(number))(batch)

    return job


def queued(workshop: Workshop) -> float:
    return workshop.metrics.registry.get_sample_value("screenpop_journal_queue") or 0


async def soon(*futures: asyncio.Future[int]) -> list[int]:
    return await asyncio.wait_for(asyncio.gather(*futures), 1)


async def test_what_needs_no_transaction_is_told_while_others_of_its_group_wait(
    workshop: Workshop, other: sqlite3.Connection
) -> None:
    made = [needs("a"), say("b"), needs("c"), say("d")]
    a, b, c, d = [workshop.committer.submit(job) for job in made]
    assert await soon(b, d) == [2, 3]
    assert await soon(workshop.committer.submit(say("e"))) == [4]
    assert not a.done()
    assert not c.done()
    assert queued(workshop) == 2
    other.execute("ROLLBACK")
    assert await soon(a, c) == [5, 6]
    assert workshop.hub.published == [1, 2, 3, 4, 5, 6]
    with workshop.database.reading():
        assert workshop.kept == [b'"first"', b'"b"', b'"d"', b'"e"', b'"a"', b'"c"']
    assert queued(workshop) == 0


async def test_nobody_passes_those_who_wait_when_the_lock_goes(
    workshop: Workshop, other: sqlite3.Connection
) -> None:
    a = workshop.committer.submit(needs("a"))
    await asyncio.sleep(3 * aside.RETRY)
    other.execute("ROLLBACK")  # it is tried again a few milliseconds from now
    c, p = workshop.committer.submit(needs("c")), workshop.committer.submit(say("p"))
    assert await soon(p, a, c) == [2, 3, 4]


async def test_each_waits_as_long_as_it_may_and_no_longer(
    workshop: Workshop, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "PATIENCE", 0.3)
    a = workshop.committer.submit(needs("a"))
    await asyncio.sleep(0.2)
    b = workshop.committer.submit(needs("b"))
    with pytest.raises(StoreUnavailable, match="locked by another program"):
        await asyncio.wait_for(a, 5)
    assert not b.done()
    assert queued(workshop) == 1
    other.execute("ROLLBACK")
    assert await soon(b) == [2]
    assert workshop.hub.published == [1, 2]
    assert queued(workshop) == 0


async def test_no_job_is_worked_on_again_before_the_lock_has_gone(
    workshop: Workshop, other: sqlite3.Connection
) -> None:
    worked: list[int] = []
    count = 4 * committer.GROUP
    waiting = [
        workshop.committer.submit(counted(worked, number, say if number % 2 else needs))
        for number in range(count)
    ]
    assert await soon(*waiting[1::2]) == list(range(2, 2 + count // 2))
    await asyncio.sleep(5 * aside.RETRY)
    assert len(worked) <= 2 * count
    other.execute("ROLLBACK")
    assert await soon(*waiting[0::2]) == list(range(2 + count // 2, 2 + count))
    assert len(worked) <= 2 * count + count // 2


async def test_a_lock_that_is_back_before_anybody_could_go_on_costs_no_work(
    workshop: Workshop, other: sqlite3.Connection
) -> None:
    worked: list[int] = []
    waiting = [workshop.committer.submit(counted(worked, number, needs)) for number in range(300)]
    await asyncio.sleep(3 * aside.RETRY)
    other.execute("ROLLBACK")
    worked.clear()
    assert workshop.committer.run_now(say("finds that it has gone")) == 2
    other.execute("BEGIN IMMEDIATE")
    await asyncio.sleep(3 * aside.RETRY)
    assert worked == [0, 0]  # with its group, and by itself
    assert queued(workshop) == 300
    other.execute("ROLLBACK")
    assert await soon(*waiting) == list(range(3, 303))


async def test_what_has_piled_up_under_a_lock_is_written_in_slices_before_others_go_on(
    workshop: Workshop, other: sqlite3.Connection
) -> None:
    waits = workshop.committer.submit(needs("a"))
    kept = [workshop.committer.submit(say(str(number))) for number in range(3 * SLICE_ROWS)]
    await asyncio.wait_for(asyncio.gather(*kept), 5)
    before = len(workshop.database.durability.backlog)
    assert before >= 3 * SLICE_ROWS
    other.execute("ROLLBACK")
    seen = []
    while not waits.done():
        await asyncio.sleep(0)
        seen.append(len(workshop.database.durability.backlog))
    # In one turn of the loop two timers may go off: who waits, and who writes what has piled up.
    assert max(a - b for a, b in pairwise([before, *seen])) <= 2 * (SLICE_ROWS + 1)


async def test_room_for_large_requests_takes_none_from_the_others(workshop: Workshop) -> None:
    workshop.committer.reserved.take(2 * LIMIT)  # one that is larger than the limit passes alone
    with pytest.raises(Overloaded):
        workshop.committer.reserved.take(1)
    assert await soon(workshop.committer.submit(say("b"), weight=LIMIT)) == [2]
    assert queued(workshop) == 2 * LIMIT
    await soon(workshop.committer.submit_reserved(say("c"), weight=LIMIT))
    workshop.committer.reserved.taken -= LIMIT
    assert queued(workshop) == 0
    workshop.database.close()


async def test_a_job_that_fails_beside_one_that_waits_spoils_only_itself(
    workshop: Workshop, other: sqlite3.Connection
) -> None:
    def wrong(batch: Batch) -> int:
        say("must not stay")(batch)
        raise ValueError("mine")

    bad, waits, good = [workshop.committer.submit(job) for job in (wrong, needs("a"), say("b"))]
    assert await soon(good) == [2]
    with pytest.raises(ValueError, match="mine"):
        await bad
    wrong_too = workshop.committer.submit(fail(ValueError("it waited")))
    other.execute("ROLLBACK")
    assert await soon(waits) == [3]
    with pytest.raises(ValueError, match="it waited"):
        await wrong_too
    assert workshop.hub.published == [1, 2, 3]
    assert queued(workshop) == 0


async def test_too_many_that_wait_take_no_place_from_the_others(
    workshop: Workshop, other: sqlite3.Connection
) -> None:
    waits = workshop.committer.submit(needs("a"), weight=LIMIT)
    await asyncio.sleep(2 * aside.RETRY)
    refused = workshop.committer.submit(needs("b"))
    with pytest.raises(Overloaded, match="too many events"):
        await soon(refused)
    assert await soon(workshop.committer.submit(say("c"), weight=LIMIT)) == [2]
    assert queued(workshop) == LIMIT
    other.execute("ROLLBACK")
    assert await soon(waits) == [3]
    assert queued(workshop) == 0


async def test_who_cannot_wait_is_told_of_the_lock_and_goes_on_once_it_has_gone(
    workshop: Workshop, other: sqlite3.Connection
) -> None:
    waits = workshop.committer.submit(needs("a"))
    await asyncio.sleep(2 * aside.RETRY)
    with pytest.raises(StoreBusy):
        workshop.committer.run_now(needs("now"))
    assert workshop.committer.run_now(say("needs none")) == 2
    other.execute("ROLLBACK")
    assert workshop.committer.run_now(needs("now")) == 3
    assert await soon(waits) == [4]


async def test_draining_waits_for_those_who_wait_for_the_lock(
    workshop: Workshop, other: sqlite3.Connection
) -> None:
    waits = workshop.committer.submit(needs("a"))
    await asyncio.sleep(2 * aside.RETRY)
    asyncio.get_running_loop().call_later(0.1, other.execute, "ROLLBACK")
    await asyncio.wait_for(workshop.committer.drain(), 5)
    assert waits.result() == 2


async def test_draining_ends_though_the_lock_stays_and_all_are_told(
    workshop: Workshop, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "PATIENCE", 0.1)
    waits = [workshop.committer.submit(needs(str(number))) for number in range(3)]
    kept = workshop.committer.submit(say("b"))
    await asyncio.wait_for(workshop.committer.drain(), 5)
    assert kept.result() == 2
    for each in waits:
        with pytest.raises(StoreBusy):
            each.result()


async def test_where_power_may_go_nobody_is_told_before_the_disk_has_it_lock_or_not(
    tmp_path: Path, disk: Disk
) -> None:
    workshop = Workshop(tmp_path / "c.db", outlives_power=True)
    await workshop.committer.submit(say("first"))
    with closing(sqlite3.connect(workshop.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        disk.may_go_on.clear()
        a, b = [workshop.committer.submit(job) for job in (needs("a"), say("b"))]
        await a_moment()
        assert not a.done()
        assert not b.done()
        other.execute("ROLLBACK")
        await a_moment()  # the group before is still on its way to the disk
        assert not b.done()
        assert workshop.hub.published == [1]
        disk.may_go_on.set()
        assert await soon(b, a) == [2, 3]
    assert workshop.hub.published == [1, 2, 3]
    assert queued(workshop) == 0
    workshop.database.close()
