"""Dead letters are listed, tried again and given up in the portal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from adapter import steps
from adapter.steps import PlannedRequest
from adapter.store import outbox
from adapter.tenants import ContactKey, Tenant
from tests import principals
from tests.portal.visitor import Page, Visitor
from tests.server import Server

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
(STEP, *_) = steps.default_steps().requests
CAUSE = "step 2 POST phonecalls: Dynamics refused it. Ask for the privilege."
SHOWN = "step 2 POST phonecalls: Dynamics says: Dynamics refused it. Ask for the privilege."


def bury(server: Server, contacts: Sequence[str], tenant: str = "default") -> list[int]:
    """Write dead letters, the later ones later; give their ids."""
    found: list[int] = []
    with server.office() as office, office.database.transaction() as cursor:
        for number, contact in enumerate(contacts):
            key = ContactKey(Tenant(tenant), contact)
            outbox.put(cursor, key, PlannedRequest(key="2", step=STEP), NOW, NOW)
            position = outbox.of_contact(cursor, key)[-1].position
            at = NOW + timedelta(seconds=number)
            outbox.finish(cursor, position, "failed", at, cause=CAUSE)
            found.append(position)
    return found


def ids(page: Page) -> list[int]:
    return [int(each) for each in re.findall(r'id="letter-(\d+)"', page.html)]


def states(server: Server, positions: Sequence[int]) -> dict[int, tuple[str, bool]]:
    with server.office() as office:
        cursor = office.database.raw.cursor()
        rows = outbox.read(cursor, "1=1 ORDER BY position", ())
    return {
        each.position: (each.state, each.dismissed is not None)
        for each in rows
        if each.position in positions
    }


@pytest.fixture(autouse=True)
def swept(server: Server) -> Iterator[None]:
    yield
    with server.office() as office, office.database.transaction() as cursor:
        cursor.execute("DELETE FROM outbox")


def test_none_is_good_news(admin: Visitor) -> None:
    assert "There is no dead letter" in admin.get("/admin/dead-letters")


def test_a_letter_says_why_of_whom_and_what_without_a_value(admin: Visitor, server: Server) -> None:
    bury(server, ["dead-1"])
    page = admin.get("/admin/dead-letters")
    for word in (SHOWN, "dead-1", "POST phonecalls", "Step 2", "1 dead letter"):
        assert word in page, word
    assert "{{" in page  # placeholders, not values


def test_pages_give_each_letter_once(admin: Visitor, server: Server) -> None:
    made = bury(server, [f"paged-{n}" for n in range(120)])
    listed: list[int] = []
    path = "/admin/dead-letters"
    for _ in range(3):
        page = admin.get(path)
        assert "120 dead letters" in page
        listed += ids(page)
        path = next((each for each in page.links if "after=" in each), "")
    assert path == ""
    assert listed == made[::-1]


def test_one_is_tried_again_by_its_own_button(admin: Visitor, server: Server) -> None:
    first, second = bury(server, ["one-1", "one-2"])
    page = admin.submit("/admin/dead-letters", {"replay": str(first), "letter": str(second)})
    assert "Tried again: 1 contact." in page
    assert ids(page) == [second]
    assert states(server, [first])[first][0] == "waiting"


def test_the_chosen_are_tried_again(admin: Visitor, server: Server) -> None:
    made = bury(server, ["some-1", "some-2", "some-3"])
    chosen = [str(each) for each in made[:2]]
    page = admin.submit("/admin/dead-letters", {"do": "replay", "letter": chosen})
    assert "Tried again: 2 contacts." in page
    assert ids(page) == [made[2]]


def test_all_are_tried_again(admin: Visitor, server: Server) -> None:
    bury(server, ["all-1", "all-2"])
    page = admin.submit("/admin/dead-letters", {"do": "replay-all"})
    assert "Tried again: 2 contacts." in page
    assert ids(page) == []


def test_giving_up_needs_a_reason_and_keeps_what_was_ticked(admin: Visitor, server: Server) -> None:
    (position,) = bury(server, ["up-1"])
    page = admin.submit("/admin/dead-letters", {"do": "dismiss", "letter": str(position)})
    assert page.status == 422
    assert "Say why they are given up" in page
    assert re.search(rf'id="letter-{position}"[^>]* checked', page.html)
    assert states(server, [position]) == {position: ("failed", False)}


def test_what_is_given_up_is_gone_and_the_audit_log_says_why(
    admin: Visitor, server: Server
) -> None:
    (position,) = bury(server, ["gone-1"])
    fields = {"do": "dismiss", "letter": str(position), "reason": "entered by hand"}
    page = admin.submit("/admin/dead-letters", fields)
    assert "1 dead letter is given up." in page
    assert ids(page) == []
    assert states(server, [position]) == {position: ("failed", True)}
    log = server.request("GET", "/v1/admin/audit", scope="admin").json()["audit"]
    (told,) = [each for each in log if f"dead letter {position} " in each["what"]]
    assert "entered by hand" in told["what"]
    assert told["who"] == "Ada Admin <ada@contoso.example>"


@pytest.mark.parametrize("letter", ["", "x", "-1", "9" * 40, "1 OR 1=1"])
def test_what_is_no_letter_changes_nothing(admin: Visitor, server: Server, letter: str) -> None:
    (position,) = bury(server, ["still-1"])
    page = admin.submit("/admin/dead-letters", {"do": "replay", "letter": letter})
    assert page.status == 422
    assert states(server, [position]) == {position: ("failed", False)}


def test_a_letter_that_is_gone_says_so(admin: Visitor) -> None:
    page = admin.submit("/admin/dead-letters", {"replay": "999999"})
    assert page.status == 404
    assert "somebody else has tried them again" in page


def test_a_page_that_cannot_be_is_refused(admin: Visitor) -> None:
    assert admin.get("/admin/dead-letters?after=x").status == 400


def test_a_supervisor_reads_and_changes_nothing(supervisor: Visitor, server: Server) -> None:
    (position,) = bury(server, ["read-1"])
    page = supervisor.get("/admin/dead-letters")
    assert SHOWN in page
    assert "Try all again" not in page
    refused = supervisor.submit("/admin/dead-letters", {"replay": str(position)})
    assert refused.status == 403
    assert states(server, [position]) == {position: ("failed", False)}


def test_the_story_of_a_contact_leads_to_its_dead_letters(admin: Visitor, server: Server) -> None:
    server.report("offered", "led-1", agent="alice")
    bury(server, ["led-1"])
    page = admin.get("/admin/contacts/story?id=led-1")
    assert "/admin/dead-letters" in page.links
    assert "Dead letter" in page
    assert SHOWN in page
    assert "1 dead letter" in admin.get("/admin/contacts?q=led-")
    japanese = admin.get("/admin/contacts/story?id=led-1", accept_language="ja")
    assert "ステップ 2 POST phonecalls: Dynamics からのメッセージ: Dynamics refused it." in japanese
    assert '<q lang="en">Dynamics refused it. Ask for the privilege.</q>' in japanese.html


def test_another_tenants_letters_are_neither_seen_nor_changed(two: Server) -> None:
    (ours,) = bury(two, ["c-1"], "contoso")
    (theirs,) = bury(two, ["c-1"], "fabrikam")
    host = "contoso.screenpop.example"
    with Visitor(two, principals.sign_in_as_admin(two, "contoso"), host=host) as visitor:
        own = {"origin": f"http://{host}"}
        assert ids(visitor.get("/admin/dead-letters")) == [ours]
        for fields in (
            {"replay": str(theirs)},
            {"do": "replay", "letter": str(theirs)},
            {"do": "dismiss", "letter": str(theirs), "reason": "x"},
            {"do": "replay-all"},
        ):
            visitor.submit("/admin/dead-letters", fields, **own)
    assert states(two, [theirs]) == {theirs: ("failed", False)}
