"""An admin sends a simulated contact and sees what the sources have sent lately."""

from __future__ import annotations

import base64
import json
import re

import pytest

from tests import principals
from tests.portal.visitor import Page, Visitor
from tests.server import POLICY, RECORD, Server

PHONE = "+493023125101"
ADMIN = "Ada Admin <ada@contoso.example>"


def contact_of(page: Page) -> str:
    found = re.search(r"Contact (simulated-[0-9a-f]+)", page.text)
    assert found is not None, page.text[:300]
    return found[1]


def test_a_simulated_contact_rings_is_answered_pops_and_ends(
    admin: Visitor, server: Server
) -> None:
    assert server.request("PUT", "/v1/admin/pop-policy", POLICY, scope="admin").status_code == 200
    panel = server.panel("tryer", "p1")
    panel.until("screenpop.snapshot")
    fields = {
        "agent": "Tryer",
        "channel": "voice",
        "direction": "inbound",
        "phone": PHONE,
        "name": "Maria Weber",
        "attributes": f"CrmId={RECORD}\n\n note = a = b ",
    }
    page = admin.submit("/admin/try-it", fields)
    contact = contact_of(page)
    offered = panel.until("screenpop.contact.offered")["data"]
    assert offered["customer"] == {"phone": PHONE, "name": "Maria Weber"}
    assert offered["attributes"] == {"CrmId": RECORD, "note": "a = b", "screenpopSimulated": "true"}
    assert "simulated" in page
    page = admin.submit("/admin/try-it/go-on", {"contact": contact, "stage": "answered"})
    assert "Answered" in page
    assert panel.until("screenpop.pop")["data"]["open"]
    page = admin.submit("/admin/try-it/go-on", {"contact": contact, "stage": "ended"})
    assert panel.until("screenpop.contact.ended")["data"]["id"] == contact
    assert "Hang up" not in page.text
    assert "simulated" in admin.get("/admin/contacts?agent=tryer")


def test_an_outbound_contact_is_made_and_nobody_is_rung(admin: Visitor, server: Server) -> None:
    panel = server.panel("dialer", "p1")
    panel.until("screenpop.snapshot")
    fields = {"agent": "dialer", "direction": "outbound", "channel": "voice", "phone": PHONE}
    admin.submit("/admin/try-it", fields)
    assert panel.until("screenpop.contact.made")["data"]["direction"] == "outbound"


