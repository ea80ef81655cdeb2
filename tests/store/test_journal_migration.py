"""What was kept in tables of events and messages is in the journal after the upgrade."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from alembic import command
from alembic.config import Config

from adapter import contacts
from adapter.events import AgentSeen, ContactEvent, Stage
from adapter.store import journal
from adapter.store.database import Database
from adapter.store.migrations import journal_0007
from adapter.store.revisions import MIGRATIONS
from adapter.store.times import micros
from adapter.tenants import Agent, ContactKey, Tenant

HERE, THERE = Tenant("here"), Tenant("there")
START = datetime(2026, 11, 1, tzinfo=UTC)


def event(number: int, stage: Stage | None, agent: str | None) -> ContactEvent:
    time = START + timedelta(seconds=number)
    return ContactEvent(
        source="s",
        id=f"e-{number}",
        contact="c-1",
        time=time,
        stage=stage,
        agent=agent,
        attributes={"n": number},
    )


EVENTS = (event(1, Stage.OFFERED, "alice"), event(2, Stage.ANSWERED, "bob"), event(3, None, None))


def at_revision(path: Path, revision: str) -> Database:
    database = Database(str(path))
    database.connection.exec_driver_sql("SELECT 1")  # SQLAlchemy begins; Alembic leaves it be
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = database.connection
    command.upgrade(config, revision)
    return database


def write(database: Database, tenant: Tenant, sequence: int, said: ContactEvent) -> None:
    now = micros(said.time)
    body = msgspec.json.encode(said)
    database.raw.execute(
        "INSERT INTO events (tenant, source, event, contact, received, stored, body, matched)"
        " VALUES (?,?,?,?,?,?,?,?)",
        (tenant, said.source, said.id, said.contact, now, now, body, f"why {said.id}"),
    )
    data = {"id": "c-1", "agent": said.agent, "event": {"source": said.source, "id": said.id}}
    database.raw.execute(
        "INSERT INTO messages (tenant, sequence, type, subject, time, data) VALUES (?,?,?,?,?,?)",
        (tenant, sequence, "screenpop.contact.updated", "c-1", now, msgspec.json.encode(data)),
    )
    for agent in {said.agent or "bob", "wallboard"}:
        database.raw.execute(
            "INSERT INTO message_agents (tenant, agent, sequence) VALUES (?,?,?)",
            (tenant, agent, sequence),
        )


def test_contacts_messages_and_identities_come_over(tmp_path: Path) -> None:
    assert journal_0007.convert.__doc__
    path = tmp_path / "old.db"
    database = at_revision(path, "0006")
    for sequence, said in enumerate(EVENTS, start=1):
        write(database, HERE, sequence, said)
    write(database, THERE, 1, EVENTS[0])
    seen = AgentSeen(source="s", id="seen", source_id="arn:1", agent="alice")
    database.raw.execute(
        "INSERT INTO events (tenant, source, event, received, stored, body) VALUES (?,?,?,?,?,?)",
        (HERE, "s", "seen", micros(START), micros(START), msgspec.json.encode(seen)),
    )
    database.raw.execute(
        "INSERT INTO messages (tenant, sequence, type, time, data) VALUES (?,?,?,?,?)",
        (HERE, 4, "screenpop.settings.changed", micros(START), b'{"what":["domains"]}'),
    )
    database.close()

    database = Database(str(path))
    database.migrate()
    database.serve()
    cursor = database.raw.cursor()
    expected = None
    for said in EVENTS:
        expected = contacts.advance(expected, said)
    key = ContactKey(HERE, "c-1")
    assert journal.contact(cursor, key) == expected
    stories = journal.events_of(cursor, key)
    assert [(each.event, each.matched) for each in stories] == [
        (said, f"why {said.id}") for said in EVENTS
    ]
    assert all(journal.find_event(cursor, HERE, each)[1] for each in (*EVENTS, seen))
    assert not journal.find_event(cursor, THERE, EVENTS[1])[1]
    assert journal.sequences(cursor, HERE) == (1, 4)
    assert journal.sequences(cursor, THERE) == (1, 1)
    assert journal.sequences_to(cursor, HERE, "bob", 0) == [2, 3]
    assert journal.sequences_to(cursor, HERE, "wallboard", 1) == [2, 3]
    assert journal.agents_contacts(cursor, Agent(HERE, "bob")) == []  # the last word was: nobody
    assert [each.sequence for each in journal.messages_after(cursor, HERE, None, 0, limit=9)] == [
        *(1, 2, 3, 4)
    ]
    database.close()
