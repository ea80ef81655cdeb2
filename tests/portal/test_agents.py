"""The portal shows who is connected and who has signed in; an admin links, confirms, signs out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from websockets.typing import Origin

from adapter.identity.people import Person
from adapter.store import people
from adapter.tenants import Tenant
from tests import principals
from tests.portal.visitor import Page, Visitor
from tests.server import PANEL, Feed, Server, eventually


def signed_in_panel(server: Server, agent: str, panel: str) -> Feed:
    """Open a panel as a browser does that a feed key's ticket signs in."""
    answer = server.request("POST", "/v1/feed/ticket", {"agent": agent}, scope="feed")
    feed = server.connect(protocol=PANEL, scope=None, origin=Origin(server.url))
    feed.say(
        kind="hello",
        ticket=answer.json()["ticket"],
        version="9.8.7",
        panel=panel,
        visible=True,
        ancestors=["https://contoso.crm4.dynamics.com"],
    )
    assert feed.until("welcome")["agent"] == agent
    feed.until("screenpop.snapshot")
    return feed


def add_person(server: Server, name: str, tenant: str = "default", **more: Any) -> str:
    """Store a person as if they had signed in; give the id."""
    now = datetime.now(UTC)
    with server.office() as office, office.database.transaction() as cursor:
        person = Person(
            id=people.new_id(),
            tenant=Tenant(tenant),
            directory=more.pop("directory", "directory-1"),
            subject=more.pop("subject", name),
            name=name,
            created=now,
            seen=now,
            **more,
        )
        people.put(cursor, person)
    return person.id


def person(server: Server, person_id: str, tenant: str = "default") -> Person:
    with server.office() as office:
        found = people.get(office.database.raw.cursor(), Tenant(tenant), person_id)
    assert found is not None
    return found


def test_a_connected_panel_is_shown_with_its_page_and_version(
    supervisor: Visitor, server: Server
) -> None:
    feed = signed_in_panel(server, "connie", "p-1")
    page = supervisor.get("/admin/agents")
    for word in ("connie", "9.8.7", "https://contoso.crm4.dynamics.com", "in sight"):
        assert word in page, word
    feed.say(kind="presence", visible=False)
    feed.sync()
    assert "hidden" in supervisor.get("/admin/agents")
    feed.close()
    eventually(
        lambda: "connie" not in supervisor.get("/admin/agents"), "the panel is gone from the list"
    )


def test_a_wallboard_is_shown_with_its_key(supervisor: Visitor, server: Server) -> None:
    feed = server.connect("*")
    feed.next()
    page = supervisor.get("/admin/agents")
    assert "Wallboard" in page
    assert "everybody's contacts" in page
    assert "key test" in page


def test_an_agent_is_signed_out_at_once(admin: Visitor, server: Server) -> None:
    feed = signed_in_panel(server, "leo", "p-1")
    asked = admin.get("/admin/agents/sign-out?agent=LEO")
    assert "Sign leo out?" in asked
    assert "1 panel is closed at once" in asked
    done = admin.submit("/admin/agents/sign-out", {"agent": "leo"})
    assert "leo is signed out." in done
    assert feed.close_code() == 4401
    assert "leo" in admin_audit(server)


def test_a_source_name_is_added_changed_and_removed(admin: Visitor, server: Server) -> None:
    fields = {"source_id": "arn:aws:alias-1", "alias_agent": "mia"}
    page = admin.submit("/admin/agents/aliases", fields)
    assert "arn:aws:alias-1 stands for mia now." in page
    server.report("offered", "alias-c-1", agent="ARN:aws:alias-1")
    assert "mia" in admin.get("/admin/contacts?q=alias-c-")
    page = admin.submit("/admin/agents/aliases", {**fields, "alias_agent": "Noa"})
    assert "arn:aws:alias-1 stands for noa now." in page
    page = admin.submit("/admin/agents/aliases/remove", {"source_id": "arn:aws:alias-1"})
    assert "stands for itself now." in page
    assert "arn:aws:alias-1" not in page.html.split("aliases", 1)[1].split("<form", 1)[0]
    again = admin.submit("/admin/agents/aliases/remove", {"source_id": "arn:aws:alias-1"})
    assert again.status == 404
    assert "alias arn:aws:alias-1 removed" in admin_audit(server)


