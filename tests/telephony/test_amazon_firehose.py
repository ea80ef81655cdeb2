from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from adapter.errors import MalformedInput, PayloadTooLarge
from adapter.events import AgentSeen, ContactEvent, Decoded, Recording, Stage
from adapter.telephony import amazon_firehose
from tests.telephony.samples import RECEIVED, at, own

CONTACT = "6a0e1d6c-1111-4222-8333-000000000001"
RECORD = own("amazon/contact_record.json")
RINGING = own("amazon/agent_ringing.json")
ARN = RINGING["AgentARN"]
SOURCE = "aws.connect/111122223333/9f1c2d3e-0000-4000-8000-000000000001"


def request(*records: bytes) -> bytes:
    data = [{"data": base64.b64encode(record).decode()} for record in records]
    return json.dumps({"requestId": "r-1", "timestamp": 1, "records": data}).encode()


def decode(*records: object) -> Decoded:
    octets = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in records)
    identity, decoded = amazon_firehose.decode(request(*octets), received=RECEIVED)
    assert identity == "r-1"
    return decoded


def facts(*records: object) -> list[AgentSeen | ContactEvent]:
    decoded = decode(*records)
    assert decoded.rejected == ()
    return [fact for entry in decoded.entries for fact in entry.facts]


def event_of(record: object) -> ContactEvent:
    (event,) = (fact for fact in facts(record) if isinstance(fact, ContactEvent))
    return event


def test_a_contact_record_proves_the_whole_contact() -> None:
    seen, event = facts(RECORD)
    assert isinstance(seen, AgentSeen)
    assert (seen.source, seen.source_id, seen.agent) == (SOURCE, ARN, "alice")
    assert isinstance(event, ContactEvent)
    assert (event.source, event.contact, event.stage) == (SOURCE, CONTACT, None)
    assert event.id == f"record-{CONTACT}/2026-11-21T20:07:00Z"
    assert event.time == at("2026-11-21T20:07:00Z")
    assert event.witnessed == {
        Stage.CREATED: at("2026-11-21T20:00:00Z"),
        Stage.ANSWERED: at("2026-11-21T20:00:20Z"),
        Stage.ENDED: at("2026-11-21T20:05:00Z"),
        Stage.RECORDED: at("2026-11-21T20:07:00Z"),
    }
    assert (event.agent, event.queue, event.customer) == (ARN, "Sales", {"phone": "+4930123456"})


def test_a_contact_record_links_the_file_in_s3_only() -> None:
    event = event_of(RECORD)
    url = (
        "https://contoso-calls.s3.eu-central-1.amazonaws.com/connect/contoso/CallRecordings/"
        f"2026/11/21/{CONTACT}_20261121T20%3A00_UTC.wav"
    )
    assert event.recording == Recording("recording", url)
    assert event.attributes["objectUrl"] == url


def test_the_attributes_of_the_flow_are_named_with_and_without_prefix() -> None:
    attributes = event_of(RECORD).attributes
    assert (attributes["vip"], attributes["Attributes.vip"]) == ("yes", "yes")
    assert attributes["Channel"] == "VOICE", "what Amazon says is not overridden"
    assert attributes["Attributes.Channel"] == "pretended"
    assert attributes["CustomerEndpoint"] == attributes["CustomerEndpoint.Address"] == "+4930123456"
    assert attributes["Agent.Username"] == "alice"
    assert attributes["Queue.Name"] == "Sales"


def test_every_file_of_a_record_is_told() -> None:
    files = [
        {"Location": f"b-1/{CONTACT}_20261121T20:00_UTC.wav", "Status": None},
        {"Location": "b-1/odd-name.json", "MediaStreamType": "CHAT"},
        {"Location": "no-key"},
        {"Location": "?/k"},
        "text",
    ]
    record = {**RECORD, "Agent": None, "Queue": None, "InstanceARN": None, "Recording": None}
    first, second = facts({**record, "Recordings": files})
    assert isinstance(first, ContactEvent)
    assert isinstance(second, ContactEvent)
    assert first.recording is not None
    assert first.recording.url.startswith("https://b-1.s3.amazonaws.com/")
    assert second.id == f"{first.id}#recording-2"
    assert second.recording == Recording("transcript", "https://b-1.s3.amazonaws.com/odd-name.json")
    assert {Stage.RECORDED, Stage.TRANSCRIBED} <= first.witnessed.keys()


def test_a_record_without_files_links_none() -> None:
    event = event_of({**RECORD, "Recording": None, "Recordings": None})
    assert event.recording is None
    assert "objectUrl" not in event.attributes
    assert Stage.RECORDED not in event.witnessed


def test_a_record_of_a_transfer_out_proves_it() -> None:
    record = {**RECORD, "TransferCompletedTimestamp": "2026-11-21T20:04:00Z"}
    assert event_of(record).witnessed[Stage.TRANSFERRED] == at("2026-11-21T20:04:00Z")


