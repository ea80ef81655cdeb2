"""Keep the list of refused embedders short, and honest where strangers write most of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapter.store import refusals
from adapter.store.database import Database
from adapter.store.refusals import MOST, Refusal
from adapter.tenants import Tenant

HERE, THERE = Tenant("here"), Tenant("there")
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(str(tmp_path / "refusals.db"))
    database.migrate()
    yield database
    database.close()


def refusal(
    origin: str, second: int = 0, *, seen_by: str = "browser", tenant: Tenant = HERE
) -> Refusal:
    when = START + timedelta(seconds=second)
    return Refusal(tenant, origin, seen_by, "no rule matches", None, origin, 1, when, when)


def record(database: Database, *rows: Refusal) -> None:
    with database.transaction() as cursor:
        for row in rows:
            refusals.record(cursor, row)


def origins(database: Database, seen_by: str, tenant: Tenant = HERE) -> list[str]:
    with database.reading():
        rows = refusals.listed(database.raw.cursor(), tenant)
    return [row.origin for row in rows if row.seen_by == seen_by]


def fakes(count: int) -> list[Refusal]:
    return [refusal(f"https://x{number}.evil.example", number) for number in range(count)]


def test_what_strangers_report_takes_no_room_from_what_the_server_saw(database: Database) -> None:
    record(database, refusal("https://before.example", seen_by="page"), *fakes(3 * MOST))
    record(database, refusal("https://crm.example", 9999, seen_by="server"))
    assert origins(database, "server") == ["https://crm.example"]
    assert origins(database, "page") == ["https://before.example"]
    assert len(origins(database, "browser")) == MOST


def test_a_new_origin_takes_the_place_of_the_one_longest_unseen(database: Database) -> None:
    record(database, *fakes(MOST))
    record(database, refusal("https://x0.evil.example", MOST))  # seen again: x1 is the oldest now
    record(database, refusal("https://crm.example", MOST + 1))
    listed = origins(database, "browser")
    assert listed[:2] == ["https://crm.example", "https://x0.evil.example"]
    assert len(listed) == MOST
    assert "https://x1.evil.example" not in listed
    assert "https://x2.evil.example" in listed


def test_a_refusal_that_is_seen_again_is_counted_and_removes_nothing(database: Database) -> None:
    record(database, *fakes(MOST), *fakes(MOST))
    with database.reading():
        rows = refusals.listed(database.raw.cursor(), HERE)
    assert len(rows) == MOST
    assert {row.count for row in rows} == {2}


def test_a_full_list_of_one_tenant_is_not_the_others(database: Database) -> None:
    record(database, refusal("https://quiet.example", tenant=THERE), *fakes(MOST + 10))
    assert origins(database, "browser", THERE) == ["https://quiet.example"]