def test_a_source_name_without_an_agent_is_refused_at_its_field(admin: Visitor) -> None:
    page = admin.submit("/admin/agents/aliases", {"source_id": "arn:x", "alias_agent": ""})
    assert page.status == 422
    assert "Name another agent, as they sign in." in page
    assert page.value("source_id") == "arn:x"
    same = admin.submit("/admin/agents/aliases", {"source_id": "Ann", "alias_agent": "ann"})
    assert same.status == 422


def test_a_proposal_is_confirmed_alone_or_with_its_directory(
    admin: Visitor, server: Server
) -> None:
    one = add_person(server, "Pia", directory="d-1", proposed="pia")
    two = [add_person(server, f"Pat {n}", directory="d-2", proposed=f"pat{n}") for n in (1, 2)]
    page = admin.get("/admin/agents")
    assert "Waiting for you" in page
    assert {one, *two}.issubset(page.values["person"])
    assert "Confirm all 2 of this directory" in page
    page = admin.submit("/admin/agents/confirm", {"person": one})
    assert "1 person is confirmed." in page
    assert person(server, one).agent == "pia"
    assert person(server, two[0]).agent is None
    page = admin.submit("/admin/agents/confirm", {"directory": "d-2"})
    assert "2 people are confirmed." in page
    assert [person(server, each).agent for each in two] == ["pat1", "pat2"]
    waiting = admin.get("/admin/agents").values.get("person", [])  # other tests' people may be
    assert {one, *two}.isdisjoint(waiting)


def test_a_directory_is_confirmed_but_for_those_in_doubt(admin: Visitor, server: Server) -> None:
    now = datetime.now(UTC)
    add_person(server, "Holder", directory="d-other", agent="taken")
    sure = add_person(server, "Sure", directory="d-3", proposed="sure")
    doubtful = [
        add_person(server, "Gone", directory="d-3", proposed="gone", revoked=now),
        add_person(server, "Taken", directory="d-3", proposed="taken"),
        add_person(server, "Twin 1", directory="d-3", proposed="twin"),
        add_person(server, "Twin 2", directory="d-3", proposed="Twin"),
    ]
    page = admin.submit("/admin/agents/confirm", {"directory": "d-3"})
    assert "1 person is confirmed. 1 is left, being locked out. 1 is left: somebody is" in page
    assert "2 are left: several would become the same agent." in page
    assert person(server, sure).agent == "sure"
    assert [person(server, each).agent for each in doubtful] == [None] * 4
    answer = server.request("POST", "/v1/admin/people/confirm", {"tid": "d-3"}, scope="admin")
    told = answer.json()
    assert told["people"] == []
    assert {each["person"]["name"]: each["reason"] for each in told["left"]} == {
        "Gone": "revoked",
        "Taken": "agent-taken",
        "Twin 1": "proposed-twice",
        "Twin 2": "proposed-twice",
    }
    page = admin.submit("/admin/agents/confirm", {"person": doubtful[1]})
    assert "Somebody is taken already" in page
    assert "d-other" in page
    assert person(server, doubtful[1]).agent is None
    shared = {"person": page.value("person"), "shared": page.value("shared")}
    assert "1 person is confirmed." in admin.submit("/admin/agents/confirm", shared)
    assert person(server, doubtful[1]).agent == "taken"
    admin.submit("/admin/agents/confirm", {"person": doubtful[2]})  # alone it is a decision
    assert person(server, doubtful[2]).agent == "twin"


