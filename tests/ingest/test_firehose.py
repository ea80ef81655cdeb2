"""Answer Data Firehose exactly as it demands, whatever it sends."""

from __future__ import annotations

import base64
import gzip
import json
import time
from typing import Any

import httpx
import pytest

from tests.ingest.doors import FIREHOSE, FIREHOSE_LIMIT, state, text, unknown
from tests.server import Server


def record(contact: str, **more: Any) -> dict[str, Any]:
    """Make a contact record (CTR) of few members."""
    return {
        "AWSContactTraceRecordFormatVersion": "2017-03-10",
        "ContactId": contact,
        "Channel": "VOICE",
        "InitiationMethod": "INBOUND",
        "InitiationTimestamp": "2026-11-21T20:00:00Z",
        "ConnectedToSystemTimestamp": "2026-11-21T20:00:01Z",
        "LastUpdateTimestamp": "2026-11-21T20:09:00Z",
        "DisconnectTimestamp": "2026-11-21T20:05:00Z",
        **more,
    }


def request(*documents: Any, identity: str = "req-1") -> dict[str, Any]:
    """Make a request as Firehose writes it."""
    records = [{"data": base64.b64encode(text(each)).decode()} for each in documents]
    return {"requestId": identity, "timestamp": 1, "records": records}


def post(server: Server, body: Any, *, key: str | None = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else text(body)
    head = {
        "content-type": "application/json",
        "x-amz-firehose-request-id": "req-1",
        "x-amz-firehose-access-key": server.secret("ingest") if key is None else key,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return server.http.post(server.url + FIREHOSE, content=content, headers=head)


def refused(answer: httpx.Response, status: int) -> str:
    """See that a refusal has the documented body, and give its message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"requestId", "timestamp", "errorMessage"}
    message: str = body["errorMessage"]
    return message


def test_success_is_200_with_the_request_id_and_a_time_and_nothing_else(server: Server) -> None:
    answer = post(server, request(record("hose-1"), identity="a-b-c"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"requestId", "timestamp"}
    assert body["requestId"] == "a-b-c"
    assert abs(body["timestamp"] / 1000 - time.time()) < 60
    assert state(server, "hose-1")["stage"] == "ended"


def test_a_request_that_comes_again_is_a_success_and_changes_nothing(server: Server) -> None:
    body = request(record("hose-2"))
    before = post(server, body).json()["requestId"], state(server, "hose-2")
    assert (post(server, body).json()["requestId"], state(server, "hose-2")) == before


def test_records_that_are_not_ours_are_a_success(server: Server) -> None:
    assert post(server, request({"anything": 1}, {"else": []})).status_code == 200
    assert post(server, request()).status_code == 200


def test_a_bad_record_does_not_hold_up_the_good_ones(server: Server) -> None:
    body = request(record("hose-3"))
    body["records"].append({"data": "no base64!"})
    assert post(server, body).status_code == 200
    assert state(server, "hose-3")["stage"] == "ended"


def test_only_bad_records_are_refused(server: Server) -> None:
    body = {"requestId": "req-1", "timestamp": 1, "records": [{"data": "no base64!"}]}
    answer = post(server, body)
    assert "Base64" in refused(answer, 400)
    assert answer.json()["requestId"] == "req-1"


def test_a_packed_body_is_unpacked(server: Server) -> None:
    packed = gzip.compress(text(request(record("hose-4"))))
    assert post(server, packed, content_encoding="gzip").status_code == 200
    assert state(server, "hose-4")["stage"] == "ended"


def test_a_packed_body_of_several_members_is_read_to_its_end(server: Server) -> None:
    plain = text(request(record("hose-5")))
    packed = gzip.compress(plain[:50]) + gzip.compress(b"") + gzip.compress(plain[50:])
    assert post(server, packed, content_encoding="gzip").status_code == 200
    assert state(server, "hose-5")["stage"] == "ended"


def test_a_packed_bomb_is_refused_before_it_is_unpacked_whole(server: Server) -> None:
    bomb = gzip.compress(b" " * (100 * FIREHOSE_LIMIT))
    assert len(bomb) < FIREHOSE_LIMIT
    assert "unpacked" in refused(post(server, bomb, content_encoding="gzip"), 413)
    members = gzip.compress(b"") * 2000
    assert "members" in refused(post(server, members, content_encoding="gzip"), 413)


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"{}" * 100)[:-8], gzip.compress(b"{}") + b"more"], ids=len
)
def test_a_broken_packing_is_refused(server: Server, body: bytes) -> None:
    assert "gzip" in refused(post(server, body, content_encoding="gzip"), 400)


def test_a_body_beyond_the_limit_is_refused(server: Server) -> None:
    refused(post(server, b" " * (FIREHOSE_LIMIT + 1)), 413)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"requestId": "r"}'], ids=repr)
def test_what_is_no_request_of_firehose_is_refused(server: Server, body: bytes) -> None:
    refused(post(server, body), 400)


def test_a_wrong_key_is_refused_in_the_same_form(server: Server) -> None:
    body = request(record("hose-wrong"))
    assert "wrong" in refused(post(server, body, key="sp_0_wrong"), 401)
    refused(post(server, body, key=server.secret("feed")), 403)
    assert unknown(server, "hose-wrong")


def test_an_agent_event_offers_the_contact_and_teaches_the_agents_name(server: Server) -> None:
    arn = "arn:aws:connect:eu-central-1:1:instance/i/agent/a-7"
    event = json.loads(json.dumps(AGENT_EVENT))
    event["AgentARN"] = arn
    assert post(server, request(event)).status_code == 200
    assert state(server, "hose-ring")["agent"] == "ada"
    shown = server.connect("ada").next()["data"]["contacts"]
    assert [contact["id"] for contact in shown] == ["hose-ring"]
    later = server.event("answered", "hose-ring", agent=arn)
    assert server.post(later).json()["accepted"] == 1
    assert state(server, "hose-ring")["agent"] == "ada"


AGENT_EVENT: dict[str, Any] = {
    "AWSAccountId": "1",
    "AgentARN": "",
    "CurrentAgentSnapshot": {
        "AgentStatus": {"ARN": "x", "Name": "Available", "StartTimestamp": "2026-11-21T20:00:00Z"},
        "Configuration": {"FirstName": "Ada", "LastName": "L", "Username": "Ada"},
        "Contacts": [
            {
                "ContactId": "hose-ring",
                "Channel": "VOICE",
                "InitiationMethod": "INBOUND",
                "State": "CONNECTING",
                "StateStartTimestamp": "2026-11-21T20:00:05Z",
                "InitialContactId": None,
                "Queue": {"ARN": "q", "Name": "sales"},
            }
        ],
    },
    "EventId": "agent-event-1",
    "EventTimestamp": "2026-11-21T20:00:06Z",
    "EventType": "STATE_CHANGE",
    "InstanceARN": "arn:aws:connect:eu-central-1:1:instance/i",
    "PreviousAgentSnapshot": None,
    "Version": "2017-10-01",
}