def test_a_newer_version_of_a_record_is_another_event() -> None:
    newer = {**RECORD, "LastUpdateTimestamp": "2026-11-21T20:08:00Z"}
    assert event_of(newer).id != event_of(RECORD).id == event_of(RECORD).id


def test_an_agent_without_a_name_is_not_seen() -> None:
    record = {**RECORD, "Agent": {"ARN": ARN}}
    assert event_of(record).agent == ARN
    assert len(facts(record)) == 1
    assert event_of({**RECORD, "Agent": {"Username": "alice"}}).agent == "alice"


def test_a_contact_that_connects_rings_at_the_agent() -> None:
    seen, event = facts(RINGING)
    assert isinstance(seen, AgentSeen)
    assert (seen.source_id, seen.agent) == (ARN, "alice")
    assert isinstance(event, ContactEvent)
    assert (event.id, event.stage, event.agent) == (f"ag-1#{CONTACT}", Stage.OFFERED, ARN)
    assert event.time == at("2026-11-21T20:00:10Z")
    assert (event.channel, event.direction, event.queue) == ("voice", "inbound", "Sales")
    assert event.witnessed == {}


def with_contact(kind: str = "STATE_CHANGE", **change: Any) -> dict[str, Any]:
    snapshot = RINGING["CurrentAgentSnapshot"]
    contact = {**snapshot["Contacts"][0], **change}
    return {
        **RINGING,
        "EventType": kind,
        "CurrentAgentSnapshot": {**snapshot, "Contacts": [contact]},
    }


@pytest.mark.parametrize("state", ["INCOMING", "PENDING", "CONNECTING"])
def test_each_ringing_state_is_an_offer(state: str) -> None:
    assert event_of(with_contact(State=state)).stage is Stage.OFFERED


def test_what_the_agent_dials_does_not_ring() -> None:
    assert event_of(with_contact(InitiationMethod="OUTBOUND")).stage is Stage.MADE


@pytest.mark.parametrize("state", ["CONNECTED", "CONNECTED_ONHOLD", "PAUSED"])
def test_a_connected_contact_witnesses_the_answer(state: str) -> None:
    event = event_of(with_contact(State=state))
    assert (event.stage, event.agent) == (None, ARN)
    assert event.witnessed == {Stage.ANSWERED: at("2026-11-21T20:00:10Z")}
    known = with_contact(State=state, ConnectedToAgentTimestamp="2026-11-21T20:00:09Z")
    assert event_of(known).witnessed == {Stage.ANSWERED: at("2026-11-21T20:00:09Z")}


@pytest.mark.parametrize("state", ["MISSED", "REJECTED"])
def test_a_missed_contact_leaves_the_agent(state: str) -> None:
    event = event_of(with_contact(State=state))
    assert (event.stage, event.agent, event.agent_left) == (None, None, True)
    assert "Agent.ARN" not in event.attributes


@pytest.mark.parametrize("state", ["ENDED", "ERROR", "NEWER", ""])
def test_other_states_only_update(state: str) -> None:
    event = event_of(with_contact(State=state))
    assert (event.stage, event.agent, event.agent_left) == (None, ARN, False)
    assert event.witnessed == {}


def test_a_state_change_tells_only_what_changed() -> None:
    unchanged = {**RINGING, "PreviousAgentSnapshot": RINGING["CurrentAgentSnapshot"]}
    assert [type(fact) for fact in facts(unchanged)] == [AgentSeen]
    beat = {**unchanged, "EventType": "HEART_BEAT"}
    assert event_of(beat).stage is Stage.OFFERED, "a heartbeat heals a lost event"


@pytest.mark.parametrize("kind", ["LOGIN", "LOGOUT", "HEART_BEAT", "STATE_CHANGE"])
def test_an_agent_is_seen_once_a_day(kind: str) -> None:
    idle = {
        **RINGING,
        "EventType": kind,
        "CurrentAgentSnapshot": {"Configuration": {"Username": "bob"}},
    }
    (today,) = facts(idle)
    (again,) = facts({**idle, "EventId": "ag-2"})
    (tomorrow,) = facts({**idle, "EventTimestamp": "2026-11-22T00:00:00Z"})
    assert isinstance(today, AgentSeen)
    assert today == again
    assert today.id != tomorrow.id
    assert today.agent == "bob"


def test_an_agent_event_without_a_name_holds_nothing() -> None:
    assert decode({**RINGING, "CurrentAgentSnapshot": None}) == Decoded(ignored=1)


def test_a_record_may_hold_several_documents() -> None:
    one, two = json.dumps(RECORD).encode(), json.dumps(RINGING).encode()
    decoded = decode(one + two, one + b"\n" + two + b"\r\n", two)
    assert [entry.index for entry in decoded.entries] == [0, 0, 1, 1, 2]


def test_other_records_are_ignored() -> None:
    segment = {"Version": "1.0.0", "ContactId": CONTACT, "EventType": "STARTED"}
    assert decode(segment, [], 5, b"", {"messageType": "DATA_MESSAGE"}) == Decoded(ignored=4)