def test_the_same_button_twice_is_one_event(admin: Visitor, server: Server) -> None:
    contact = contact_of(admin.submit("/admin/try-it", {"agent": "twice"}))
    done = {"contact": contact, "stage": "answered"}
    assert admin.submit("/admin/try-it/go-on", done).status == 200
    again = admin.submit("/admin/try-it/go-on", done)
    assert again.status == 412
    assert "already further on" in again
    trace = server.request("GET", f"/v1/contacts/{contact}/trace", scope="admin").json()["trace"]
    assert len([each for each in trace if "answered (" in each["detail"]]) == 2  # received, stored


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"agent": ""}, "Say which agent gets the contact."),
        ({"agent": "x" * 257}, "This is no agent's name."),
        ({"agent": "*"}, "This is no agent's name."),
        ({"agent": "a", "channel": "pigeon"}, "Choose one of the list."),
        ({"agent": "a", "direction": "up"}, "Choose one of the list."),
        ({"agent": "a", "name": "x" * 257}, "Use at most 256 characters."),
        ({"agent": "a", "attributes": "ok=1\nno value"}, "Line 2: write name=value."),
        ({"agent": "a", "attributes": "\n".join(f"a{n}=1" for n in range(51))}, "at most 50"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_form_with_a_fault_says_so_at_its_field(
    admin: Visitor, fields: dict[str, str], said: str
) -> None:
    page = admin.submit("/admin/try-it", fields)
    assert page.status == 422
    assert said in page


def test_a_real_contact_cannot_be_moved_on_by_hand(admin: Visitor, server: Server) -> None:
    server.report("offered", "real-1", agent="alice")
    page = admin.submit("/admin/try-it/go-on", {"contact": "real-1", "stage": "answered"})
    assert page.status == 404
    assert "Let the agent answer" not in admin.get("/admin/contacts/story?id=real-1")


def test_a_supervisor_sends_nothing_and_sees_no_request(
    supervisor: Visitor, admin: Visitor
) -> None:
    contact = contact_of(admin.submit("/admin/try-it", {"agent": "boss"}))
    assert supervisor.get("/admin/try-it").status == 403
    assert supervisor.submit("/admin/try-it", {"agent": "boss"}).status == 403
    story = supervisor.get(f"/admin/contacts/story?id={contact}")
    assert "Let the agent answer" not in story
    moved = {"contact": contact, "stage": "answered"}
    assert supervisor.submit("/admin/try-it/go-on", moved).status == 403


def test_in_japanese_too(admin: Visitor) -> None:
    assert "模擬コンタクトの送信" in admin.get("/admin/try-it", accept_language="ja")


@pytest.mark.parametrize("number", ["0", "999999", "x", "-1", "9" * 30])
def test_a_request_that_is_gone_says_so(admin: Visitor, number: str) -> None:
    page = admin.get(f"/admin/try-it/requests/{number}")
    assert page.status == 404
    assert "no longer kept" in page


def newest(admin: Visitor, source: str) -> str:
    """Give the address of the newest request of a source."""
    html = admin.get("/admin/try-it").html
    part = html[html.index(f"<h3>{source}</h3>") :]
    found = re.search(r"/admin/try-it/requests/\d+", part)
    assert found is not None
    return found[0]


def test_a_request_is_shown_without_the_person_until_an_admin_asks(
    admin: Visitor, server: Server
) -> None:
    customer = {"phone": PHONE, "name": "Maria Weber"}
    server.report("offered", "raw-1", agent="raw", customer=customer, attributes={"t": "Weber"})
    assert PHONE not in admin.get("/admin/try-it").html
    path = newest(admin, "cloudevents")
    page = admin.get(path)
    for word in ("raw-1", "raw", "Ringing", "1 taken", "urn:test", "application/cloudevents+json"):
        assert word in page, word
    for hidden in (PHONE, "23125101", "Maria", server.secret("ingest")):
        assert hidden not in page.html, hidden
    revealed = admin.submit(path, {"form-token": ""})
    assert PHONE in revealed
    assert "Maria Weber" in revealed
    assert server.secret("ingest") not in revealed.html
    log = server.request("GET", "/v1/admin/audit", scope="admin").json()["audit"]
    number = path.rpartition("/")[2]
    (told,) = [each for each in log if f"request {number} of cloudevents" in each["what"]]
    assert told["who"] == ADMIN


def test_what_is_wrong_with_a_request_is_said(admin: Visitor, server: Server) -> None:
    wrong = server.event("offered", "wrong-1", agent="raw")
    del wrong["source"]
    assert server.post(wrong).status_code == 400
    page = admin.get(newest(admin, "cloudevents"))
    assert "Refused" in page
    assert "source" in page
    assert "What is wrong with it" in page


def test_a_stranger_is_shown_as_one_and_without_a_body(admin: Visitor, server: Server) -> None:
    answer = server.request(
        "POST", "/v1/events", {"x": PHONE}, headers={"authorization": "Bearer sp_x_geheim"}
    )
    assert answer.status_code == 401
    page = admin.get(newest(admin, "cloudevents"))
    assert "a stranger" in page
    assert "the service key is wrong or revoked" in page
    assert "It had no body" in page
    assert "geheim" not in page.html


def test_duplicates_and_ignored_events_are_counted(admin: Visitor, server: Server) -> None:
    event = server.report("offered", "dup-1", agent="raw")
    other = {**server.event("offered", "dup-2"), "type": "com.example.other"}
    assert server.post(event, other).status_code == 202
    page = admin.get(newest(admin, "cloudevents"))
    assert "1 known before" in page
    assert "1 ignored" in page


def test_what_firehose_packs_is_unpacked_and_redacted(admin: Visitor, server: Server) -> None:
    record = {"EventId": "e", "CustomerEndpoint": {"Address": PHONE}}
    packed = base64.b64encode(json.dumps(record).encode()).decode()
    body = {"requestId": "r-1", "timestamp": 1, "records": [{"data": packed}]}
    server.request(
        "POST",
        "/v1/events/amazon-firehose",
        body,
        headers={"x-amz-firehose-access-key": server.secret("ingest")},
    )
    page = admin.get(newest(admin, "amazon-firehose"))
    assert "(Base64)" in page
    assert "23125101" not in page.html
    assert packed not in page.html


def test_another_tenants_requests_are_out_of_reach(two: Server) -> None:
    answer = two.post(
        two.event("offered", "theirs-1", agent="a"),
        tenant="fabrikam",
        headers={"Host": "fabrikam.screenpop.example"},
    )
    assert answer.status_code == 202
    host = "contoso.screenpop.example"
    with Visitor(two, principals.sign_in_as_admin(two, "contoso"), host=host) as visitor:
        assert "theirs" not in visitor.get("/admin/try-it").html
        for number in range(1, 30):
            assert visitor.get(f"/admin/try-it/requests/{number}").status == 404


def test_a_simulated_contact_of_another_tenant_cannot_be_moved_on(two: Server) -> None:
    theirs, ours = "fabrikam.screenpop.example", "contoso.screenpop.example"
    with Visitor(two, principals.sign_in_as_admin(two, "fabrikam"), host=theirs) as visitor:
        own = {"origin": f"http://{theirs}"}
        contact = contact_of(visitor.submit("/admin/try-it", {"agent": "alice"}, **own))
    with Visitor(two, principals.sign_in_as_admin(two, "contoso"), host=ours) as visitor:
        own = {"origin": f"http://{ours}"}
        fields = {"contact": contact, "stage": "answered"}
        assert visitor.submit("/admin/try-it/go-on", fields, **own).status == 404
        assert visitor.get(f"/admin/contacts/story?id={contact}").status == 404
