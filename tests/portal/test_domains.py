"""Edit the allowed domains in the portal, as an admin without scripts and as the page's script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapter import credentials
from adapter.store import sessions
from adapter.store.sessions import StoredSession
from adapter.tenants import Tenant
from tests import principals
from tests.feed.local import Local
from tests.portal.visitor import Page, Visitor
from tests.server import Server, eventually

PATH = "/admin/domains"
CONTOSO = "https://contoso.crm4.dynamics.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server whose rules are these tests' own."""
    with Server(tmp_path_factory.mktemp("domains")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Visitor]:
    with Visitor(server, principals.sign_in_as_admin(server)) as visitor:
        yield visitor


@pytest.fixture(autouse=True)
def nothing_allowed(server: Server) -> None:
    """Begin each test without rules and without panels."""
    text = {"content-type": "text/plain"}
    answer = server.request("PUT", "/v1/admin/domains", "", scope="admin", headers=text)
    assert answer.status_code == 200
    with server.office() as office, office.database.transaction() as cursor:
        cursor.execute("DELETE FROM sessions WHERE kind='panel'")


def save(admin: Visitor, text: str, version: str | None = None, **more: str) -> Page:
    """Open the page, type a text and press Save (with the version of another page, if given)."""
    version = admin.get(PATH).value("version") if version is None else version
    return admin.submit(PATH, {"text": text, "version": version, "do": "save", **more})


def test_rules_are_tried_before_they_count(admin: Visitor, server: Server) -> None:
    other = "https://fabrikam.crm4.dynamics.com"
    save(admin, f"{CONTOSO}\n{other}")
    page = save(admin, CONTOSO, do="trial")
    assert "The rules are on trial" in page
    assert "Nobody would have been refused so far" in page
    assert rules(server) == f"{CONTOSO}\n{other}"
    asked = {"ancestors": [other]}
    answer = server.request("POST", "/v1/embedder", asked, headers={"X-Screenpop": "1"})
    assert answer.status_code == 200
    eventually(lambda: "Who would be refused" in admin.get(PATH), "it is listed")
    # Into the editor, and from there into force by the button that saves every text.
    editing = admin.get(f"{PATH}?trial=1")
    assert editing.value("text") == CONTOSO
    assert "Not saved yet" in editing
    assert "Rules on trial" not in save(admin, CONTOSO, confirmed="1")
    assert rules(server) == CONTOSO


def test_a_trial_is_ended_and_nothing_is_no_trial(admin: Visitor, server: Server) -> None:
    save(admin, CONTOSO)
    assert save(admin, "", do="trial").status == 422
    assert save(admin, "https://*", do="trial").status == 422
    save(admin, f"{CONTOSO}:8443", do="trial")
    page = admin.submit(f"{PATH}/trial/end", {"do": "end"})
    assert "The trial has ended" in page
    assert "Rules on trial" not in admin.get(PATH)
    assert rules(server) == CONTOSO
    assert "domains on trial" in admin.get("/admin/audit")


def rules(server: Server) -> str:
    return server.request("GET", "/v1/admin/domains", scope="admin").text


def a_panel_in(
    server: Server, embedder: str, agent: str | None = "alice", person: str | None = None
) -> None:
    """Let there be a panel's session that began inside of a page."""
    with server.office() as office, office.database.transaction() as cursor:
        sessions.add(cursor, session_in(embedder, agent, person))


def session_in(embedder: str, agent: str | None, person: str | None = None) -> StoredSession:
    now = datetime.now(UTC)
    return StoredSession(
        digest=credentials.digest(credentials.new_bearer()),
        tenant=Tenant("default"),
        agent=agent,
        person=person,
        embedder=embedder,
        origin="demo",
        created=now,
        expires=now + timedelta(hours=1),
    )


