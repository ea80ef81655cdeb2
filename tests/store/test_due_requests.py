"""Which contacts another process has given something to send."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter import office, settings, steps
from adapter.errors import NotFound
from adapter.office import Office
from adapter.steps import PlannedRequest
from adapter.store import outbox
from adapter.store.database import Cursor
from adapter.tenants import DEFAULT, ContactKey

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
(STEP, *_) = steps.default_steps().requests


def put(cursor: Cursor, contact: str, key: str = "2", due: datetime = NOW) -> int:
    key_of = ContactKey(DEFAULT, contact)
    outbox.put(cursor, key_of, PlannedRequest(key=key, step=STEP), due, NOW)
    return outbox.of_contact(cursor, key_of)[-1].position


def test_only_what_is_due_and_was_not_tried_is_new(tmp_path: Path) -> None:
    with office.opened(settings.load(data_dir=tmp_path)) as here:
        with here.database.transaction() as cursor:
            put(cursor, "new")
            put(cursor, "planned for later", due=LATER)
            tried = put(cursor, "tried")
            put(cursor, "tried", key="4")
            outbox.postpone(cursor, tried, due=LATER, attempts=1, cause="no answer")
            outbox.finish(cursor, put(cursor, "done"), "done", NOW)
            outbox.finish(cursor, put(cursor, "dead"), "failed", NOW, cause="refused")
        assert untried(here) == {"new"}


def test_a_revived_dead_letter_is_new_again_and_its_age_begins_anew(tmp_path: Path) -> None:
    with office.opened(settings.load(data_dir=tmp_path)) as here:
        with here.database.transaction() as cursor:
            first, second = put(cursor, "a"), put(cursor, "b")
            for position in (first, second):
                outbox.postpone(cursor, position, due=LATER, attempts=9, cause="no answer")
                outbox.finish(cursor, position, "failed", NOW, cause="no answer for a day")
        assert [each.position for each in here.dead_letters("default").letters] == [second, first]
        assert here.replay("default", first) == 1
        assert untried(here) == {"a"}
        (revived,) = outbox.waiting(here.database.raw.cursor(), ContactKey(DEFAULT, "a"))
        assert (revived.attempts, revived.created > NOW) == (0, True)
        assert here.replay("default", None) == 1
        with pytest.raises(NotFound):
            here.replay("default", first)
        here.create_tenant("acme")
        assert here.replay("acme", None) == 0


def untried(here: Office) -> set[str]:
    with here.database.reading():
        found = outbox.contacts_untried(here.database.raw.cursor(), datetime.now(UTC))
    return {each.id for each in found}
