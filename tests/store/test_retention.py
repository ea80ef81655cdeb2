"""Forget what is old in small steps, and go on where the sequence was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapter import contacts, steps
from adapter.events import ContactEvent, Stage
from adapter.messages import Message
from adapter.steps import PlannedRequest
from adapter.store import journal, outbox, retention
from adapter.store.database import Cursor, Database
from adapter.store.journal import AcceptedEvent
from adapter.tenants import ContactKey, Tenant

HERE, THERE = Tenant("here"), Tenant("there")
START = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 7


def day(number: int) -> datetime:
    return START + timedelta(days=number)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(str(tmp_path / "old.db"))
    database.migrate()
    yield database
    database.close()


def report(cursor: Cursor, tenant: Tenant, number: int, links: tuple[str, ...] = ()) -> None:
    """Store what an event of day `number` on contact c-`number` leaves."""
    contact, now = f"c-{number}", day(number)
    event = ContactEvent(
        source="s", id=f"e-{number}", contact=contact, time=now, stage=Stage.CREATED, links=links
    )
    journal.add_events(cursor, [AcceptedEvent(tenant, event, now, None, None)], now)
    state = contacts.advance(journal.contact(cursor, ContactKey(tenant, contact)), event)
    journal.save_contacts(cursor, [(ContactKey(tenant, contact), state, "alice")], now)
    journal.add_links(cursor, tenant, contact, links)
    sequence = journal.sequences(cursor, tenant)[1] + 1
    agents = (f"agent-{number % 3}", "alice")
    message = Message(sequence, "t", contact, now, b"{}", agents)
    journal.add_messages(cursor, tenant, [message])
    journal.add_traces(cursor, [(tenant, contact, now, "matched", "x")])


def forget(database: Database, horizon: datetime) -> list[int]:
    """Run the steps to their end and give what each deleted."""
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
        agent: str | None = ""
        while agent is not None:
            with database.transaction() as cursor:
                agent = retention.forget_audiences(cursor, tenant, agent, limit=2)
    return steps[:-1]


def count(database: Database, table: str) -> int:
    (found,) = database.raw.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    return int(found)


@contextmanager
def thirty_days(database: Database) -> Iterator[Cursor]:
    with database.transaction() as cursor:
        for number in range(30):
            report(cursor, HERE, number)
        yield cursor


def test_what_is_old_is_forgotten_and_what_is_not_stays(database: Database) -> None:
    with thirty_days(database):
        pass
    forget(database, day(20))
    cursor = database.raw.cursor()
    for table in ("events", "contacts", "messages", "trace"):
        assert count(database, table) == 10, table
    assert count(database, "message_agents") == 20
    assert journal.contact(cursor, ContactKey(HERE, "c-19")) is None
    assert journal.contact(cursor, ContactKey(HERE, "c-20")) is not None
    assert journal.sequences(cursor, HERE) == (21, 30)


def test_each_step_deletes_a_bounded_number_of_rows(database: Database) -> None:
    with thirty_days(database):
        pass
    steps = forget(database, day(100))
    assert len(steps) >= 30 // LIMIT
    assert max(steps) <= 3 * LIMIT  # events, messages, trace


def test_the_last_sequence_is_kept_though_everything_is_old(database: Database) -> None:
    with thirty_days(database):
        pass
    forget(database, day(1000))
    cursor = database.raw.cursor()
    assert count(database, "events") == count(database, "contacts") == 0
    assert journal.sequences(cursor, HERE) == (30, 30)
    with database.transaction() as writing:
        report(writing, HERE, 31)
    assert journal.sequences(cursor, HERE) == (30, 31)
    replay = journal.messages_after(cursor, HERE, "alice", 29, limit=10)
    assert [each.sequence for each in replay] == [30, 31]  # its audience is kept with it


def test_tenants_are_cut_each_at_its_own_sequence(database: Database) -> None:
    with thirty_days(database) as cursor:
        report(cursor, THERE, 25)
        report(cursor, THERE, 26)
    forget(database, day(26))
    cursor = database.raw.cursor()
    assert journal.sequences(cursor, HERE) == (27, 30)
    assert journal.sequences(cursor, THERE) == (2, 2)


def test_a_contact_stays_while_one_of_its_events_does(database: Database) -> None:
    with database.transaction() as cursor:
        report(cursor, HERE, 1)
        late = ContactEvent(source="s", id="late", contact="c-1", time=day(2))
        journal.add_events(cursor, [AcceptedEvent(HERE, late, day(50), None, None)], day(50))
    forget(database, day(40))
    assert journal.contact(database.raw.cursor(), ContactKey(HERE, "c-1")) is not None
    forget(database, day(60))
    assert journal.contact(database.raw.cursor(), ContactKey(HERE, "c-1")) is None


def test_links_go_with_their_contact_in_both_directions(database: Database) -> None:
    with database.transaction() as cursor:
        report(cursor, HERE, 1, links=("c-50", "never-seen"))
        report(cursor, HERE, 50, links=("c-51",))
    forget(database, day(40))
    cursor = database.raw.cursor()
    assert journal.links_of(cursor, ContactKey(HERE, "c-50")) == ("c-51",)
    assert journal.links_of(cursor, ContactKey(HERE, "never-seen")) == ()


def test_nothing_old_costs_no_deletion(database: Database) -> None:
    with thirty_days(database):
        pass
    assert forget(database, day(0)) == []
    assert count(database, "events") == 30


def test_of_what_dynamics_answered_only_ids_outlive_the_contact(database: Database) -> None:
    row = "7a1c0001-53b2-ed11-83ff-000d3a020001"
    answer = {"activityid": row, "phonenumber": "+4930", "to": {"name": "Maria"}, "state": 1}
    step = PlannedRequest(key="2", step=steps.default_steps().requests[0])
    key = ContactKey(HERE, "c-1")
    with database.transaction() as cursor:
        report(cursor, HERE, 1)
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