def test_eventbridge_may_feed_firehose() -> None:
    assert event_of(own("amazon/connected.json")).stage is Stage.ANSWERED


def test_a_bad_record_is_rejected_with_its_index() -> None:
    good = json.dumps(RECORD).encode()
    decoded = decode(good, b"hello", good + b"{", b"\xff", {**RINGING, "AgentARN": ""}, b"[" * 99)
    assert [entry.index for entry in decoded.entries] == [0, 2], "the good document is kept"
    assert [each.index for each in decoded.rejected] == [1, 2, 3, 4, 5]
    told = [each.detail for each in decoded.rejected]
    assert told[0].startswith("/records/1/data: expected JSON under the Base64")
    assert told[2] == "/records/3/data: expected UTF-8 under the Base64"
    assert told[3] == "/records/4/data/AgentARN: may not be empty"
    assert "deeper than 32" in told[4]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "The body is not JSON"),
        (b"[]", "expected an object"),
        (b'{"records":[]}', "/requestId: is required"),
        (b'{"requestId":"r"}', "/records: expected an array"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(body: bytes, expected: str) -> None:
    with pytest.raises(MalformedInput, match=expected):
        amazon_firehose.decode(body, received=RECEIVED)


def test_data_that_is_no_base64_is_rejected() -> None:
    body = {"requestId": "r", "records": [{"data": "%"}, {"data": 5}, 5]}
    _, decoded = amazon_firehose.decode(json.dumps(body).encode(), received=RECEIVED)
    assert [each.detail for each in decoded.rejected] == [
        "/records/0/data: expected Base64",
        "/records/1/data: expected a string of Base64",
        "/records/2/data: expected a string of Base64",
    ]


def test_many_small_documents_cost_little() -> None:
    started = time.process_time()
    assert decode(b"1".ljust(100) * 100_000).ignored == 100_000
    assert time.process_time() - started < 10, "quadratic splitting takes minutes"


def test_the_answers_are_as_documented() -> None:
    assert amazon_firehose.success("r-1", 1578090903599) == (
        b'{"requestId":"r-1","timestamp":1578090903599}'
    )
    assert amazon_firehose.failure("r-1", 1578090903599, "No.") == (
        b'{"requestId":"r-1","timestamp":"1578090903599","errorMessage":"No."}'
    )
    long = json.loads(amazon_firehose.failure("r", 1, "ü" * 9_000))["errorMessage"]
    assert len(long.encode()) == 8_192


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.just("2026-11-21T20:00:00Z"),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["Contacts", "ContactId", "State", "Location", "Username", "ARN"]),
            inner,
        )
    ),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(RECORD, VALUES)).map(lambda c: {**RECORD, **c})
    | st.fixed_dictionaries({}, optional=dict.fromkeys(RINGING, VALUES)).map(
        lambda c: {**RINGING, **c}
    )
    | VALUES
)
def test_any_record_is_decoded_or_rejected(record: Any) -> None:
    decoded = decode(record)
    assert len(decoded.entries) + decoded.ignored + len(decoded.rejected) == 1


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_any_bytes_in_a_record_are_decoded_or_rejected(records: list[bytes]) -> None:
    decoded = decode(*records)
    told = {entry.index for entry in decoded.entries} | {bad.index for bad in decoded.rejected}
    assert told <= set(range(len(records)))


@pytest.mark.parametrize(
    "records", [[b"{}"] * 4, [b"{}{}{}{}"], [b"{}{}", b"1 {}"], [b"{}", b"no", b"JSON", b"{"]]
)
def test_a_request_of_too_many_documents_is_refused_whole(
    monkeypatch: pytest.MonkeyPatch, records: list[bytes]
) -> None:
    monkeypatch.setattr(amazon_firehose, "MAX_DOCUMENTS", 4)
    decoded = amazon_firehose.decode(request(*records), received=RECEIVED)[1]
    assert decoded.ignored + len(decoded.rejected) == 4
    monkeypatch.setattr(amazon_firehose, "MAX_DOCUMENTS", 3)
    with pytest.raises(PayloadTooLarge, match="more than 3 documents"):
        amazon_firehose.decode(request(*records), received=RECEIVED)


@pytest.mark.parametrize("record", [b"{}", b"0", b"[]", b'{"data": "e30="}'])
def test_a_request_that_holds_little_else_than_records_is_not_even_parsed(record: bytes) -> None:
    body = b'{"requestId": "r-1", "records": [' + b",".join([record] * 2_000)  # cut off
    with pytest.raises(PayloadTooLarge, match="documents in a request of this length"):
        amazon_firehose.decode(body, received=RECEIVED)


def test_records_as_amazon_writes_them_are_never_too_many() -> None:
    body = request(*[json.dumps(RINGING).encode()] * 2_000)
    _, decoded = amazon_firehose.decode(body, received=RECEIVED)
    assert (len(decoded.entries), decoded.rejected) == (2_000, ())