def test_what_is_saved_is_in_force_and_in_the_audit_log(server: Server, admin: Visitor) -> None:
    page = save(admin, f"{CONTOSO}\r\n*.example.com\r\n")
    assert "Saved: 2 rules are in force." in page
    assert rules(server) == f"{CONTOSO}\n*.example.com\n"
    latest = server.request("GET", "/v1/admin/audit", scope="admin").json()["audit"][0]
    assert (latest["who"], latest["what"]) == ("Ada Admin <ada@contoso.example>", "domains")
    assert latest["after"] == f"{CONTOSO}\n*.example.com\n"


def test_a_bad_line_is_named_and_what_was_typed_stays(server: Server, admin: Visitor) -> None:
    page = save(admin, f"{CONTOSO}\n\nhttps://contoso.example/path\n*\n")
    assert page.status == 422
    assert page.value("text") == f"{CONTOSO}\n\nhttps://contoso.example/path\n*\n"
    told = page.html.partition('id="errors"')[2]
    assert "Line 3 <code>https://contoso.example/path</code>: a rule ends after the domain" in told
    assert "Line 4 <code>*</code>: a wildcard needs a domain after it" in told
    assert "`" not in page.text
    assert "#text" in page.links
    assert rules(server) == ""


def test_a_header_that_is_too_long_is_refused(admin: Visitor) -> None:
    page = save(admin, "\n".join(f"https://host-{n}.example.com" for n in range(400)))
    assert page.status == 422
    assert "more than the 8000 that proxies and browsers carry" in page


def test_warnings_stand_at_their_line(admin: Visitor) -> None:
    page = save(admin, "*.crm4.dynamics.com\n*.com")
    assert "Perhaps not what you mean" in page
    assert "every customer of Dynamics 365 (Europe, Middle East and Africa) has a host" in page
    assert "anyone can register a name under com : every such site may embed" in page


def test_a_page_can_be_tried_against_what_is_typed(admin: Visitor) -> None:
    save(admin, CONTOSO)
    typed = {"text": "https://*.crm4.dynamics.com", "do": "try"}
    page = admin.submit(PATH, {**typed, "origin": "https://fabrikam.crm4.dynamics.com"})
    assert "https://fabrikam.crm4.dynamics.com may show the panel" in page
    assert "Not saved yet" in page
    page = admin.get(f"{PATH}?origin=https://fabrikam.crm4.dynamics.com")
    assert "https://fabrikam.crm4.dynamics.com may not show the panel" in page
    assert "This line would allow it: https://fabrikam.crm4.dynamics.com" in page


def test_the_header_is_shown_as_browsers_get_it(server: Server, admin: Visitor) -> None:
    page = save(admin, CONTOSO)
    sent = server.http.get(server.url + "/").headers["content-security-policy"]
    shown = f"frame-ancestors 'self' {CONTOSO}"
    assert f"Content-Security-Policy: {shown}" in page
    assert shown in sent


@pytest.mark.parametrize(
    ("system", "organisation", "lines"),
    [
        ("crm4.dynamics.com", "Contoso", "https://contoso.crm4.dynamics.com\n"),
        ("crm.microsoftdynamics.us", "contoso", "https://contoso.crm.microsoftdynamics.us\n"),
        (
            "crm.dynamics.com",
            "https://contoso.crm11.dynamics.com/main.aspx?appid=1",
            "https://contoso.crm11.dynamics.com\n",
        ),
        (
            "salesforce",
            "contoso",
            "https://contoso.my.salesforce.com\nhttps://contoso.lightning.force.com\n",
        ),
        ("zendesk", "contoso", "https://contoso.zendesk.com\n"),
        ("kustomer", "contoso.kustomerapp.com", "https://contoso.kustomerapp.com\n"),
    ],
)
def test_a_preset_inserts_the_exact_hosts_of_one_organization(
    server: Server, admin: Visitor, system: str, organisation: str, lines: str
) -> None:
    wanted = {"system": system, "organisation": organisation}
    page = admin.submit(PATH, {"text": "", "do": "preset", **wanted})
    assert page.value("text") == lines
    assert "Not saved yet" in page
    assert rules(server) == ""


