"""The page of agents of a large centre: a hundred of each list, a search for the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from adapter.identity.people import Person
from adapter.store import people
from adapter.tenants import DEFAULT
from tests import principals
from tests.feed.local import Local
from tests.portal.test_agents import signed_in_panel
from tests.portal.visitor import Visitor
from tests.server import eventually

PATH = "/admin/agents"
NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
MANY = 300


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """Give a server whose tenant has three hundred people, each with a source's name."""
    server = Local(tmp_path_factory.mktemp("many"))
    with server.office() as office, office.database.transaction() as cursor:
        for number in range(1, MANY + 1):
            people.put(cursor, somebody(number))
            cursor.execute(
                "INSERT INTO agent_aliases (tenant, source_id, agent, origin, created)"
                " VALUES (?,?,?,'learnt',0)",
                (DEFAULT, f"arn:connect:agent/{number:03}", f"no-{number:03}"),
            )
        people.put(cursor, somebody(999, name="Élodie Strauß", agent="elodie"))
    with server:
        yield server


@pytest.fixture(scope="module")
def admin(server: Local) -> Iterator[Visitor]:
    with Visitor(server, principals.sign_in_as_admin(server)) as visitor:
        yield visitor


@pytest.fixture(autouse=True)
def nobody_connected(server: Local) -> Iterator[None]:
    """End each test without feeds."""
    yield
    server.hang_up()
    eventually(lambda: not server.services.hub.feeds(), "the feeds are closed")


def somebody(number: int, directory: str = "d-1", **more: str | None) -> Person:
    """Make a person whose name, agent and e-mail have nothing in common but the number."""
    return Person(
        id=f"{number:016}",
        tenant=DEFAULT,
        directory=directory,
        subject=f"s-{number}",
        name=more.pop("name", None) or f"Person {number:03}",
        email=f"mail.{number:03}@contoso.example",
        agent=more.pop("agent", f"no-{number:03}"),
        proposed=more.pop("proposed", None),
        created=NOW,
        seen=NOW,
    )


def rows(html: str, table: str) -> int:
    """Count the rows of a table by its id."""
    found = re.search(rf'<table[^>]* id="{table}">.*?<tbody[^>]*>(.*?)</tbody>', html, re.DOTALL)
    return 0 if found is None else found[1].count("<tr ")


def test_a_hundred_of_each_list_are_shown_and_the_page_says_of_how_many(
    server: Local, admin: Visitor
) -> None:
    page = admin.get(PATH)
    assert rows(page.html, "people") == 100
    assert rows(page.html, "aliases") == 100
    assert "100 of 302 are shown; look for one by name." in page  # with Élodie and the admin
    assert "100 of 300 are shown; look for one by name." in page
    assert "302 件中 100 件を表示しています" in admin.get(PATH, accept_language="ja")


@pytest.mark.parametrize("sought", ["person 250", "PERSON 250", " Mail.250@ ", "no-250"])
def test_a_person_far_down_the_list_is_found_by_name_e_mail_or_agent(
    admin: Visitor, sought: str
) -> None:
    assert "Person 250" not in admin.get(PATH)
    page = admin.get(f"{PATH}?q={sought}")
    assert rows(page.html, "people") == 1
    assert "Person 250" in page
    assert "are shown" not in page
    assert page.value("q") == sought.strip()


def test_the_case_of_every_alphabet_is_folded(admin: Visitor) -> None:
    page = admin.get(f"{PATH}?q=ÉLODIE STRAUSS")
    assert "Élodie Strauß" in page
    assert rows(page.html, "people") == 1


def test_a_sources_name_is_found_by_itself_by_its_agent_and_by_the_person(admin: Visitor) -> None:
    for sought in ("AGENT/250", "no-250", "Person 250"):
        page = admin.get(f"{PATH}?q={sought}")
        assert rows(page.html, "aliases") == 1, sought
        assert "arn:connect:agent/250" in page, sought


def test_a_search_that_finds_nothing_says_so_for_each_list(admin: Visitor) -> None:
    page = admin.get(f"{PATH}?q=nobody-at-all")
    for words in (
        "Nobody like this is connected.",
        "Nobody like this has signed in.",
        "No name at a source is like this.",
    ):
        assert words in page, words
    assert PATH in page.links  # Show all
    assert admin.get(f"{PATH}?q={'x' * 600}").status == 200


