"""Commit in groups: what waits goes together, a failure spoils only itself, order is kept."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from adapter import (
    aside,
    committer,
    jobs,
    messages,
    secret_box,
    story_lines,
    transactions,
)
from adapter.batch import Batch
from adapter.committer import Committer
from adapter.errors import MalformedInput, Overloaded, StoreUnavailable
from adapter.hub import Hub, Outgoing
from adapter.metrics import Metrics
from adapter.registry import Registry
from adapter.store import installation, journal, outbox, watched_files
from adapter.store.database import Database
from adapter.store.times import moment
from adapter.tenants import Agent, ContactKey, Tenant

HERE = Tenant("here")


class Workshop:
    """A committer on a real file, whose hub remembers what was published."""

    def __init__(self, path: Path, *, queue_limit: int = 100, outlives_power: bool = False) -> None:
        self.database = Database(str(path))
        self.database.migrate()
        self.database.serve(outlives_power=outlives_power)
        self.metrics = Metrics()
        self.hub = Remembering(self.metrics)
        box = secret_box.load("a key of many characters", path)
        registry = Registry(self.database, box, environment_domain=None, allow_loopback=False)
        self.committer = Committer(
            self.database, registry, self.hub, self.metrics, queue_limit=queue_limit
        )

    @property
    def commits(self) -> float:
        return self.metrics.registry.get_sample_value("screenpop_commits_total") or 0

    @property
    def kept(self) -> list[bytes]:
        cursor = self.database.raw.cursor()
        return [each.data for each in journal.messages_after(cursor, HERE, None, 0, limit=1000)]


class Remembering(Hub):
    """A hub that keeps a list; told to, it fails."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(metrics)
        self.published: list[int] = []
        self.broken = False

    def fan_out(self, outgoing: Outgoing) -> int:
        if self.broken:
            raise RuntimeError("a socket made trouble")
        self.published.append(outgoing.message.sequence)
        return 0

    def renamed(self, agent: Agent) -> None:
        if self.broken:
            raise RuntimeError("a feed made trouble")


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path / "c.db")
    yield made
    made.database.close()


def say(text: str) -> jobs.Work[int]:
    def job(batch: Batch) -> int:
        return batch.say(HERE, messages.UPDATED, text, agents=("alice",))

    return job


def fail(error: Exception) -> jobs.Work[int]:
    def job(batch: Batch) -> int:
        batch.say(HERE, messages.UPDATED, "must not stay", agents=("alice",))
        batch.cursor.execute("INSERT INTO heartbeat (id, at) VALUES (99, 0)")
        raise error

    return job


async def test_what_was_submitted_together_is_one_commit_in_that_order(workshop: Workshop) -> None:
    waiting = [workshop.committer.submit(say(str(number))) for number in range(50)]
    sequences = await asyncio.gather(*waiting)
    assert workshop.commits == 1
    assert sequences == workshop.hub.published == list(range(1, 51))
    assert workshop.kept == [b'"%d"' % number for number in range(50)]


async def test_a_group_is_limited_so_that_sockets_are_served_in_between(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "c.db", queue_limit=10 * committer.GROUP)
    half = committer.GROUP // 2
    waiting = [workshop.committer.submit(say("x"), weight=half) for _ in range(6)]
    await asyncio.gather(*waiting)
    assert workshop.commits == 3
    workshop.database.close()


async def test_nothing_is_published_before_it_is_committed(workshop: Workshop) -> None:
    seen: list[list[bytes]] = []

    def look(batch: Batch) -> None:
        say("late")(batch)
        with closing(sqlite3.connect(workshop.database.path)) as other:
            seen.append(other.execute("SELECT data FROM journal").fetchall())
        assert workshop.hub.published == []

    await workshop.committer.submit(look)
    assert seen == [[]]
    assert workshop.hub.published == [1]


@pytest.mark.parametrize(
    "error", [ValueError("mine"), MalformedInput("mine"), sqlite3.IntegrityError("mine")], ids=repr
)
async def test_a_job_that_fails_spoils_only_itself(workshop: Workshop, error: Exception) -> None:
    jobs = [say("before"), fail(error), say("after")]
    waiting = [workshop.committer.submit(job) for job in jobs]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert (results[0], results[2]) == (1, 2)
    assert isinstance(results[1], type(error))
    workshop.database.catch_up()
    assert workshop.kept == [b'"before"', b'"after"']
    assert workshop.hub.published == [1, 2]
    assert workshop.committer.failure is None
    (count,) = workshop.database.raw.execute("SELECT count(*) FROM heartbeat").fetchone()
    assert count == 0