def test_an_agent_that_somebody_is_already_is_typed_twice(admin: Visitor, server: Server) -> None:
    add_person(server, "First Holder", directory="d-first", agent="held")
    made = add_person(server, "Second Holder")
    path = f"/admin/agents/people/{made}"
    page = admin.submit(path, {"do": "save", "agent": "Held"})
    assert page.status == 422
    assert "First Holder (d-first): already this agent." in page
    assert person(server, made).agent is None
    admin.submit(path, {"do": "save", "agent": "Held", "shared": page.value("shared")})
    assert person(server, made).agent == "held"


def test_people_of_one_name_are_told_apart(admin: Visitor, server: Server) -> None:
    one = "0f8fad5b-d9cb-469f-a165-70867728950e"
    for subject, directory in ((one, "d-same-1"), ("short-id", "d-same-2")):
        add_person(server, "Sam Same", subject=subject, directory=directory)
    page = admin.get("/admin/agents")
    for words in ("id 0f8fad5b…28950e", "id short-id", "directory d-same-1", "directory d-same-2"):
        assert words in page, words


def test_people_of_a_directory_that_may_come_no_more_are_marked(
    admin: Visitor, server: Server
) -> None:
    add_person(server, "Former", directory="https://old.example")
    assert "directory not allowed" not in admin.get("/admin/agents")
    held = {"issuer": "https://new.example", "client_id": "c", "provider": "oidc"}
    server.request("PUT", "/v1/admin/sign-in", held, scope="admin")
    try:
        assert "directory not allowed" in admin.get("/admin/agents")
    finally:
        server.request("PUT", "/v1/admin/sign-in", {}, scope="admin")


def test_saving_roles_settles_no_proposal(admin: Visitor, server: Server) -> None:
    made = add_person(server, "Prue", proposed="prue")
    path = f"/admin/agents/people/{made}"
    page = admin.get(path)
    assert page.value("agent") == ""
    assert "Proposed: prue." in page
    assert "Confirm that Prue is prue" in page
    admin.submit(path, {"do": "save", "role": "agent", "agent": page.value("agent")})
    saved = person(server, made)
    assert (saved.agent, saved.proposed, saved.given_roles) == (None, "prue", frozenset(("agent",)))
    assert page.value("person") == made
    admin.submit("/admin/agents/confirm", {"person": page.value("person")})
    assert person(server, made).agent == "prue"
    assert "Proposed: prue." not in admin.get(path)


def test_roles_and_agent_of_a_person_are_changed(admin: Visitor, server: Server) -> None:
    made = add_person(server, "Rosa", token_roles=frozenset(("agent",)))
    path = f"/admin/agents/people/{made}"
    assert "Roles by the directory" in admin.get(path)
    page = admin.submit(path, {"do": "save", "role": ["supervisor", "agent"], "agent": "Rosa R"})
    assert "Rosa: saved." in page
    changed = person(server, made)
    assert changed.given_roles == frozenset(("supervisor", "agent"))
    assert changed.agent == "rosa r"
    admin.submit(path, {"do": "save", "agent": ""})
    changed = person(server, made)
    assert (changed.given_roles, changed.agent) == (frozenset(), None)
    wrong = admin.submit(path, {"do": "save", "role": "emperor", "agent": ""})
    assert wrong.status == 422
    assert "emperor" in wrong


def test_a_person_is_locked_out_and_let_in_again(admin: Visitor, server: Server) -> None:
    cookie = principals.sign_in(server, "supervisor", name="Lou Locked")
    with server.office() as office:
        cursor = office.database.raw.cursor()
        found = people.find(cursor, Tenant("default"), "tests", "Lou Locked")
    assert found is not None
    path = f"/admin/agents/people/{found.id}"
    with Visitor(server, cookie) as lou:
        assert lou.get("/admin/contacts").status == 200
        assert "Lou Locked is locked out." in admin.submit(path, {"do": "revoke"})
        assert lou.send("GET", "/admin/contacts").status_code == 303
        assert "locked out" in admin.get(path)
        assert "may sign in again" in admin.submit(path, {"do": "restore"})
        assert lou.send("GET", "/admin/contacts").status_code == 303  # that session is over