def test_who_is_connected_is_found_by_agent_person_or_name_at_a_source(
    server: Local, admin: Visitor
) -> None:
    for agent in ("no-249", "no-250", "no-251"):
        server.connect(agent).next()
    assert rows(admin.get(PATH).html, "connected") == 3
    for sought in ("NO-250", "Person 250", "mail.250", "agent/250"):
        page = admin.get(f"{PATH}?q={sought}")
        assert rows(page.html, "connected") == 1, sought
        assert "/admin/contacts?agent=no-250" in page.links, sought


def test_a_hundred_open_feeds_are_shown_and_the_page_says_of_how_many(
    server: Local, admin: Visitor
) -> None:
    for number in range(103):
        server.connect(f"no-{number:03}").next()
    page = admin.get(PATH)
    assert rows(page.html, "connected") == 100
    assert "100 of 103 are shown; look for one by name." in page
    assert "/admin/contacts?agent=no-102" not in page.links
    assert "/admin/contacts?agent=no-102" in admin.get(f"{PATH}?q=person 102").links


def asked_for(server: Local, admin: Visitor, path: str) -> list[str]:
    """Give what is read of sessions, people and names for a page."""
    asked: list[str] = []
    server.services.database.raw.set_trace_callback(asked.append)
    assert admin.get(path).status == 200
    server.services.database.raw.set_trace_callback(None)
    return [
        each
        for each in asked
        if re.match(r"\s*SELECT\b.*\bFROM (sessions|people|agent_aliases)\b", each, re.DOTALL)
    ]


def test_a_view_asks_no_more_of_the_database_for_more_feeds(server: Local, admin: Visitor) -> None:
    signed_in_panel(server, "no-001", "p-1")
    few = asked_for(server, admin, PATH)
    for number in range(2, 22):
        signed_in_panel(server, f"no-{number:03}", "p-1")
    page = admin.get(PATH)
    assert page.text.count("https://contoso.crm4.dynamics.com") == 21
    assert len(asked_for(server, admin, PATH)) == len(few)
    confirm = f"{PATH}/sign-out?agent=no-001"
    asked = asked_for(server, admin, confirm)
    assert "1 panel is closed at once" in admin.get(confirm)
    assert not [each for each in asked if "IN (" in each]
    assert len(asked) < len(few)


def test_whoever_was_found_is_what_one_comes_back_to(server: Local, admin: Visitor) -> None:
    signed_in_panel(server, "no-250", "p-1")
    page = admin.get(f"{PATH}?q=person 250")
    (leave,) = [each for each in page.links if "/sign-out?" in each]
    asked = admin.get(leave)
    assert f"{PATH}?q=person+250" in asked.links
    done = admin.submit(f"{PATH}/sign-out?q=person+250", {"agent": "no-250"})
    assert "no-250 is signed out." in done
    assert done.value("q") == "person 250"
    (change,) = [each for each in page.links if "/people/" in each]
    person = admin.get(change)
    assert f"{PATH}?q=person+250" in person.links
    saved = admin.submit(change, {"do": "save", "agent": "no-250"})
    assert "Person 250: saved." in saved
    assert saved.value("q") == "person 250"


def test_of_many_who_wait_some_of_each_directory_are_shown_and_all_can_be_confirmed(
    server: Local, admin: Visitor
) -> None:
    waiting = [
        somebody(number, "d-many", name=f"New {number}", agent=None, proposed=f"new-{number}")
        for number in range(1000, 1150)
    ]
    last = somebody(1150, "d-small", name="New Zoe", agent=None, proposed="zoe")
    with server.office() as office, office.database.transaction() as cursor:
        for each in [*waiting, last]:
            people.put(cursor, each)
    page = admin.get(PATH)
    assert "100 of 151 are shown; look for one by name." in page
    assert "Confirm all 150 of this directory" in page
    assert "New Zoe" in page
    found = admin.get(f"{PATH}?q=new-1149")
    assert "Confirm that New 1149" in found.html
    assert "Confirm all" not in found
    done = admin.submit(f"{PATH}/confirm", {"directory": "d-many"})
    assert "150 people are confirmed." in done
    admin.submit(f"{PATH}/confirm", {"person": last.id})
    assert "Waiting for you" not in admin.get(PATH)