async def test_a_failing_push_takes_nothing_from_the_sender(workshop: Workshop) -> None:
    workshop.hub.broken = True
    assert await asyncio.wait_for(workshop.committer.submit(say("kept")), 5) == 1
    workshop.hub.broken = False
    assert await workshop.committer.submit(say("next")) == 2
    assert workshop.hub.published == [2]


async def test_a_failure_after_a_commit_gives_no_sequence_twice(workshop: Workshop) -> None:
    def rename(batch: Batch) -> int:
        batch.renamed.append(Agent(HERE, "alice"))
        return say("kept")(batch)

    workshop.hub.broken = True
    assert await asyncio.wait_for(workshop.committer.submit(rename), 5) == 1
    workshop.hub.broken = False
    assert await workshop.committer.submit(say("next")) == 2
    workshop.committer.upkeep.catch_up()
    assert workshop.kept == [b'"kept"', b'"next"']


async def test_a_cancelled_sender_leaves_no_weight_behind(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "c.db", queue_limit=10)
    for _ in range(5):
        waiting = workshop.committer.submit(say("gone"), weight=10)
        waiting.cancel()
        await workshop.committer.drain()
        await asyncio.sleep(0)
    assert await workshop.committer.submit(say("here"), weight=10) == 1
    workshop.database.close()


async def test_more_than_may_wait_is_refused(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "c.db", queue_limit=10)
    first = workshop.committer.submit(say("first"), weight=25)  # alone it may be of any size
    with pytest.raises(Overloaded) as refused:
        workshop.committer.submit(say("second"))
    assert refused.value.retry_after >= 1
    assert await first == 1
    assert await workshop.committer.submit(say("third")) == 2
    workshop.database.close()


