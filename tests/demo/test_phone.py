from __future__ import annotations

import time
import wave
from io import BytesIO
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.demo import phone_system, samples
from adapter.demo.busy import plot
from adapter.telephony import cloudevents
from tests.demo.conftest import NOON
from tests.demo.receiver import Receiver

MARIA = samples.CONTACTS[0]
PROBLEM = "application/problem+json"


def ring(phone: TestClient, **changes: str) -> dict[str, Any]:
    body = {"agent": "alice", "from": MARIA.id, "channel": "voice", "direction": "inbound"}
    answer = phone.post("/calls", json={**body, **changes})
    assert answer.status_code == 201, answer.text
    call: dict[str, Any] = answer.json()["call"]
    return call


def test_a_call_that_rings_is_created_and_offered(phone: TestClient, receiver: Receiver) -> None:
    call = ring(phone)
    created, offered = receiver.events
    assert offered == {
        "specversion": "1.0",
        "id": f"{call['id']}-2",
        "source": "urn:screenpop:demo-phone",
        "type": "screenpop.contact.offered",
        "subject": call["id"],
        "time": "2026-11-21T12:00:00.000Z",
        "datacontenttype": "application/json",
        "data": {
            "channel": "voice",
            "direction": "inbound",
            "agent": "alice",
            "customer": {"phone": "+493023125101", "name": "Maria Weber"},
            "queue": "service",
            "attributes": {"CustomerEndpoint": "+493023125101", "crmContactId": MARIA.id},
        },
    }
    assert created["type"] == "screenpop.contact.created"
    assert "agent" not in created["data"]


def test_events_are_posted_with_the_key_to_the_adapters_host(
    phone: TestClient, receiver: Receiver
) -> None:
    ring(phone)
    sent = receiver.headers[0]
    assert sent["authorization"] == "Bearer sk_demo"
    assert sent["content-type"] == "application/cloudevents+json"
    assert sent["host"] == "screenpop.localhost:8000"


def test_a_call_goes_its_way_to_the_recording(phone: TestClient, receiver: Receiver) -> None:
    path = f"/calls/{ring(phone)['id']}"
    assert phone.post(f"{path}/answer").json()["call"]["state"] == "talking"
    assert phone.post(f"{path}/transfer", json={"agent": "bob"}).json()["call"]["agent"] == "bob"
    phone.post(f"{path}/answer")
    assert phone.post(f"{path}/hangup").json()["call"]["state"] == "ended"
    assert phone.post(f"{path}/recording").json()["call"]["recorded"] is True
    assert receiver.stages == [
        *("created", "offered", "answered", "transferred", "answered", "ended", "recorded")
    ]
    assert [event["data"].get("agent") for event in receiver.events] == [
        *(None, "alice", "alice", "bob", "bob", "bob", "bob")
    ]
    recording = receiver.events[-1]["data"]["recording"]
    assert recording["kind"] == "recording"
    with wave.open(BytesIO(phone.get(recording["url"]).content)) as file:
        assert file.getnframes() == file.getframerate()


def test_every_event_is_one_that_the_adapter_decodes(phone: TestClient, receiver: Receiver) -> None:
    for channel in ("voice", "chat"):
        path = f"/calls/{ring(phone, channel=channel)['id']}"
        for action in ("answer", "hangup", "recording"):
            phone.post(f"{path}/{action}")
    headers = {"content-type": "application/cloudevents-batch+json"}
    body = phone.build_request("POST", "/", json=receiver.events).content
    decoded = cloudevents.decode(headers, body, received=NOON)
    assert (decoded.ignored, decoded.rejected) == (0, ())
    assert len(decoded.entries) == 10


def test_a_chat_leaves_a_transcript(phone: TestClient, receiver: Receiver) -> None:
    path = f"/calls/{ring(phone, channel='chat')['id']}"
    for action in ("answer", "hangup", "recording"):
        phone.post(f"{path}/{action}")
    assert receiver.stages[-1] == "transcribed"
    assert receiver.events[-1]["data"]["recording"]["kind"] == "transcript"
    assert receiver.events[-1]["data"]["customer"]["email"] == MARIA.text("emailaddress1")


def test_an_outbound_call_is_made_by_its_agent(phone: TestClient, receiver: Receiver) -> None:
    ring(phone, direction="outbound")
    assert receiver.stages == ["created", "made"]
    assert receiver.events[0]["data"]["agent"] == "alice"


def test_a_number_finds_its_contact_and_a_strange_one_none(
    phone: TestClient, receiver: Receiver
) -> None:
    ring(phone, **{"from": "+1 (202) 555-0143"})
    ring(phone, **{"from": "+1 202 555 0199"})
    known, strange = receiver.events[1]["data"], receiver.events[3]["data"]
    assert known["customer"] == {"phone": "+12025550143", "name": "Denise Carter"}
    assert known["attributes"]["crmContactId"] == samples.CONTACTS[2].id
    assert strange["customer"] == {"phone": "+12025550199"}
    assert "crmContactId" not in strange["attributes"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"agent": "mallory"}, "mallory"),
        ({"from": "Maria"}, "Maria"),
        ({"from": "+1"}, "+1"),
        ({"from": "1" * 16}, "111"),
        ({"channel": "fax"}, "fax"),
        ({"direction": "sideways"}, "sideways"),
        ({"agent": 5}, "$.agent"),
        ({"caller": "x"}, "caller"),
    ],
)
def test_a_bad_call_is_refused_by_name(
    phone: TestClient, receiver: Receiver, change: dict[str, object], named: str
) -> None:
    answer = phone.post("/calls", json={"agent": "alice", "from": MARIA.id, **change})
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert named in answer.json()["title"]
    assert receiver.events == []


