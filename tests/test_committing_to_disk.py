"""Where commits must outlive a loss of power, nobody is told of one before the disk has it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter import upkeep
from adapter.batch import Batch
from adapter.errors import StoreUnavailable
from adapter.hub import Outgoing
from adapter.store import durability, syncing
from adapter.store.database import REDO_SUFFIX
from tests import disks
from tests.test_committer import Workshop, fail, say
from tests.test_upkeep import until


class Disk:
    """The operating system's sync, which can be held up and can fail."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.is_broken = False
        self.tells_threads_only = False
        """Whether the failure was told by the time that the event loop asks."""
        self.fails_once = False
        self.synced = 0
        self.synced_by_the_loop = 0

    def fdatasync(self, descriptor: int) -> None:
        self.may_go_on.wait(10)
        in_loop = threading.current_thread() is threading.main_thread()
        self.synced_by_the_loop += in_loop
        if self.is_broken and not (self.tells_threads_only and in_loop):
            raise OSError(5, "Input/output error")
        if self.fails_once:
            self.fails_once = False
            raise OSError(5, "Input/output error")
        os.fdatasync(descriptor)
        self.synced += 1


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    disks.put_in(monkeypatch, made.fdatasync)
    return made


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.setattr(durability, "SYNC_EVERY", 0.0)
    made = Workshop(tmp_path / "c.db", outlives_power=True)
    yield made
    made.database.close()


async def a_moment() -> None:
    for _ in range(20):
        await asyncio.sleep(0.005)


async def test_nobody_is_told_before_the_disk_has_it(workshop: Workshop, disk: Disk) -> None:
    disk.may_go_on.clear()
    waiting = workshop.committer.submit(say("x"))
    await a_moment()
    assert workshop.kept == [b'"x"']  # committed
    assert workshop.hub.published == []
    assert not waiting.done()
    disk.may_go_on.set()
    assert await waiting == 1
    assert workshop.hub.published == [1]


async def test_what_arrives_meanwhile_goes_together(workshop: Workshop, disk: Disk) -> None:
    disk.may_go_on.clear()
    first = workshop.committer.submit(say("first"))
    await a_moment()
    more = [workshop.committer.submit(say(str(number))) for number in range(20)]
    await a_moment()
    assert workshop.commits == 1
    disk.may_go_on.set()
    await asyncio.gather(first, *more)
    assert workshop.commits == disk.synced == 2
    assert workshop.hub.published == list(range(1, 22))


async def test_who_cannot_wait_finds_the_feed_in_order(workshop: Workshop, disk: Disk) -> None:
    disk.may_go_on.clear()
    waiting = workshop.committer.submit(say("first"))
    await a_moment()
    disk.may_go_on.set()
    assert workshop.committer.run_now(say("second")) == 2
    assert workshop.hub.published == [1, 2]
    assert await waiting == 1
    await a_moment()
    assert workshop.hub.published == [1, 2]  # the thread's answer comes too late to tell anybody


async def test_after_the_disk_has_failed_nothing_more_is_promised(
    workshop: Workshop, disk: Disk
) -> None:
    disk.is_broken = True
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        await workshop.committer.submit(say("lost"))
    disk.is_broken = False
    # The kernel may have dropped the pages: a sync that succeeds now proves nothing.
    with pytest.raises(StoreUnavailable, match="restart the server"):
        await workshop.committer.submit(say("later"))
    assert workshop.hub.published == []


async def test_a_failure_that_a_thread_alone_was_told_counts_too(
    workshop: Workshop, disk: Disk
) -> None:
    disk.may_go_on.clear()
    waiting = workshop.committer.submit(say("first"))
    await a_moment()
    disk.is_broken = disk.tells_threads_only = True
    disk.may_go_on.set()
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        workshop.committer.publish_now()  # which waits for the thread
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        await waiting
    await a_moment()
    with pytest.raises(StoreUnavailable, match="restart the server"):
        await workshop.committer.submit(say("later"))
    assert workshop.hub.published == []


