"""List dead letters page by page, replay and dismiss them on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapter import office, settings, steps
from adapter.steps import PlannedRequest
from adapter.store import outbox
from adapter.tenants import DEFAULT, ContactKey
from tests.cli.conftest import Run

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
CREATE, *_ = steps.default_steps().requests


@pytest.fixture
def data(tmp_path: Path) -> dict[str, str]:
    """Give a database with five dead letters of five contacts."""
    with office.opened(settings.load(data_dir=tmp_path)) as here:
        for number in range(5):
            with here.database.transaction() as cursor:
                key = ContactKey(DEFAULT, f"c-{number}")
                outbox.put(cursor, key, PlannedRequest(key="2", step=CREATE), NOW, NOW)
                (due,) = outbox.of_contact(cursor, key)
                at = NOW + timedelta(seconds=number)
                outbox.finish(cursor, due.position, "failed", at, cause="refused")
    return {"SCREENPOP_DATA_DIR": str(tmp_path)}


def ids(text: str) -> list[int]:
    return [json.loads(line)["id"] for line in text.splitlines()]


def test_dead_letters_are_listed_page_by_page(command: Run, data: dict[str, str]) -> None:
    first = command("steps", "dead", "--limit", "3", "--json", **data)
    assert ids(first.stdout) == [5, 4, 3]
    assert first.stderr.startswith("5 in all; go on with --after ")
    after = first.stderr.split()[-1]
    rest = command("steps", "dead", "--limit", "3", "--after", after, "--json", **data)
    assert (ids(rest.stdout), rest.stderr) == ([2, 1], "")
    plain = command("steps", "dead", "--limit", "1", **data).stdout
    assert plain == "5  2026-11-21 20:00:04+00:00  c-4  refused\n"
    assert command("steps", "dead", "--after", "x", **data).returncode != 0


def test_dead_letters_are_replayed_and_dismissed(command: Run, data: dict[str, str]) -> None:
    assert command("steps", "replay", "1", **data).stdout == "tried again: 1 contact\n"
    done = command("steps", "dismiss", "2", "--reason", "a test", **data)
    assert done.stdout == "given up: 1\n"
    assert command("steps", "dismiss", "2", **data).returncode != 0
    assert command("steps", "dismiss", **data).returncode != 0
    assert ids(command("steps", "dead", "--json", **data).stdout) == [5, 4, 3]
    assert command("steps", "dismiss", "--all", **data).stdout == "given up: 3\n"
    assert command("steps", "dead", **data).stdout == ""
