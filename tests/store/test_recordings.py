"""Links to recordings outlive their contacts and know who had them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapter.events import ContactEvent, Recording, Stage
from adapter.store import journal, recordings, retention
from adapter.store.database import Database
from adapter.tenants import ContactKey, Tenant
from tests import journal_rows as rows

HERE, THERE = Tenant("here"), Tenant("there")
KEY = ContactKey(HERE, "c-1")
START = datetime(2026, 1, 1, tzinfo=UTC)
FILE = Recording("recording", "https://calls.s3.eu-central-1.amazonaws.com/c-1.wav")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(str(tmp_path / "links.db"))
    database.migrate()
    database.serve()
    yield database
    database.close()


def report(
    database: Database, day: int, stage: Stage | None, agent: str | None, contact: str = "c-1"
) -> None:
    now = START + timedelta(days=day)
    event = ContactEvent(
        source="s", id=f"{contact}-{day}", contact=contact, time=now, stage=stage, agent=agent
    )
    with rows.batch(database, now) as batch:
        assert rows.keep(batch, HERE, event)


def token(database: Database, key: ContactKey = KEY, file: Recording = FILE) -> str:
    with database.transaction() as cursor:
        return recordings.token(cursor, key, file, START)


def agents(database: Database, of: str) -> frozenset[str]:
    link = recordings.get(database.raw.cursor(), HERE, of)
    assert link is not None
    return link.agents


def forget_before(database: Database, day: int) -> None:
    rows.write_index(database)
    with database.transaction() as cursor:
        while retention.forget_step(
            cursor, [HERE], horizon=START + timedelta(days=day), now=START, limit=1
        ):
            pass


def test_a_file_has_one_link_however_often_it_is_asked_for(database: Database) -> None:
    first = token(database)
    assert token(database) == first
    others = {
        token(database, ContactKey(HERE, "c-2")),
        token(database, ContactKey(THERE, "c-1")),
        token(database, file=Recording("transcript", FILE.url + ".json", redacted=True)),
    }
    assert len(others | {first}) == 4
    link = recordings.get(database.raw.cursor(), HERE, first)
    assert link is not None
    assert (link.contact, link.kind, link.url, link.redacted) == (
        "c-1",
        "recording",
        FILE.url,
        False,
    )


def test_a_link_is_nothing_in_another_tenant(database: Database) -> None:
    assert recordings.get(database.raw.cursor(), THERE, token(database)) is None


def test_who_answered_had_the_contact_and_who_only_heard_it_ring_had_not(
    database: Database,
) -> None:
    made = token(database)
    report(database, 1, Stage.OFFERED, "bob")
    report(database, 2, Stage.OFFERED, "alice")
    report(database, 3, Stage.ANSWERED, "alice")
    report(database, 4, Stage.TRANSFERRED, "carol")
    report(database, 5, Stage.RECORDED, None)
    assert agents(database, made) == {"alice", "carol"}


def test_after_the_retention_a_link_still_knows_them(database: Database) -> None:
    made = token(database)
    for day, stage, agent in (
        (1, Stage.OFFERED, "bob"),
        (2, Stage.ANSWERED, "alice"),
        (40, Stage.ENDED, "carol"),
    ):
        report(database, day, stage, agent)
    report(database, 3, Stage.ANSWERED, "dave", contact="c-2")
    forget_before(database, 30)
    assert agents(database, made) == {"alice", "carol"}
    forget_before(database, 365)
    assert journal.events_of(database.raw.cursor(), KEY) == []
    assert agents(database, made) == {"alice", "carol"}
    assert token(database) == made


def test_an_erased_contact_takes_its_links_along(database: Database) -> None:
    made, other = token(database), token(database, ContactKey(HERE, "c-2"))
    with database.transaction() as cursor:
        assert recordings.forget(cursor, KEY) == 1
    assert recordings.get(database.raw.cursor(), HERE, made) is None
    assert recordings.get(database.raw.cursor(), HERE, other) is not None