async def test_who_reads_what_waits_leaves_a_slow_disk_to_the_thread(
    workshop: Workshop, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "QUICK", 0.0)
    await workshop.committer.submit(say("first"))  # which takes a transaction
    await workshop.committer.submit(say("waits"))
    assert len(workshop.database.durability.backlog) == 1
    with workshop.database.reading():
        assert workshop.kept == [b'"first"', b'"waits"']
    assert disk.synced_by_the_loop == 0
    await until(lambda: not workshop.database.durability.is_redo_used)  # the thread has seen to it
    assert disk.synced_by_the_loop == 0


async def test_a_settled_committer_waits_for_nothing(workshop: Workshop, disk: Disk) -> None:
    workshop.committer.publish_now()
    assert disk.synced == 0
    await workshop.committer.submit(say("x"))
    await workshop.committer.drain()
    assert workshop.hub.published == [1]


@pytest.fixture
def quick(workshop: Workshop) -> Workshop:
    """A workshop that has found its disk to be quick."""
    assert workshop.database.durability.disk is not None
    workshop.database.durability.disk.seconds = 0.0001
    return workshop


async def test_a_quick_disk_is_waited_for_without_a_thread(quick: Workshop, disk: Disk) -> None:
    waiting = quick.committer.submit(say("x"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (disk.synced, quick.hub.published) == (1, [1])
    assert await waiting == 1


async def test_a_disk_that_became_slow_is_left_to_the_thread(quick: Workshop, disk: Disk) -> None:
    assert quick.database.durability.disk is not None
    threading.Timer(0.05, disk.may_go_on.set).start()
    disk.may_go_on.clear()
    await quick.committer.submit(say("slow"))
    assert not quick.database.durability.disk.is_quick
    disk.may_go_on.clear()
    waiting = quick.committer.submit(say("in the thread"))
    await a_moment()
    assert not waiting.done()
    disk.may_go_on.set()
    assert await waiting == 2


async def test_a_quick_disk_that_fails_promises_nothing_either(quick: Workshop, disk: Disk) -> None:
    disk.is_broken = True
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        await quick.committer.submit(say("lost"))
    disk.is_broken = False
    with pytest.raises(StoreUnavailable, match="restart the server"):
        await quick.committer.submit(say("later"))
    assert quick.hub.published == []


async def known_here(workshop: Workshop) -> None:
    """Give the tenant its number, which takes a transaction of the database."""
    await workshop.committer.submit(say("before"))


def redo_of(workshop: Workshop) -> bytes:
    return workshop.database.path.with_name(f"c.db{REDO_SUFFIX}").read_bytes()


async def test_the_redo_log_is_begun_anew_when_the_disk_has_what_the_database_took(
    workshop: Workshop, disk: Disk
) -> None:
    await known_here(workshop)
    await workshop.committer.submit(say("first"))
    await workshop.committer.submit(say("second"))
    kept = redo_of(workshop)
    synced = disk.synced
    disk.may_go_on.clear()
    workshop.database.catch_up(100)  # as the timer does, whom a slow disk must not hold up
    assert workshop.kept[1:] == [b'"first"', b'"second"']
    assert redo_of(workshop) == kept
    disk.may_go_on.set()
    await a_moment()
    assert disk.synced == synced + 1
    assert redo_of(workshop) != kept
    assert await workshop.committer.submit(say("third")) == 4


async def test_rows_that_come_in_while_the_disk_works_keep_the_redo_log_as_it_is(
    workshop: Workshop, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known_here(workshop)
    await workshop.committer.submit(say("first"))
    kept = redo_of(workshop)
    disk.may_go_on.clear()
    workshop.database.catch_up(100)
    waiting = workshop.committer.submit(say("second"))
    await asyncio.sleep(0.01)
    disk.may_go_on.set()
    assert await waiting == 3
    assert redo_of(workshop).startswith(kept)
    monkeypatch.setattr(durability, "LONGEST_DELAY", 0.0)  # a second has passed
    workshop.database.catch_up(100)
    assert not redo_of(workshop).startswith(kept)


async def test_when_the_disk_fails_behind_the_commits_the_redo_log_stays_and_all_is_refused(
    workshop: Workshop, disk: Disk
) -> None:
    await known_here(workshop)
    await workshop.committer.submit(say("first"))
    kept = redo_of(workshop)
    disk.is_broken = True
    workshop.database.catch_up(100)
    await a_moment()
    disk.is_broken = False  # the system reports a failure once
    asks_again(workshop)
    assert redo_of(workshop) == kept
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        await workshop.committer.submit(say("second"))
    with pytest.raises(StoreUnavailable, match="restart the server"):
        await workshop.committer.submit(say("third"))
    workshop.database.close()
    assert redo_of(workshop).startswith(kept)


async def test_when_the_disk_fails_a_commit_the_redo_log_stays_for_the_next_start(
    workshop: Workshop, disk: Disk
) -> None:
    await known_here(workshop)
    await workshop.committer.submit(say("first"))
    kept = redo_of(workshop)
    disk.is_broken = True
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        await workshop.committer.submit(write)  # which takes along what waits in the redo log
    disk.is_broken = False
    asks_again(workshop)
    assert redo_of(workshop) == kept
    workshop.database.close()
    assert redo_of(workshop) == kept
    again = Workshop(workshop.database.path, outlives_power=True)
    assert again.kept == [b'"before"', b'"first"']
    assert redo_of(workshop) != kept
    assert await again.committer.submit(say("second")) == 3
    again.database.close()


def asks_again(workshop: Workshop) -> None:
    """Do all that begins the redo log's next cycle, as timers and an erasure do."""
    workshop.database.catch_up(100)
    workshop.database.catch_up(in_thread=False)
    workshop.database.wipe_redo()
    with workshop.database.transaction(synced=False, promised=False):
        pass


def write(batch: Batch) -> None:
    batch.cursor.execute("INSERT OR REPLACE INTO heartbeat (id, at) VALUES (1, 1)")


async def test_after_a_failure_behind_the_commits_no_thread_says_that_the_disk_has_one(
    workshop: Workshop, disk: Disk
) -> None:
    await known_here(workshop)
    await workshop.committer.submit(say("first"))
    disk.may_go_on.clear()
    workshop.database.catch_up(100)  # its sync is the thread's turn, and will fail
    waiting = workshop.committer.submit(write)
    await a_moment()
    disk.fails_once = True
    disk.may_go_on.set()
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        await waiting


async def test_who_cannot_wait_is_published_when_the_disk_has_it(
    workshop: Workshop, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known_here(workshop)
    synced = disk.synced
    seen: list[int] = []
    fan_out = workshop.hub.fan_out

    def look(outgoing: Outgoing) -> int:
        seen.append(disk.synced)
        return fan_out(outgoing)

    monkeypatch.setattr(workshop.hub, "fan_out", look)
    workshop.committer.run_now(say("now"))
    assert seen == [synced + 1]


async def test_where_the_disk_fails_who_cannot_wait_it_is_known_at_once(
    workshop: Workshop, disk: Disk
) -> None:
    await known_here(workshop)
    disk.is_broken = True
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        workshop.committer.run_now(say("lost"))
    assert workshop.committer.failure is not None
    with pytest.raises(StoreUnavailable, match="restart the server"):
        workshop.committer.run_now(say("later"))
    assert workshop.hub.published == [1]


async def test_a_group_that_was_split_is_told_when_both_files_are_on_the_disk(
    workshop: Workshop, disk: Disk
) -> None:
    await known_here(workshop)
    synced = disk.synced

    def written(batch: Batch) -> int:
        write(batch)
        sequence: int = say("in the database")(batch)
        return sequence

    jobs = [written, say("in the redo log"), fail(ValueError("mine"))]
    results = await asyncio.gather(
        *(workshop.committer.submit(job) for job in jobs), return_exceptions=True
    )
    assert results[:2] == [2, 3]
    assert disk.synced == synced + 2


async def test_the_redo_log_begins_anew_a_while_after_the_last_event_and_not_more_often(
    quick: Workshop, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known_here(quick)
    monkeypatch.setattr(durability, "SYNC_EVERY", 0.2)
    monkeypatch.setattr(upkeep, "CATCH_UP_DELAY", 0.01)
    monkeypatch.setattr(upkeep, "MOST_WAITING", 1)
    quick.database.catch_up()
    synced = disk.synced
    for number in range(10):
        await quick.committer.submit(say(str(number)))
        await until(lambda: not quick.database.durability.backlog)
    assert disk.synced <= synced + 11  # each event, and at most once the log
    await until(lambda: not quick.database.durability.is_redo_used)
    assert disk.synced <= synced + 12