def test_an_admin_cannot_lock_themselves_out(admin: Visitor, server: Server) -> None:
    with server.office() as office:
        cursor = office.database.raw.cursor()
        me = people.find(cursor, Tenant("default"), "tests", "Ada Admin")
    assert me is not None
    path = f"/admin/agents/people/{me.id}"
    for fields in ({"do": "revoke"}, {"do": "save", "role": "agent", "agent": ""}):
        page = admin.submit(path, fields)
        assert page.status == 422
        assert "ask another administrator" in page
    assert person(server, me.id).roles == {"admin"}


def test_a_supervisor_changes_nothing(supervisor: Visitor, server: Server) -> None:
    made = add_person(server, "Stan", proposed="stan")
    page = supervisor.get("/admin/agents")
    assert page.status == 200
    assert "Confirm" not in page.html.replace("Confirmed", "")
    for path, fields in (
        ("/admin/agents/confirm", {"person": made}),
        ("/admin/agents/aliases", {"source_id": "a", "alias_agent": "b"}),
        ("/admin/agents/aliases/remove", {"source_id": "a"}),
        ("/admin/agents/sign-out", {"agent": "stan"}),
        (f"/admin/agents/people/{made}", {"do": "revoke"}),
    ):
        assert supervisor.submit(path, fields).status == 403, path
    assert supervisor.get(f"/admin/agents/people/{made}").status == 403
    assert person(server, made).agent is None


def test_what_people_are_called_is_text_and_no_markup(admin: Visitor, server: Server) -> None:
    evil = "<script>alert(1)</script>"
    made = add_person(server, evil, email=evil, proposed="x", directory=evil)
    for page in (admin.get("/admin/agents"), admin.get(f"/admin/agents/people/{made}")):
        assert page.status == 200
        assert "<script>alert" not in page.html


def test_in_japanese_too(admin: Visitor) -> None:
    page = admin.get("/admin/agents", accept_language="ja")
    assert "ソースでの名前" in page


def test_another_tenants_people_agents_and_names_are_out_of_reach(two: Server) -> None:
    theirs = add_person(two, "Theirs", "fabrikam", proposed="theirs", directory="shared")
    with two.office() as office:
        office.alias("fabrikam", "theirs", "arn:theirs")
    head = {"Host": "fabrikam.screenpop.example"}
    feed = two.connect("theirs", tenant="fabrikam", protocol=PANEL, headers=head)
    feed.until("screenpop.snapshot")
    host = "contoso.screenpop.example"
    with Visitor(two, principals.sign_in_as_admin(two, "contoso"), host=host) as visitor:
        own = {"origin": f"http://{host}"}
        assert no_trace(visitor.get("/admin/agents"))
        assert visitor.get(f"/admin/agents/people/{theirs}").status == 404
        for path, fields in (
            ("/admin/agents/confirm", {"directory": "shared"}),
            ("/admin/agents/confirm", {"person": theirs}),
            (f"/admin/agents/people/{theirs}", {"do": "revoke"}),
            ("/admin/agents/sign-out", {"agent": "theirs"}),
            ("/admin/agents/aliases/remove", {"source_id": "arn:theirs"}),
        ):
            visitor.submit(path, fields, **own)
    kept = person(two, theirs, "fabrikam")
    assert (kept.agent, kept.revoked) == (None, None)
    feed.sync()  # still open
    with two.office() as office:
        assert [each.source_id for each in office.aliases("fabrikam")] == ["arn:theirs"]


def no_trace(page: Page) -> bool:
    return page.status == 200 and "heirs" not in page.html


def admin_audit(server: Server) -> str:
    return server.request("GET", "/v1/admin/audit", scope="admin").text
