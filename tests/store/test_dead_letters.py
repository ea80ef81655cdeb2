"""Dead letters page by page, and which go with a replayed one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from adapter import office, settings, steps
from adapter.errors import MalformedInput, NotFound
from adapter.office import Office
from adapter.steps import PlannedRequest
from adapter.store import dead_letters, outbox
from adapter.store.database import Cursor, Database
from adapter.tenants import DEFAULT, ContactKey, Tenant

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
STEPS = steps.default_steps().requests
OTHER = Tenant("acme")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Office]:
    with office.opened(settings.load(data_dir=tmp_path)) as opened:
        opened.create_tenant(OTHER)
        yield opened


def bury(
    cursor: Cursor, contact: str, step: int = 0, *, tenant: Tenant = DEFAULT, second: int = 0
) -> int:
    key = ContactKey(tenant, contact)
    planned = PlannedRequest(key=f"{STEPS[step].number}", step=STEPS[step])
    outbox.put(cursor, key, planned, NOW, NOW)
    position = outbox.of_contact(cursor, key)[-1].position
    outbox.finish(cursor, position, "failed", NOW + timedelta(seconds=second), cause="refused")
    return position


@given(
    finished=st.lists(st.integers(0, 5), max_size=25),
    limit=st.integers(1, 9),
    later=st.integers(0, 3),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_the_pages_hold_every_letter_once_whatever_comes_in_meanwhile(
    finished: list[int], limit: int, later: int
) -> None:
    database = Database(_scratch())
    database.migrate()
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM outbox")
        wanted = {bury(cursor, f"c{n}", second=second) for n, second in enumerate(finished)}
        bury(cursor, "c0", tenant=OTHER)
        seen: list[int] = []
        after: str | None = None
        while True:
            page = dead_letters.page(cursor, DEFAULT, limit=limit, after=after)
            seen += [each.position for each in page.letters]
            assert len(page.letters) <= limit
            for n in range(later):
                bury(cursor, f"late-{len(seen)}-{n}", second=9)
            if page.next is None:
                break
            after = page.next
    database.close()
    assert sorted(seen) == sorted(wanted)


_folder: list[Path] = []


@pytest.fixture(autouse=True, scope="module")
def _scratch_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    _folder.append(tmp_path_factory.mktemp("letters"))


def _scratch() -> str:
    return str(_folder[-1] / "letters.db")


@pytest.mark.parametrize("after", ["", "x", "1", "1-", "-1", "1-1-1", "1-1 ", "9" * 30 + "-1"])
def test_a_cursor_that_is_none_of_ours_is_refused(here: Office, after: str) -> None:
    with pytest.raises(MalformedInput, match="after"):
        here.dead_letters("default", after=after)


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_a_page_has_a_size(here: Office, limit: int) -> None:
    with pytest.raises(MalformedInput, match="limit"):
        here.dead_letters("default", limit=limit)


def test_what_waits_for_a_replayed_letters_response_goes_with_it(here: Office) -> None:
    with here.database.transaction() as cursor:
        create, end, other = (bury(cursor, *each) for each in (("a",), ("a", 1), ("b", 1)))
    assert here.replay("default", create) == 1
    assert [each.position for each in here.dead_letters("default").letters] == [other]
    waiting = outbox.waiting(here.database.raw.cursor(), ContactKey(DEFAULT, "a"))
    assert [each.position for each in waiting] == [create, end]


def test_all_are_revived_or_given_up_in_parts(
    here: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "ALL_AT_ONCE", 2)
    with here.database.transaction() as cursor:
        buried = [bury(cursor, f"c-{number}") for number in range(5)]
        late = outbox.read(cursor, "position=?", (buried[4],))[0].finished
        revived = dead_letters.replay(
            cursor, DEFAULT, None, NOW, who="me", steps=steps.Steps(), until=late
        )
        assert len(revived) == 2
    assert here.replay("default", None) == 3
    assert here.dead_letters("default").total == 0
    with here.database.transaction() as cursor:
        for number in range(5, 10):
            bury(cursor, f"c-{number}")
    assert here.dismiss("default", None, "a test") == 5
    assert here.dead_letters("default").total == 0


def test_dependence_goes_on_over_several_steps() -> None:
    def letter(position: int, number: int, body: str) -> outbox.DueRequest:
        step = msgspec.structs.replace(STEPS[0], number=number, body=body)
        return outbox.DueRequest(
            position=position,
            contact=ContactKey(DEFAULT, "a"),
            key=str(number),
            planned=PlannedRequest(key=str(number), step=step),
            created=NOW,
            due=NOW,
            attempts=1,
            state="failed",
            response=None,
            cause=None,
            finished=NOW,
        )

    first = letter(1, 2, '{"subject": "x"}')
    second = letter(2, 6, '{"subject": "{{STEP2-Response.activityid}}"}')
    third = letter(3, 7, '{"subject": "{{STEP6-Response.activityid}}"}')
    alone = letter(4, 8, '{"subject": "y"}')
    rest = [third, alone, first, second]
    assert dead_letters.dependents(first, rest) == [second, third]
    assert dead_letters.dependents(alone, rest) == []


def test_a_dismissed_letter_is_neither_shown_counted_nor_revived(here: Office) -> None:
    with here.database.transaction() as cursor:
        create, end = bury(cursor, "a"), bury(cursor, "a", 1)
    assert here.dismiss("default", end, "a test") == 1
    with here.database.reading():
        assert outbox.counts(here.database.raw.cursor()) == {"failed": 1}
    assert here.replay("default", create) == 1
    (dismissed,) = [
        each
        for each in outbox.of_contact(here.database.raw.cursor(), ContactKey(DEFAULT, "a"))
        if each.position == end
    ]
    assert dismissed.state == "failed"
    with pytest.raises(NotFound):
        here.dismiss("default", end, "")
    with pytest.raises(NotFound):
        here.replay("default", end)


def test_another_tenants_letters_are_out_of_reach(here: Office) -> None:
    with here.database.transaction() as cursor:
        position = bury(cursor, "a", tenant=OTHER)
    with pytest.raises(NotFound):
        here.replay("default", position)
    with pytest.raises(NotFound):
        here.dismiss("default", position, "")
    assert here.dismiss("default", None, "") == 0
    assert here.dead_letters("default").total == 0
    assert here.dead_letters("acme").total == 1
