"""Forget what is old in small steps, and go on where the sequence was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapter import contacts, steps
from adapter.batch import Batch
from adapter.events import ContactEvent, Stage
from adapter.steps import PlannedRequest
from adapter.store import journal, outbox, retention
from adapter.store.database import Database
from adapter.tenants import ContactKey, Tenant
from tests import journal_rows as rows

HERE, THERE = Tenant("here"), Tenant("there")
START = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 7


def day(number: int) -> datetime:
    return START + timedelta(days=number)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(str(tmp_path / "old.db"))
    database.migrate()
    database.serve()
    yield database
    database.close()


def report(batch: Batch, tenant: Tenant, number: int, links: tuple[str, ...] = ()) -> None:
    """Stage what an event of day `number` on contact c-`number` leaves."""
    contact = f"c-{number}"
    event = ContactEvent(
        source="s",
        id=f"e-{number}",
        contact=contact,
        time=day(number),
        stage=Stage.CREATED,
        links=links,
    )
    assert rows.keep(batch, tenant, event, audience=(f"agent-{number % 3}", "alice"))
    journal.add_links(batch.cursor, tenant, contact, links)
    batch.trace(tenant, contact, "matched", "x")


def forget(database: Database, horizon: datetime) -> list[int]:
    """Run the steps to their end and give what each deleted."""
    rows.write_index(database)
    steps: list[int] = []
    while True:
        with database.transaction() as cursor:
            steps.append(
                retention.forget_step(
                    cursor, [HERE, THERE], horizon=horizon, now=horizon, limit=LIMIT
                )
            )
        if not steps[-1]:
            break
    for tenant in (HERE, THERE):
        with database.transaction() as cursor:
            retention.forget_audiences(cursor, tenant)
    return steps[:-1]


def count(database: Database, table: str) -> int:
    (found,) = database.raw.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    return int(found)


@pytest.fixture
def thirty_days(database: Database) -> None:
    for number in range(30):
        with rows.batch(database, day(number)) as batch:
            report(batch, HERE, number)


@pytest.mark.usefixtures("thirty_days")
def test_what_is_old_is_forgotten_and_what_is_not_stays(database: Database) -> None:
    forget(database, day(20))
    cursor = database.raw.cursor()
    for table in ("journal", "event_keys", "contact_heads", "trace"):
        assert count(database, table) == 10, table
    assert count(database, "agent_heads") == 4
    assert journal.contact(cursor, ContactKey(HERE, "c-19")) is None
    assert journal.contact(cursor, ContactKey(HERE, "c-20")) is not None
    assert journal.sequences(cursor, HERE) == (21, 30)


@pytest.mark.usefixtures("thirty_days")
def test_each_step_deletes_a_bounded_number_of_rows(database: Database) -> None:
    steps = forget(database, day(100))
    assert len(steps) >= 30 // LIMIT
    assert max(steps) <= 3 * LIMIT  # the journal, silent rows, trace


@pytest.mark.usefixtures("thirty_days")
def test_a_step_deletes_no_more_rows_where_there_are_more_tenants(database: Database) -> None:
    for number in range(30):
        with rows.batch(database, day(number)) as batch:
            report(batch, THERE, number)
    steps = forget(database, day(100))
    assert max(steps) <= 2 * LIMIT  # the journal of all, trace
    assert count(database, "journal") == 2  # the last of each


@pytest.mark.usefixtures("thirty_days")
def test_the_last_sequence_is_kept_though_everything_is_old(database: Database) -> None:
    forget(database, day(1000))
    cursor = database.raw.cursor()
    assert count(database, "journal") == count(database, "event_keys") == 1
    assert journal.sequences(cursor, HERE) == (30, 30)
    with rows.batch(database, day(1001)) as batch:
        report(batch, HERE, 31)
    assert journal.sequences(cursor, HERE) == (30, 31)
    replay = journal.messages_after(cursor, HERE, "alice", 29, limit=10)
    assert [each.sequence for each in replay] == [30, 31]  # its audience is kept with it


@pytest.mark.usefixtures("thirty_days")
def test_tenants_are_cut_each_at_its_own_sequence(database: Database) -> None:
    for number in (25, 26):
        with rows.batch(database, day(number)) as batch:
            report(batch, THERE, number)
    forget(database, day(26))
    cursor = database.raw.cursor()
    assert journal.sequences(cursor, HERE) == (27, 30)
    assert journal.sequences(cursor, THERE) == (2, 2)


def test_a_contact_stays_while_one_of_its_events_does(database: Database) -> None:
    with rows.batch(database, day(1)) as batch:
        report(batch, HERE, 1)
    before = journal.contact(database.raw.cursor(), ContactKey(HERE, "c-1"))
    assert before is not None
    with rows.batch(database, day(50)) as batch:
        late = ContactEvent(source="s", id="late", contact="c-1", time=day(2), agent="bob")
        rows.keep(batch, HERE, late)
    with rows.batch(database, day(70)) as batch:
        report(batch, HERE, 70)  # the last message of a tenant is never deleted
    forget(database, day(40))
    database.raw.tail.forget_all()
    state = journal.contact(database.raw.cursor(), ContactKey(HERE, "c-1"))
    assert state == contacts.advance(before, late)  # what forgotten events said is still known
    forget(database, day(60))
    assert journal.contact(database.raw.cursor(), ContactKey(HERE, "c-1")) is None


def test_links_go_with_their_contact_in_both_directions(database: Database) -> None:
    with rows.batch(database, day(1)) as batch:
        report(batch, HERE, 1, links=("c-50", "never-seen"))
    with rows.batch(database, day(50)) as batch:
        report(batch, HERE, 50, links=("c-51",))
    forget(database, day(40))
    cursor = database.raw.cursor()
    assert journal.links_of(cursor, ContactKey(HERE, "c-50")) == ("c-51",)
    assert journal.links_of(cursor, ContactKey(HERE, "never-seen")) == ()


@pytest.mark.usefixtures("thirty_days")
def test_nothing_old_costs_no_deletion(database: Database) -> None:
    assert forget(database, day(0)) == []
    assert count(database, "journal") == 30


def test_of_what_dynamics_answered_only_ids_outlive_the_contact(database: Database) -> None:
    row = "7a1c0001-53b2-ed11-83ff-000d3a020001"
    answer = {"activityid": row, "phonenumber": "+4930", "to": {"name": "Maria"}, "state": 1}
    step = PlannedRequest(key="2", step=steps.default_steps().requests[0])
    key = ContactKey(HERE, "c-1")
    with rows.batch(database, day(1)) as batch:
        report(batch, HERE, 1)
    with rows.batch(database, day(9_000)) as batch:
        report(batch, HERE, 9_000)  # the last message of a tenant is never deleted
    with database.transaction() as cursor:
        outbox.put(cursor, key, step, day(1), day(1))
        (due,) = outbox.of_contact(cursor, key)
        outbox.finish(cursor, due.position, "done", day(1), response=answer)
    forget(database, day(1))
    (kept,) = outbox.of_contact(database.raw.cursor(), key)
    assert kept.response == answer, "the contact is not old yet"
    forget(database, day(2))
    (kept,) = outbox.of_contact(database.raw.cursor(), key)
    assert kept.response == {"activityid": row}
    forget(database, day(2) + retention.REQUESTS_LONGER)
    assert outbox.of_contact(database.raw.cursor(), key) == []


def test_a_request_that_waits_is_not_forgotten(database: Database) -> None:
    step = PlannedRequest(key="2", step=steps.default_steps().requests[0])
    key = ContactKey(HERE, "c-1")
    with database.transaction() as cursor:
        outbox.put(cursor, key, step, day(1), day(1))
    forget(database, day(2) + 2 * retention.REQUESTS_LONGER)
    assert len(outbox.of_contact(database.raw.cursor(), key)) == 1