async def test_a_lock_is_waited_for_and_the_order_stays(workshop: Workshop) -> None:
    other = sqlite3.connect(workshop.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    first = [workshop.committer.submit(say(str(number))) for number in range(3)]
    await asyncio.sleep(3 * aside.RETRY)
    later = [workshop.committer.submit(say(str(number))) for number in range(3, 6)]
    assert workshop.hub.published == []
    other.execute("ROLLBACK")
    other.close()
    assert await asyncio.gather(*first, *later) == [1, 2, 3, 4, 5, 6]


async def test_a_lock_that_stays_fails_those_who_waited_too_long(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "PATIENCE", 0.05)
    other = sqlite3.connect(workshop.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await workshop.committer.submit(say("never"))
    other.execute("ROLLBACK")
    other.close()
    assert await workshop.committer.submit(say("now")) == 1
    assert workshop.kept == [b'"now"']


async def test_draining_waits_for_what_is_queued(workshop: Workshop) -> None:
    waiting = [workshop.committer.submit(say("x")) for _ in range(5)]
    await workshop.committer.drain()
    assert all(each.done() for each in waiting)


async def test_draining_waits_for_a_request_that_is_larger_than_the_queue(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "c.db", queue_limit=10)
    waiting = workshop.committer.submit(say("x"), weight=25)
    await workshop.committer.drain()
    assert waiting.done()
    workshop.database.close()


async def test_a_line_of_the_story_is_written_soon_and_survives_a_refused_commit(
    workshop: Workshop,
) -> None:
    other = sqlite3.connect(workshop.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    now = moment(0)
    workshop.committer.trace_later(HERE, "c-1", now, "pushed", "x")
    await asyncio.sleep(2 * story_lines.DELAY)
    other.execute("ROLLBACK")
    other.close()
    await workshop.committer.drain()
    assert lines(workshop) == 1


async def test_a_line_that_was_refused_is_written_when_the_journal_works_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story_lines, "RETRY", 0.05)
    monkeypatch.setattr(story_lines, "MOST", 3)
    other = sqlite3.connect(workshop.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for number in range(5):
        workshop.committer.trace_later(HERE, f"c-{number}", moment(0), "pushed", "x")
    await asyncio.sleep(2 * story_lines.DELAY)
    assert lines(workshop) == 0
    other.execute("ROLLBACK")
    other.close()
    async with asyncio.timeout(5):
        while not lines(workshop):  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
    assert lines(workshop) == 3  # more were not kept while they could not be written


def lines(workshop: Workshop) -> int:
    (count,) = workshop.database.raw.execute("SELECT count(*) FROM trace").fetchone()
    return int(count)


async def test_the_index_can_be_written_after_a_commit_that_failed(workshop: Workshop) -> None:
    await workshop.committer.submit(say("kept"))
    with pytest.raises(ValueError, match="mine"):
        await workshop.committer.submit(fail(ValueError("mine")))
    workshop.committer.write_index()
    await workshop.committer.drain()
    assert await workshop.committer.submit(say("next")) == 2


async def test_a_job_that_reads_tables_and_writes_nothing_begins_no_transaction(
    workshop: Workshop,
) -> None:
    assert await workshop.committer.submit(say("the tenant is known now")) == 1

    def look(batch: Batch) -> int:
        assert outbox.of_contact(batch.tables, ContactKey(HERE, "c")) == []
        return batch.say(HERE, messages.UPDATED, "nothing is due", agents=("alice",))

    with closing(sqlite3.connect(workshop.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # whoever needs a transaction waits
        assert await asyncio.wait_for(workshop.committer.submit(look), timeout=1) == 2


async def test_what_another_process_wrote_meanwhile_is_read_again_before_anything_is_written(
    workshop: Workshop,
) -> None:
    assert await workshop.committer.submit(say("the tenant is known now")) == 1
    seen: list[int] = []

    def decide(batch: Batch) -> None:
        seen.extend(batch.tables.execute("SELECT count(*) FROM heartbeat").fetchone())
        if len(seen) == 1:
            with closing(sqlite3.connect(workshop.database.path)) as other, other:
                other.execute("INSERT INTO heartbeat (id, at) VALUES (1, 0)")
        batch.cursor.execute("DELETE FROM heartbeat")

    await workshop.committer.submit(decide)
    assert seen == [0, 1]


async def test_a_transaction_that_could_not_begin_is_left_open_for_nobody(
    workshop: Workshop,
) -> None:
    assert await workshop.committer.submit(say("the tenant is known now")) == 1
    open_ones: list[bool] = []

    def go_on(batch: Batch) -> int:
        batch.tables.execute("SELECT count(*) FROM heartbeat").fetchone()
        with closing(sqlite3.connect(workshop.database.path)) as other, other:
            other.execute("INSERT INTO heartbeat (id, at) VALUES (1, 0)")
        with suppress(Exception):  # what it read has changed meanwhile
            batch.cursor.execute("DELETE FROM heartbeat")
        open_ones.append(workshop.database.raw.in_transaction)
        return say("kept without it")(batch)

    assert await workshop.committer.submit(go_on) == 2
    assert await workshop.committer.submit(say("next")) == 3
    assert open_ones == [False]


async def test_a_commit_takes_along_no_tenant_that_it_does_not_write(workshop: Workshop) -> None:
    others = [Tenant(f"t{number}") for number in range(3)]

    def say_there(batch: Batch) -> None:
        for tenant in others:
            batch.say(tenant, messages.UPDATED, "x", agents=("alice",))

    await workshop.committer.submit(say_there)
    written: list[dict[Tenant, int]] = []

    def look(batch: Batch) -> int:
        sequence = say("here")(batch)
        written.append(dict(batch.last_sequences))
        return sequence

    assert await workshop.committer.submit(look) == 1
    assert written == [{HERE: 1}]
    assert [workshop.committer.last_sequence(each) for each in others] == [1, 1, 1]


async def test_the_number_of_a_tenant_that_was_rolled_back_is_given_to_one_tenant_alone(
    workshop: Workshop,
) -> None:
    there = Tenant("there")
    with pytest.raises(ValueError, match="mine"):
        await workshop.committer.submit(fail(ValueError("mine")))
    await workshop.committer.submit(
        lambda batch: batch.say(there, messages.UPDATED, "there", agents=("alice",))
    )
    assert await workshop.committer.submit(say("here")) == 1
    workshop.database.catch_up()
    assert workshop.kept == [b'"here"']


async def test_what_was_done_after_another_process_had_erased_something_is_done_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "LOOK_EVERY", -1.0)
    await workshop.committer.submit(say("the tenant is known now"))
    began: list[bool] = []

    def job(batch: Batch) -> int:
        began.append(batch.transaction is not None)
        return say("x")(batch)

    await workshop.committer.submit(job)
    with closing(sqlite3.connect(workshop.database.path)) as other, other:
        installation.count_erasure(other.cursor())
    watched_files.announce(workshop.database.path)
    await workshop.committer.submit(job)
    await workshop.committer.submit(job)
    # What memory held is forgotten in a transaction, and only then may anything be kept.
    assert began == [False, False, True, False]
