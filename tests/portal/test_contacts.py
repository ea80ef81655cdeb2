"""Contacts are listed, found and told of in the portal, each tenant's to itself."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests import principals
from tests.portal.visitor import Page, Visitor
from tests.server import POLICY, RECORD, Server, eventually

PHONE = "+493023125101"


def ids(page: Page) -> list[str]:
    """Give the ids of the contacts that a page lists, in their order."""
    return re.findall(r'href="/admin/contacts/story\?id=([^"&]+)"', page.html)


def test_the_latest_changed_contact_is_first(supervisor: Visitor, server: Server) -> None:
    for contact in ("order-1", "order-2"):
        server.report("offered", contact, agent="orderly")
    assert ids(supervisor.get("/admin/contacts?agent=orderly")) == ["order-2", "order-1"]
    server.report("ended", "order-1", agent="orderly")
    assert ids(supervisor.get("/admin/contacts?agent=orderly")) == ["order-1", "order-2"]


def test_a_row_says_who_what_and_how_far(supervisor: Visitor, server: Server) -> None:
    customer = {"name": "Maria Weber", "phone": PHONE}
    server.report("answered", "row-1", agent="rowan", customer=customer)
    page = supervisor.get("/admin/contacts?agent=rowan")
    for word in ("Maria Weber", PHONE, "Answered", "rowan", "Call, inbound"):
        assert word in page, word


@pytest.mark.parametrize(
    "query",
    [
        {"q": "seek-1"},
        {"q": "030 555 77 01"},
        {"q": "+49 (30) 55577"},
        {"q": "petra"},
        {"agent": "SEEKER", "stage": "offered"},
        {"agent": "seeker", "q": "5557701"},
    ],
    ids=str,
)
def test_a_contact_is_found(supervisor: Visitor, server: Server, query: dict[str, str]) -> None:
    server.report(
        "offered",
        "the/seek-1?x",
        agent="seeker",
        customer={"phone": "+49305557701", "name": "Petra Pan"},
    )
    server.report("ended", "other-1", agent="seeker", customer={"phone": "+4930999"})
    text = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    assert ids(supervisor.get(f"/admin/contacts?{text}")) == ["the%2Fseek-1%3Fx"]


def test_nothing_found_says_so(supervisor: Visitor) -> None:
    assert "No contact is like this." in supervisor.get("/admin/contacts?q=nobody-of-this-name")


def test_a_whole_id_leads_to_the_story(supervisor: Visitor, server: Server) -> None:
    server.report("offered", "a/b c", agent="alice")
    page = supervisor.get("/admin/contacts?q=" + quote("a/b c", safe=""))
    assert "Contact a/b c" in page
    assert "Ringing" in page


@pytest.mark.parametrize("query", ["stage=nonsense", "q=" + "x" * 513, "agent=" + "x" * 513])
def test_a_search_that_cannot_be_is_refused_in_words(supervisor: Visitor, query: str) -> None:
    page = supervisor.get(f"/admin/contacts?{query}")
    assert page.status == 400


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "", "1e3", "٣"])
def test_a_page_that_cannot_be_is_the_first(supervisor: Visitor, before: str) -> None:
    assert supervisor.get(f"/admin/contacts?before={quote(before)}").status == 200


def test_pages_lead_from_the_newest_to_the_oldest(supervisor: Visitor, server: Server) -> None:
    events = [server.event("offered", f"page-{n:03}", agent="pagina") for n in range(120)]
    assert server.post(*events).status_code == 202
    listed: list[str] = []
    path = "/admin/contacts?agent=pagina"
    for _ in range(3):
        page = supervisor.get(path)
        listed += ids(page)
        path = next((each for each in page.links if "before=" in each), "")
    assert path == ""
    assert listed == [f"page-{n:03}" for n in range(119, -1, -1)]


def test_the_story_tells_from_received_to_opened(supervisor: Visitor, server: Server) -> None:
    assert server.request("PUT", "/v1/admin/pop-policy", POLICY, scope="admin").status_code == 200
    panel = server.panel("storyteller", "p1")
    panel.until("screenpop.snapshot")
    contact = "story-1"
    server.answer("storyteller", contact, customer={"phone": PHONE})
    pop = panel.until("screenpop.pop")
    panel.outcome(pop["data"]["pop"], "opened", rung="tab")

    def told() -> Page | None:
        page = supervisor.get(f"/admin/contacts/story?id={contact}")
        return page if "Pushed to the panel" in page else None

    page = eventually(told, "the line of the push, which is written a moment later")
    for word in ("Received", "Stored", "Matched", "Opened", PHONE, "storyteller", "ms"):
        assert word in page, word
    assert RECORD in page.html


def test_a_story_of_nobody_is_a_page_that_says_so(supervisor: Visitor) -> None:
    assert supervisor.get("/admin/contacts/story?id=no-such").status == 404
    assert supervisor.get("/admin/contacts/story").status == 404


def test_what_a_source_says_is_text_and_no_markup(supervisor: Visitor, server: Server) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x>"
    server.report(
        "answered",
        evil,
        agent="evil",
        customer={"name": evil, "phone": evil},
        queue=evil,
        attributes={evil: evil},
    )
    for path in ("/admin/contacts?agent=evil", f"/admin/contacts/story?id={quote(evil, safe='')}"):
        page = supervisor.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.html
        assert "<img src=x" not in page.html


def test_what_a_source_says_turns_no_text(supervisor: Visitor, server: Server) -> None:
    server.report(
        "answered",
        "turned",
        agent="turned",
        customer={"name": "\u202egnp.exe\u2066"},
        queue="\u202equeue",
        attributes={"\u202ename": "\u202evalue"},
    )
    for path in ("/admin/contacts?agent=turned", "/admin/contacts/story?id=turned"):
        page = supervisor.get(path)
        assert "gnp.exe" in page
        assert not {"\u202e", "\u2066"} & set(page.html)


def test_the_script_gets_rows_only_when_something_has_changed(
    supervisor: Visitor, server: Server
) -> None:
    server.report("offered", "live-1", agent="liv")
    first = supervisor.send("GET", "/admin/contacts/rows?agent=liv&since=0")
    assert first.status_code == 200
    assert first.text.lstrip().startswith("<tr")
    assert "live-1" in first.text
    sequence = first.headers["x-sequence"]
    assert 0 <= float(first.headers["x-ask-again-after"]) < 20  # twenty times what it has taken
    same = supervisor.send("GET", f"/admin/contacts/rows?agent=liv&since={sequence}")
    assert same.status_code == 204
    server.report("answered", "live-1", agent="liv")
    news = supervisor.send("GET", f"/admin/contacts/rows?agent=liv&since={sequence}")
    assert news.status_code == 200
    assert "Answered" in news.text
    story = supervisor.send("GET", f"/admin/contacts/story/lines?id=live-1&since={sequence}")
    assert story.status_code == 200
    assert "<html" not in story.text


def test_in_japanese_too(supervisor: Visitor, server: Server) -> None:
    server.report("offered", "ja-1", agent="haruka")
    page = supervisor.get("/admin/contacts?agent=haruka", accept_language="ja")
    assert "着信中" in page
    story = supervisor.get("/admin/contacts/story?id=ja-1", accept_language="ja")
    assert "パネルに送信" in story or "受信" in story


def test_two_tenants_with_the_same_contact_see_their_own(two: Server) -> None:
    for tenant, name in (("contoso", "Connie"), ("fabrikam", "Fabian")):
        answer = two.post(
            two.event("offered", "c-1", id="e-1", agent="alice", customer={"name": name}),
            tenant=tenant,
            headers={"Host": f"{tenant}.screenpop.example"},
        )
        assert answer.status_code == 202, answer.text
    secret = two.post(
        two.event("offered", "only-fabrikams", agent="alice", customer={"phone": PHONE}),
        tenant="fabrikam",
        headers={"Host": "fabrikam.screenpop.example"},
    )
    assert secret.status_code == 202
    cookie = principals.sign_in(two, "supervisor", tenant="contoso")
    with Visitor(two, cookie, host="contoso.screenpop.example") as visitor:
        for path in (
            "/admin/contacts",
            "/admin/contacts?q=fabian",
            "/admin/contacts/rows?since=0",
            "/admin/contacts/story?id=c-1",
            "/admin/contacts/story/lines?id=c-1&since=0",
        ):
            page = visitor.get(path)
            assert page.status == 200
            assert "Fabian" not in page.html, path
            assert "only-fabrikams" not in page.html
        assert "Connie" in visitor.get("/admin/contacts")
        assert visitor.get("/admin/contacts/story?id=only-fabrikams").status == 404
        assert visitor.get("/admin/contacts?q=only-fabrikams").status == 200
    with Visitor(two, cookie, host="fabrikam.screenpop.example") as visitor:
        assert visitor.send("GET", "/admin/contacts").status_code == 303