def test_a_call_cannot_do_what_its_state_forbids(phone: TestClient, receiver: Receiver) -> None:
    path = f"/calls/{ring(phone)['id']}"
    assert phone.post(f"{path}/recording").status_code == 409
    assert phone.post(f"{path}/transfer", json={"agent": "alice"}).status_code == 409
    phone.post(f"{path}/hangup")
    for action in ("answer", "hangup", "recording"):
        assert phone.post(f"{path}/{action}").status_code == 409
    assert receiver.stages == ["created", "offered", "ended"]
    assert phone.post("/calls/none/answer").status_code == 404
    assert phone.post(f"{path}/hold").status_code == 404


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_adapter_gets_the_same_event_again(
    phone: TestClient, receiver: Receiver, status: int
) -> None:
    receiver.answers.extend([(status, {"Retry-After": "1"}, {"title": "Busy"})] * 3)
    ring(phone)
    assert receiver.stages == ["created", "offered"]
    assert phone.get("/calls").json()["events"]["failed"] == 0


def test_trouble_with_the_adapter_is_told_in_words(phone: TestClient, receiver: Receiver) -> None:
    receiver.answers.append((401, {}, {"title": "Unauthenticated", "detail": "The key is revoked"}))
    body = {"agent": "alice", "from": MARIA.id}
    answer = phone.post("/calls", json=body)
    assert answer.status_code == 502
    assert "refuses the service key: 401 Unauthorized, The key is revoked" in answer.json()["title"]
    receiver.answers.extend([(503, {}, {"title": "The disk is full"})] * 6)
    assert "tried 6 times" in phone.post("/calls", json=body).json()["title"]
    assert "The disk is full" in phone.get("/calls").json()["events"]["last_error"]
    receiver.answers.append((400, {}, {}))
    assert "refuses the event: 400 Bad Request" in phone.post("/calls", json=body).json()["title"]
    receiver.answers.append((202, {}, {"accepted": 0, "ignored": 1}))
    assert "ignores" in phone.post("/calls", json=body).json()["title"]


def test_an_adapter_that_is_not_there_is_named(phone_elsewhere: TestClient) -> None:
    answer = phone_elsewhere.post("/calls", json={"agent": "alice", "from": MARIA.id})
    assert answer.status_code == 502
    assert "cannot be reached" in answer.json()["title"]
    assert phone_elsewhere.get("/nowhere").headers["content-type"] == PROBLEM


def test_a_body_that_is_too_long_is_not_read(phone: TestClient) -> None:
    answer = phone.post("/calls", content=b" " * 20_000)
    assert (answer.status_code, "longer" in answer.json()["title"]) == (400, True)


def test_old_calls_are_forgotten_once_they_have_ended(
    phone: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_system, "KEPT", 2)
    open_one = ring(phone)
    for _ in range(4):
        phone.post(f"/calls/{ring(phone)['id']}/hangup")
    kept = [call["id"] for call in phone.get("/calls").json()["calls"]]
    assert len(kept) == 2
    assert open_one["id"] in kept


def test_another_sites_page_cannot_make_phones_ring(phone: TestClient, receiver: Receiver) -> None:
    body = {"agent": "alice", "from": MARIA.id}
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert phone.post("/calls", json=body, headers=headers).status_code == 403
    path = f"/calls/{ring(phone)['id']}/answer"
    assert phone.post(path, headers=headers).status_code == 403
    assert phone.delete("/busy", headers=headers).status_code == 403
    assert phone.post("/calls", json=body, headers={"Sec-Fetch-Site": "same-origin"}).is_success


def test_a_busy_hour_sends_what_was_asked_and_cleans_up(
    phone: TestClient, receiver: Receiver
) -> None:
    assert phone.post("/busy", json={"rate": 6000, "seconds": 0.5}).status_code == 202
    assert phone.post("/busy", json={"rate": 60}).status_code == 409
    deadline = time.monotonic() + 20
    while phone.get("/calls").json()["busy"] and time.monotonic() < deadline:
        time.sleep(0.05)
    calls = phone.get("/calls").json()["calls"]
    assert {call["state"] for call in calls} == {"ended"}
    # 6,000 a minute for half a second, then a hang-up for each of at most four open calls.
    assert 50 <= len(receiver.events) <= 54
    assert {"created", "offered", "answered", "ended", "recorded"} <= set(receiver.stages)
    assert len({event["data"].get("agent") for event in receiver.events}) == 5


def test_a_busy_hour_can_be_stopped(phone: TestClient, receiver: Receiver) -> None:
    phone.post("/busy", json={"rate": 60, "seconds": 3600})
    assert phone.delete("/busy").status_code == 202
    deadline = time.monotonic() + 20
    while phone.get("/calls").json()["busy"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert phone.delete("/busy").status_code == 404
    assert receiver.stages[-1] == "ended"


@pytest.mark.parametrize("body", [{"rate": 0}, {"rate": 6001}, {"rate": 1, "seconds": 4000}, {}])
def test_a_busy_hour_has_limits(phone: TestClient, body: dict[str, float]) -> None:
    assert phone.post("/busy", json=body).status_code == 400


def test_some_callers_of_a_busy_hour_give_up_and_some_are_passed_on() -> None:
    plots = [plot(number) for number in range(70)]
    assert sum("answer" not in steps for steps in plots) == 7
    assert sum("transfer" in steps for steps in plots) == 9


def test_the_page_has_no_inline_script(phone: TestClient) -> None:
    page = phone.get("/")
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert all(part.startswith(' type="module" src=') for part in page.text.split("<script")[1:])
    assert "Tom &amp; Sue Ashworth" in page.text
