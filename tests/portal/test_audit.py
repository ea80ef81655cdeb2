"""The audit log can be read to its end, filtered, with what was before and after."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from adapter.i18n import Texts
from adapter.store import audit_pages, audits
from adapter.store.database import Database
from adapter.tenants import Tenant
from adapter.web.portal import differences
from adapter.web.portal.audit_sentences import PHRASES
from tests import principals
from tests.portal.visitor import Visitor
from tests.server import Server

HERE, THERE = Tenant("here"), Tenant("there")
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Give a log of 23 entries here and as many there, an hour apart."""
    opened = Database(str(tmp_path_factory.mktemp("audit") / "audit.db"))
    opened.migrate()
    with opened.transaction() as cursor:
        for number in range(23):
            for tenant in (HERE, THERE):
                audits.add(
                    cursor,
                    tenant,
                    BEGAN + timedelta(hours=number),
                    who=f"admin {number % 2}",
                    what=f"change {number}",
                    after="100%_sure" if number == 7 else None,
                )
    yield opened
    opened.close()


def numbers(page: audit_pages.AuditPage) -> list[int]:
    return [int(entry.what.split()[1]) for entry in page.entries]


@given(limit=st.integers(1, 30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_pages_show_each_entry_once_in_both_directions(database: Database, limit: int) -> None:
    cursor = database.raw.cursor()
    pages = [audit_pages.page(cursor, HERE, limit=limit)]
    assert pages[0].newer is None
    while pages[-1].older is not None:
        pages.append(audit_pages.page(cursor, HERE, before=pages[-1].older, limit=limit))
    assert [number for page in pages for number in numbers(page)] == list(range(22, -1, -1))
    at = pages[-1]
    for page in reversed(pages[:-1]):
        assert at.newer is not None
        at = audit_pages.page(cursor, HERE, after=at.newer, limit=limit)
        assert numbers(at) == numbers(page)
    assert at.newer is None


def test_a_filter_looks_for_plain_text_in_all_of_an_entry(database: Database) -> None:
    cursor = database.raw.cursor()
    assert numbers(audit_pages.page(cursor, HERE, text="%_SURE")) == [7]
    assert numbers(audit_pages.page(cursor, HERE, text="0%s")) == []
    assert len(audit_pages.page(cursor, HERE, text="ADMIN 1").entries) == 11


def test_a_filter_by_time_includes_its_beginning_only(database: Database) -> None:
    found = audit_pages.page(
        database.raw.cursor(),
        HERE,
        since=BEGAN + timedelta(hours=2),
        until=BEGAN + timedelta(hours=4),
    )
    assert numbers(found) == [3, 2]


def test_nobody_reads_the_log_of_another_tenant(database: Database) -> None:
    cursor = database.raw.cursor()
    assert audit_pages.page(cursor, Tenant("elsewhere")).entries == []
    positions = [each.position for each in audit_pages.page(cursor, HERE, limit=99).entries]
    theirs = [each.position for each in audit_pages.page(cursor, THERE, limit=99).entries]
    assert not set(positions) & set(theirs)


def test_the_page_shows_before_and_after_and_leads_to_older_entries(
    server: Server, admin: Visitor
) -> None:
    text = {"content-type": "text/plain"}
    for number in range(60):
        body = f"https://host-{number}.example"
        server.request("PUT", "/v1/admin/domains", body, scope="admin", headers=text)
    page = admin.get("/admin/audit?text=domains")
    assert "New: + https://host-59.example" in page
    assert "Gone: - https://host-58.example" in page
    older = next(link for link in page.links if "before=" in link)
    assert "text=domains" in older
    page = admin.get(older)
    assert "https://host-0.example" in page
    assert any("after=" in link for link in page.links)


def test_entries_are_said_in_the_readers_language(server: Server) -> None:
    cookie = principals.sign_in_as_admin(server)
    with Visitor(server, cookie, **{"accept-language": "ja"}) as visitor:
        page = visitor.get("/admin/audit?text=tenant")
    assert "テナントの作成" in page
    assert "tenant created" not in page


@pytest.mark.parametrize(
    "what",
    [
        "key 0a1b created (ingest)",
        "key 0a1b created (ingest, amazon connect)",
        "one-time admin links ended: an admin has signed in by the provider",
        "one-time admin links ended: the first admin was revoked",
        "one-time admin links ended: the first admin is admin no more",
        "one-time link refused: the first admin is revoked",
        "one-time link refused: the first admin is admin no more",
        "person 0a1b signed in for the first time (panel)",
        "person 0a1b signed in for the first time (portal)",
        "person 0a1b: roles by the directory",
        "person 0a1b: agent by the directory's user name",
        "integration account crm: draft saved, secrets changed",
        "request 3 of cloudevents (2026-11-29T14:37:38+00:00) shown in full",
    ],
)
def test_an_entry_holds_no_english_in_japanese(what: str) -> None:
    said = PHRASES.say(Texts("ja"), what)
    for english in ("created", "link", "person", "signed", "panel", "directory", "draft", "shown"):
        assert english not in said


def test_a_key_without_a_name_leaves_no_gap(server: Server) -> None:
    with server.office() as office:
        made = office.create_key("default", "admin", "")
    with Visitor(server, principals.sign_in_as_admin(server)) as visitor:
        assert f"key {made.id} created (admin)" in visitor.get(f"/admin/audit?text={made.id}")


def test_a_filter_that_finds_nothing_says_so(admin: Visitor) -> None:
    page = admin.get("/admin/audit?text=no-such-thing&from=2020-01-01&to=2020-01-02")
    assert "Nothing was found." in page
    assert page.value("text") == "no-such-thing"


@pytest.mark.parametrize("query", ["before=x", "after=-1", "before=99999999999999999999"])
def test_a_strange_address_shows_the_newest_entries(admin: Visitor, query: str) -> None:
    assert admin.get(f"/admin/audit?{query}").status == 200


@pytest.mark.parametrize("query", ["from=2026-13-45", "to=x", "from=0001-01-01T00:00"])
def test_a_day_that_is_none_is_refused(admin: Visitor, query: str) -> None:
    page = admin.get(f"/admin/audit?{query}")
    assert page.status == 400
    assert "write a date as 2027-05-31" in page


def test_a_save_that_changes_nothing_leaves_no_entry(admin: Visitor, server: Server) -> None:
    def entries() -> int:
        return len(server.request("GET", "/v1/admin/audit", scope="admin").json()["audit"])

    settings = {"locale": "en", "zone": "Asia/Tokyo"}
    alias = {"source_id": "arn:same", "alias_agent": "sam"}
    sign_in = {"issuer": "https://same.example", "client_id": "c", "provider": "oidc"}

    def save() -> None:
        admin.submit("/admin/settings", settings)
        admin.submit("/admin/agents/aliases", alias)
        server.request("PUT", "/v1/admin/sign-in", sign_in, scope="admin")
        text = {"content-type": "text/plain"}
        rules = "https://same.example"
        server.request("PUT", "/v1/admin/domains", rules, scope="admin", headers=text)

    save()
    before = entries()
    save()
    assert entries() == before
    admin.submit("/admin/settings", {"locale": "", "zone": ""})
    server.request("PUT", "/v1/admin/sign-in", {}, scope="admin")
    assert entries() == before + 2


def test_differences_show_what_changed_with_a_little_around_it() -> None:
    before = "\n".join(str(number) for number in range(20))
    after = before.replace("\n10\n", "\nten\n")
    assert [(line.kind, line.text) for line in differences.lines(before, after)] == [
        ("gap", ""),
        ("same", "8"),
        ("same", "9"),
        ("gone", "10"),
        ("new", "ten"),
        ("same", "11"),
        ("same", "12"),
    ]
    assert differences.lines("a\r\nb", "a\nb") == []
    assert differences.lines("a\nb\n", "a\nb") == []
    assert [line.kind for line in differences.lines("a\n\n", "a\n")] == ["same", "gone"]
    many = "x\n" * (differences.LONGEST + 1)
    assert [(line.kind, line.text, line.count) for line in differences.lines("", many)] == [
        ("gone", "", 0),
        ("new", "", differences.LONGEST + 1),
    ]
    assert differences.readable('{"b":1,"a":[2]}').startswith('{\n  "b": 1')
    assert differences.readable("{no json") == "{no json"


@given(st.text(alphabet="ab\n", max_size=30), st.text(alphabet="ab\n", max_size=30))
def test_differences_hold_every_new_and_every_lost_line(before: str, after: str) -> None:
    found = differences.lines(before, after)
    if before == after:
        assert found == []
    new = [line.text for line in found if line.kind == "new"]
    gone = [line.text for line in found if line.kind == "gone"]
    assert len(new) - len(gone) == _count(after) - _count(before)


def _count(text: str) -> int:
    return len(text.removesuffix("\n").split("\n")) if text else 0
