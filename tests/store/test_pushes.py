"""When a message was written to sockets is kept in the index, many in a row, and found again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from adapter.events import ContactEvent
from adapter.store import journal
from adapter.store.database import Database
from adapter.store.journal.rows import SEQUENCE_BITS
from adapter.store.journal.tail import Push
from adapter.tenants import ContactKey, Tenant
from tests import journal_rows as rows

TENANTS = (Tenant("here"), Tenant("there"))
START = datetime(2026, 1, 1, tzinfo=UTC)
EACH = 300


def journal_with_pushes(path: Path) -> Database:
    """Keep `EACH` events of each tenant, each pushed to as many sockets as its tenant's number."""
    database = Database(str(path))
    database.migrate()
    database.serve()
    with rows.batch(database, START) as batch:
        for tenant in TENANTS:
            for number in range(EACH):
                event = ContactEvent("s", f"e-{number}", f"c-{number}", START, agent="alice")
                assert rows.keep(batch, tenant, event)
    for (position,) in database.raw.execute("SELECT position FROM journal").fetchall():
        database.raw.tail.put_push(Push(position, position, position >> SEQUENCE_BITS))
    return database


def told(database: Database) -> list[list[str]]:
    """Give what a contact's story says of pushes, for each tenant."""
    cursor = database.raw.cursor()
    found = []
    for tenant in TENANTS:
        events = journal.events_of(cursor, ContactKey(tenant, "c-270"))
        found.append([each.detail for each in journal.pushes_of(cursor, events)])
    return found


def test_a_push_is_found_before_while_and_after_the_index_is_written(tmp_path: Path) -> None:
    database = journal_with_pushes(tmp_path / "p.db")
    expected = [
        ["screenpop.contact.updated to alice: 1 sockets"],
        ["screenpop.contact.updated to alice: 2 sockets"],
    ]
    assert told(database) == expected
    writing = rows.write_slice(database, None)
    while writing is not None:
        assert told(database) == expected
        writing = rows.write_slice(database, writing)
    assert not database.raw.tail.pushes
    assert told(database) == expected
    database.close()


def test_a_row_of_pushes_is_short_and_holds_those_of_one_tenant(tmp_path: Path) -> None:
    database = journal_with_pushes(tmp_path / "p.db")
    rows.write_index(database)
    found = database.raw.execute("SELECT position, body FROM pushes ORDER BY position").fetchall()
    packed = [(first, msgspec.msgpack.decode(body, type=list[Push])) for first, body in found]
    for first, pushes in packed:
        assert pushes[0].position == first
        assert len(pushes) <= 256
        assert len({push.position >> SEQUENCE_BITS for push in pushes}) == 1
    assert sum(len(pushes) for _, pushes in packed) == EACH * len(TENANTS)
    database.close()