@pytest.mark.parametrize(
    "organisation", ["", "*", "con toso", "https://contoso.example/", "a/../b"]
)
def test_a_preset_needs_the_name_of_one_organization(admin: Visitor, organisation: str) -> None:
    wanted = {"system": "zendesk", "organisation": organisation}
    page = admin.submit(PATH, {"text": "typed", "do": "preset", **wanted})
    assert page.status == 422
    assert page.value("text") == "typed"
    assert "#organisation" in page.links


def test_who_would_be_cut_off_is_said_before_it_is_saved(server: Server, admin: Visitor) -> None:
    save(admin, f"{CONTOSO}\nhttps://fabrikam.example")
    a_panel_in(server, f"{CONTOSO} https://fabrikam.example", "alice")
    a_panel_in(server, "https://fabrikam.example", "bob")
    a_panel_in(server, "top", "carol")
    page = save(admin, CONTOSO)
    assert "Save these rules?" in page
    assert "https://fabrikam.example" in page
    assert "alice, bob" in page
    assert "carol" not in page
    assert "fabrikam" in rules(server)
    fields = {name: page.value(name) for name in ("text", "version", "confirmed")}
    page = admin.submit(PATH, {**fields, "do": "save"})
    assert "Saved: 1 rule is in force." in page
    assert rules(server).strip() == CONTOSO


def test_a_line_end_behind_the_last_line_is_no_change(server: Server, admin: Visitor) -> None:
    save(admin, f"{CONTOSO}\nhttps://fabrikam.example\n")
    page = save(admin, f"{CONTOSO}\nhttps://fabrikam.example")
    assert "Nothing was changed" in page
    assert "Not saved yet" not in save(admin, f"{CONTOSO}\nhttps://fabrikam.example", do="check")
    a_panel_in(server, "https://fabrikam.example", "bob")
    page = save(admin, CONTOSO)
    assert page.html.count("<del>") == 1
    assert "- https://fabrikam.example" in page


def test_somebody_without_an_agents_name_is_cut_off_by_their_own(
    server: Server, admin: Visitor
) -> None:
    save(admin, f"{CONTOSO}\nhttps://fabrikam.example")
    principals.sign_in(server, "supervisor", name="Nora New")
    with server.office() as office:
        person = next(each.id for each in office.people("default") if each.name == "Nora New")
    a_panel_in(server, "https://fabrikam.example", None, person)
    page = save(admin, CONTOSO)
    assert "Nora New" in page
    assert " ? " not in page.text


def test_taking_the_last_rule_away_is_asked_about(server: Server, admin: Visitor) -> None:
    save(admin, CONTOSO)
    page = save(admin, "")
    assert "no page may show the panel" in page
    assert rules(server) == CONTOSO


def test_two_admins_do_not_overwrite_each_other(server: Server, admin: Visitor) -> None:
    version = admin.get(PATH).value("version")
    save(admin, "https://theirs.example", version)
    page = save(admin, "https://mine.example", version)
    assert page.status == 409
    assert "Changed by Ada Admin" in page
    assert "+ https://mine.example" in page
    assert "- https://theirs.example" in page
    assert page.value("text") == "https://mine.example"
    assert rules(server) == "https://theirs.example"
    page = save(admin, "https://mine.example", page.value("version"))
    assert "Saved" in page
    assert rules(server) == "https://mine.example"


def test_a_refused_page_is_allowed_by_one_click(server: Server, admin: Visitor) -> None:
    save(admin, "https://*.contoso.example")
    head = {"Sec-Fetch-Dest": "iframe", "Referer": "https://contoso.example/"}
    assert server.http.get(server.url + "/", headers=head).status_code == 403
    eventually(lambda: "https://contoso.example" in admin.get(PATH), "the refusal is listed")
    page = admin.get(PATH)
    assert "does not match the apex contoso.example itself" in page
    page = admin.submit(f"{PATH}/allow", {"origin": "https://contoso.example"})
    assert "https://contoso.example may now show the panel." in page
    assert "allowed now" in page
    assert rules(server) == "https://*.contoso.example\nhttps://contoso.example\n"
    assert server.http.get(server.url + "/", headers=head).status_code == 200


@pytest.mark.parametrize("origin", ["null", "https://192.0.2.1", "", "*", "https://a.example\nb"])
def test_what_no_rule_can_allow_is_not_allowed_by_a_click(
    server: Server, admin: Visitor, origin: str
) -> None:
    assert "No rule can allow this address." in admin.submit(f"{PATH}/allow", {"origin": origin})
    assert rules(server) == ""


def test_the_script_is_told_what_the_typed_text_would_do(server: Server, admin: Visitor) -> None:
    save(admin, CONTOSO)
    a_panel_in(server, CONTOSO)
    body = {"text": "https://a.example\n*.com\n*", "origin": "https://b.example"}
    told = admin.ask(f"{PATH}/check", body).json()
    assert [each["line"] for each in told["problems"]] == [3]
    body["text"] = "*.example.com"
    told = admin.ask(f"{PATH}/check", body).json()
    assert told["header"].startswith("Content-Security-Policy: frame-ancestors 'self'")
    assert told["cut_off"] == [{"origin": CONTOSO, "agents": "alice"}]
    assert told["tried"]["allowed"] is False
    assert [each["line"] for each in told["warnings"]] == [1, 1]
    assert rules(server) == CONTOSO


def test_a_bad_line_hides_no_warning_and_no_answer_of_the_good_ones(admin: Visitor) -> None:
    text = f"no rule at all\n*.co.uk\n{CONTOSO}"
    told = admin.ask(f"{PATH}/check", {"text": text, "origin": CONTOSO}).json()
    assert [each["line"] for each in told["problems"]] == [1]
    assert 2 in {each["line"] for each in told["warnings"]}
    assert told["tried"]["allowed"]
    assert told["tried"]["line"] == 3
    assert not told["header"]
    page = save(admin, text)
    assert page.status == 422
    assert "Perhaps not what you mean" in page


def test_the_check_takes_scripts_of_our_own_page_only(server: Server, admin: Visitor) -> None:
    answer = admin.send("POST", f"{PATH}/check", json={"text": ""})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_supervisor_reads_the_rules_and_changes_nothing(server: Server) -> None:
    cookie = principals.sign_in(server, "supervisor", name="Sue Supervisor")
    with Visitor(server, cookie) as supervisor:
        assert supervisor.get(PATH).status == 200
        assert save(supervisor, CONTOSO).status == 403
        assert "Save" not in supervisor.get(PATH).text.split()
        assert supervisor.submit(f"{PATH}/allow", {"origin": CONTOSO}).status == 403
    assert rules(server) == ""


def test_reasons_are_said_in_japanese(server: Server) -> None:
    cookie = principals.sign_in_as_admin(server)
    with Visitor(server, cookie, **{"accept-language": "ja"}) as admin:
        page = save(admin, "https://contoso.example/path")
    assert "1 行目" in page
    assert "パスは書けません" in page


def test_a_check_of_what_is_typed_reads_no_sessions_and_no_people_again(tmp_path: Path) -> None:
    with Local(tmp_path) as server, Visitor(server, principals.sign_in_as_admin(server)) as admin:
        save(admin, CONTOSO)
        with server.office() as office, office.database.transaction() as cursor:
            for number in range(300):
                sessions.add(cursor, session_in(CONTOSO, f"agent-{number:03}"))
        named = ", ".join(f"agent-{number:03}" for number in range(5))
        cut_off = [{"origin": CONTOSO, "agents": f"{named} and 295 more"}]
        asked: list[str] = []
        for typed in ("https://a", "https://ab", "https://abc"):
            told = admin.ask(f"{PATH}/check", {"text": f"{typed}.example", "origin": ""}).json()
            assert told["cut_off"] == cut_off
            server.services.database.raw.set_trace_callback(asked.append)
        assert admin.get(PATH).status == 200  # in force: nobody can be cut off
        server.services.database.raw.set_trace_callback(None)
        assert not [each for each in asked if "kind='panel'" in each and "embedder" in each]
        assert not [
            each for each in asked if re.search(r"FROM people WHERE tenant='\w+' ORD", each)
        ]
        assert f"{named} …" in save(admin, "https://a.example")
