from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from adapter.errors import MalformedInput, PayloadTooLarge
from adapter.events import ContactEvent, Decoded, Recording, Stage
from adapter.telephony import amazon_connect
from tests.telephony.samples import RECEIVED, at, only, own, reason

CONTACT = "6a0e1d6c-1111-4222-8333-000000000001"
PREVIOUS = "6a0e1d6c-1111-4222-8333-000000000000"
INSTANCE = "9f1c2d3e-0000-4000-8000-000000000001"
SOURCE = f"aws.connect/111122223333/{INSTANCE}"
AGENT = (
    f"arn:aws:connect:eu-central-1:111122223333:instance/{INSTANCE}"
    "/agent/7b7b7b7b-0000-4000-8000-00000000000a"
)


def decode(document: Any) -> Decoded:
    return amazon_connect.decode(json.dumps(document).encode(), received=RECEIVED)


def changed(name: str, **detail: Any) -> dict[str, Any]:
    envelope: dict[str, Any] = own(f"amazon/{name}.json")
    return {**envelope, "detail": {**envelope["detail"], **detail}}


def test_an_inbound_call_is_created_with_its_caller() -> None:
    event = only(decode(own("amazon/initiated.json")))
    assert (event.source, event.id, event.contact) == (SOURCE, "ev-1", CONTACT)
    assert (event.stage, event.time) == (Stage.CREATED, at("2026-11-21T20:00:00.100Z"))
    assert (event.channel, event.direction) == ("voice", "inbound")
    assert event.customer == {"phone": "+4930123456", "name": "Erika"}
    assert (event.agent, event.queue, event.links, event.witnessed) == (None, None, (), {})
    assert event.attributes == {
        "ContactId": CONTACT,
        "InitialContactId": CONTACT,
        "InitiationMethod": "INBOUND",
        "InstanceARN": AGENT.split("/agent/", maxsplit=1)[0],
        "InitiationTimestamp": "2026-11-21T20:00:00.100Z",
        "Channel": "VOICE",
        "CustomerEndpoint": "+4930123456",
        "CustomerEndpoint.Address": "+4930123456",
        "CustomerEndpoint.Type": "TELEPHONE_NUMBER",
        "CustomerEndpoint.DisplayName": "Erika",
        "SystemEndpoint": "+498005550",
        "SystemEndpoint.Address": "+498005550",
        "SystemEndpoint.Type": "TELEPHONE_NUMBER",
        "SegmentAttributes.connect:Subtype": "connect:Telephony",
        "Tags.aws:connect:instanceId": INSTANCE,
        "Tags.Dept": "Finance",
    }


def test_queueing_is_an_update_with_the_queue() -> None:
    event = only(decode(own("amazon/queued.json")))
    assert (event.stage, event.time) == (None, at("2026-11-21T20:00:05Z"))
    assert event.queue is not None
    assert event.queue.endswith("/queue/5e5e5e5e-0000-4000-8000-00000000000b")
    assert event.attributes["Queue.ARN"] == event.queue
    assert event.witnessed == {Stage.CREATED: at("2026-11-21T20:00:00.100Z")}


def test_the_agents_connection_answers() -> None:
    event = only(decode(own("amazon/connected.json")))
    assert (event.stage, event.time) == (Stage.ANSWERED, at("2026-11-21T20:00:20Z"))
    assert event.agent == AGENT
    assert event.attributes["ConnectedToAgentTimestamp"] == "2026-11-21T20:00:20.000Z"
    assert event.attributes["Agent.ARN"] == AGENT


def test_an_outbound_call_is_made_not_answered() -> None:
    event = only(decode(changed("connected", initiationMethod="OUTBOUND")))
    assert (event.stage, event.direction) == (Stage.MADE, "outbound")
    event = only(decode(changed("initiated", initiationMethod="outbound")))
    assert (event.stage, event.direction) == (Stage.CREATED, "outbound")
    event = only(decode(changed("disconnected", initiationMethod="OUTBOUND")))
    assert Stage.MADE in event.witnessed
    assert Stage.ANSWERED not in event.witnessed


def test_a_disconnection_ends_and_proves_what_was_before() -> None:
    event = only(decode(own("amazon/disconnected.json")))
    assert (event.stage, event.time) == (Stage.ENDED, at("2026-11-21T20:05:00Z"))
    assert event.witnessed == {
        Stage.CREATED: at("2026-11-21T20:00:00.100Z"),
        Stage.ANSWERED: at("2026-11-21T20:00:20Z"),
    }
    assert event.agent == AGENT, "AgentInfo and AgentArn are found in any case"
    assert event.attributes["DisconnectReason"] == "CUSTOMER_DISCONNECT"


@pytest.mark.parametrize(
    "kind",
    [
        "CONNECTED_TO_SYSTEM",
        "CONTACT_DATA_UPDATED",
        "PAUSED",
        "RESUMED",
        "AMD_DISABLED",
        "WEBRTC_API",
        "SOMETHING_NEW",
    ],
)
def test_other_types_only_update(kind: str) -> None:
    event = only(decode(changed("queued", eventType=kind)))
    assert event.stage is None
    assert event.time == at("2026-11-21T20:00:30Z")


def test_connection_to_the_system_is_dated_by_itself() -> None:
    event = changed(
        "queued",
        eventType="CONNECTED_TO_SYSTEM",
        connectedToSystemTimestamp="2026-11-21T20:00:01Z",
    )
    assert only(decode(event)).time == at("2026-11-21T20:00:01Z")


def test_completion_proves_the_end_even_where_it_does_not_date_it() -> None:
    event = only(decode(changed("queued", eventType="COMPLETED")))
    assert event.stage is None
    assert event.witnessed[Stage.ENDED] == at("2026-11-21T20:00:30Z")
    event = only(decode(changed("disconnected", eventType="COMPLETED")))
    assert event.witnessed[Stage.ENDED] == at("2026-11-21T20:05:00Z")


@pytest.mark.parametrize("unset", ["1970-01-01T00:00:00.001Z", "1999-12-31T23:59:59Z", "", None, 5])
def test_a_time_before_2000_is_not_known(unset: object) -> None:
    info = {"agentArn": AGENT, "connectedToAgentTimestamp": unset}
    event = only(decode(changed("connected", agentInfo=info)))
    assert event.time == at("2026-11-21T20:00:30Z")
    assert "ConnectedToAgentTimestamp" not in event.attributes


@pytest.mark.parametrize(
    ("endpoint", "customer"),
    [
        (None, {}),
        ({}, {}),
        ("+49", {}),
        ({"address": "anonymous", "type": "TELEPHONE_NUMBER"}, {}),
        ({"address": "a@b.example", "type": "EMAIL_ADDRESS"}, {"email": "a@b.example"}),
        ({"Address": "+81312345678"}, {"phone": "+81312345678"}),
        ({"address": "flow", "type": "CONTACT_FLOW"}, {}),
    ],
)
def test_the_customer_is_whom_the_endpoint_names(
    endpoint: object, customer: dict[str, str]
) -> None:
    assert only(decode(changed("initiated", customerEndpoint=endpoint))).customer == customer


def test_the_system_endpoint_may_stand_in_a_tag() -> None:
    tags = {"aws:connect:systemEndpoint": "+4980"}
    event = only(decode(changed("initiated", systemEndpoint=None, tags=tags)))
    assert event.attributes["SystemEndpoint"] == "+4980"


@pytest.mark.parametrize(
    ("method", "direction"),
    [
        ("INBOUND", "inbound"),
        ("WEBRTC_API", "inbound"),
        ("OUTBOUND", "outbound"),
        ("EXTERNAL_OUTBOUND", "outbound"),
        ("CALLBACK", "outbound"),
        ("AGENT_REPLY", "outbound"),
        ("CAMPAIGN_PREVIEW", "outbound"),
        ("API", None),
        ("TRANSFER", None),
        ("QUEUE_TRANSFER", None),
        ("MONITOR", None),
        ("NEWER", None),
        (None, None),
    ],
)
def test_the_method_says_the_direction(method: str | None, direction: str | None) -> None:
    assert only(decode(changed("queued", initiationMethod=method))).direction == direction


def test_a_transferred_contact_is_linked() -> None:
    related = "6a0e1d6c-1111-4222-8333-00000000000f"
    event = only(
        decode(
            changed(
                "connected",
                initiationMethod="TRANSFER",
                initialContactId=PREVIOUS,
                previousContactId=PREVIOUS,
                relatedContactId=related,
            )
        )
    )
    assert event.links == (PREVIOUS, related)
    assert event.stage is Stage.ANSWERED


@pytest.mark.parametrize(
    ("name", "method", "channel", "proves"),
    [
        ("initiated", "QUEUE_TRANSFER", "VOICE", True),
        ("connected", "QUEUE_TRANSFER", "VOICE", True),
        ("initiated", "TRANSFER", "CHAT", True),
        ("initiated", "TRANSFER", "TASK", True),
        ("initiated", "TRANSFER", "VOICE", False),
        ("connected", "TRANSFER", "VOICE", False),
        ("initiated", "TRANSFER", None, False),
        ("queued", "QUEUE_TRANSFER", "VOICE", False),
        ("initiated", "INBOUND", "CHAT", False),
    ],
)
def test_a_transfer_is_told_of_the_contact_before_only_where_it_is_certain(
    name: str, method: str, channel: str | None, proves: bool
) -> None:
    envelope = changed(name, initiationMethod=method, channel=channel, previousContactId=PREVIOUS)
    facts = decode(envelope).entries[0].facts
    assert len(facts) == 1 + proves
    if proves:
        assert facts[1] == ContactEvent(
            source=SOURCE,
            id=f"{CONTACT}#transferred",
            contact=PREVIOUS,
            time=at("2026-11-21T20:00:00.100Z"),
            stage=Stage.TRANSFERRED,
        )


def test_a_bare_detail_is_decoded_with_an_identity_of_its_own() -> None:
    detail = own("amazon/connected.json")["detail"]
    event = only(decode(detail))
    assert (event.stage, event.contact) == (Stage.ANSWERED, CONTACT)
    assert event.source == f"aws.connect/{INSTANCE}"
    assert only(decode(dict(reversed(detail.items())))).id == event.id
    assert only(decode({**detail, "eventType": "QUEUED"})).id != event.id
    later = {**detail, "eventType": "PAUSED"}
    assert only(decode(later)).time == at("2026-11-21T20:00:20Z"), "the last time that it knows"


def test_an_array_of_envelopes_keeps_the_good_ones() -> None:
    decoded = decode(
        [
            own("amazon/initiated.json"),
            changed("queued", contactId=None),
            {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}},
            "text",
        ]
    )
    assert [entry.index for entry in decoded.entries] == [0]
    assert decoded.ignored == 1
    assert [(each.index, each.detail) for each in decoded.rejected] == [
        (1, "/detail/contactId: is required"),
        (3, "expected an EventBridge envelope (source, detail-type, detail)"),
    ]
    with pytest.raises(PayloadTooLarge):
        decode([{}] * 1_001)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (changed("queued", eventType=None), "/detail/eventType: is required"),
        (changed("queued", eventType=7), "/detail/eventType: expected a string"),
        (changed("queued", contactId=["x"]), "/detail/contactId: expected a string"),
        ({**changed("queued"), "detail": None}, "/detail: expected an object"),
        ({**changed("queued"), "id": 5}, "/id: expected a string"),
        ({}, "expected an EventBridge envelope (source, detail-type, detail)"),
        (None, "expected an EventBridge envelope (source, detail-type, detail)"),
    ],
)
def test_what_is_no_event_is_rejected(document: Any, expected: str) -> None:
    assert reason(decode(document)) == expected


@pytest.mark.parametrize(
    "document",
    [
        {**changed("queued"), "source": "aws.partner/genesys.com"},
        {**changed("queued"), "detail-type": "Contact Lens Post Call Rules Matched"},
        {**changed("queued"), "source": ["aws.connect"]},
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
        {"Records": [{"eventSource": "aws:sqs"}]},
    ],
)
def test_other_events_of_aws_are_ignored(document: Any) -> None:
    assert decode(document) == Decoded(ignored=1)


def stored(key: str, **change: Any) -> dict[str, Any]:
    return {
        "id": "s3-1",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-21T20:06:00Z",
        "region": "eu-central-1",
        "detail": {"bucket": {"name": "contoso-calls"}, "object": {"key": key}},
        **change,
    }


@pytest.mark.parametrize(
    ("key", "kind", "redacted"),
    [
        ("connect/contoso/CallRecordings/2026/11/21/{}_20261121T20:00_UTC.wav", "recording", False),
        ("anything/{}_20261121T20:00_UTC.wav", "recording", False),
        ("{}_20261121T20:00_UTC.wav", "recording", False),
        ("x/CallRecordings/ivr/2026/11/21/{}_20261121T20:00_UTC.wav", "recording", False),
        ("x/ChatTranscripts/2026/11/21/{}_20261121T20:00_UTC.json", "transcript", False),
        ("Analysis/Voice/2026/11/21/{}_analysis_2026-11-21T20:01:00Z.json", "analysis", False),
        (
            "Analysis/Voice/Redacted/2026/11/21/{}_analysis_redacted_2026-11-21T20:01:00Z.json",
            "analysis",
            True,
        ),
        (
            "Analysis/Voice/Redacted/2026/11/21/{}_call_recording_redacted_2026-11-21T20:01:00Z.wav",
            "recording",
            True,
        ),
    ],
)
def test_a_file_is_found_to_be_the_contacts(key: str, kind: str, redacted: bool) -> None:
    event = only(decode(stored(key.format(CONTACT))))
    assert (event.source, event.contact) == ("aws.s3/111122223333", CONTACT)
    assert event.stage is (Stage.RECORDED if kind == "recording" else Stage.TRANSCRIBED)
    assert event.time == at("2026-11-21T20:06:00Z")
    url = event.attributes["objectUrl"]
    assert event.recording == Recording(kind, url, redacted)
    assert url == (
        "https://contoso-calls.s3.eu-central-1.amazonaws.com/"
        + key.format(CONTACT).replace(":", "%3A")
    )


@pytest.mark.parametrize(
    "key",
    [
        "connect/contoso/CallRecordings/2026/11/21/",
        "reports/daily.csv",
        "CallRecordings/not-an-id_20261121T20:00_UTC.wav",
        "Attachments/chat/2026/11/21/{0}_{0}_20261121T20:00_UTC.json",
        "x/{0}_settings.json",
        "x/{0}_20261121T20:00_UTC.wav.tmp",
    ],
)
def test_another_object_is_ignored(key: str) -> None:
    assert decode(stored(key.format(CONTACT))) == Decoded(ignored=1)


def test_an_object_without_bucket_or_key_is_rejected() -> None:
    assert reason(decode(stored(""))) == "/detail/object/key: may not be empty"
    assert reason(decode(stored("k" * 1_025))) == "/detail/object/key: is longer than 1024 bytes"
    detail = {"bucket": {}, "object": {"key": "k"}}
    assert reason(decode(stored("", detail=detail))) == "/detail/bucket/name: is required"
    detail["bucket"] = {"name": "evil.example/?"}
    assert reason(decode(stored("", detail=detail))).startswith("/detail/bucket/name: expected")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("cn-north-1", "contoso-calls.s3.cn-north-1.amazonaws.com.cn"),
        (None, "contoso-calls.s3.amazonaws.com"),
        ("evil.example/", "contoso-calls.s3.amazonaws.com"),
    ],
)
def test_the_url_stays_at_amazon(region: str | None, host: str) -> None:
    event = only(decode(stored(f"a b/{CONTACT}_20261121T20:00_UTC.wav", region=region)))
    assert event.attributes["objectUrl"] == (
        f"https://{host}/a%20b/{CONTACT}_20261121T20%3A00_UTC.wav"
    )


def test_s3s_own_notification_has_an_encoded_key() -> None:
    record = {
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-11-21T20:06:00Z",
        "eventName": "ObjectCreated:CompleteMultipartUpload",
        "s3": {
            "bucket": {"name": "contoso-calls"},
            "object": {"key": f"my+calls/{CONTACT}_20261121T20%3A00_UTC.wav", "sequencer": "01"},
        },
    }
    event = only(decode({"Records": [record]}))
    assert (event.contact, event.stage) == (CONTACT, Stage.RECORDED)
    assert event.attributes["objectUrl"].endswith(f"/my%20calls/{CONTACT}_20261121T20%3A00_UTC.wav")
    assert only(decode({"Records": [record]})).id == event.id
    removed = {**record, "eventName": "ObjectRemoved:Delete"}
    assert decode({"Records": [removed]}) == Decoded(ignored=1)
    record["s3"] = {"bucket": {"name": "?"}, "object": {"key": "k"}}
    assert reason(decode({"Records": [record]})) == (
        "/s3/bucket/name: expected the name of a bucket"
    )


def test_a_creation_is_its_object_and_version_whatever_the_envelope_says() -> None:
    def created(key: str, sequencer: str | None, envelope: str, bucket: str = "calls") -> str:
        held = {"key": key} | ({"sequencer": sequencer} if sequencer else {})
        detail = {"bucket": {"name": bucket}, "object": held}
        return only(decode(stored("", id=envelope, detail=detail))).id

    one, two = f"a/{CONTACT}_20261121T20:00_UTC.wav", f"b/{CONTACT}_20261121T20:00_UTC.wav"
    assert created(one, "01", "e-1") == created(one, "01", "e-1")
    assert created(one, "01", "e-1") == created(one, "01", "e-2")  # S3 may tell it twice
    others = {
        created(one, "01", "e-1"),
        created(two, "01", "e-1"),
        created(one, "02", "e-1"),
        created(one, "01", "e-1", "other"),
        created(one, None, "e-1"),
        created(one, None, "e-2"),
    }
    assert len(others) == 6


def test_without_an_id_a_creation_is_told_apart_by_its_sequencer() -> None:
    key = f"{CONTACT}_20261121T20:00_UTC.wav"
    events = [
        only(
            decode(
                stored(
                    key,
                    id=None,
                    detail={"bucket": {"name": "bucket"}, "object": {"key": key, "sequencer": n}},
                )
            )
        )
        for n in ("01", "02", "02")
    ]
    assert events[0].id != events[1].id == events[2].id


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=10) | st.just("2026-11-21T20:00:00Z"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "key", "ARN", "Address", "s3", "x"]), inner)
    ),
    max_leaves=8,
)
FULL = own("amazon/disconnected.json")
DETAILS = st.fixed_dictionaries({}, optional=dict.fromkeys(FULL["detail"], VALUES)).map(
    lambda change: {**FULL, "detail": {**FULL["detail"], **change}}
)
ENVELOPES = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(FULL, VALUES), "Records": VALUES, "object": VALUES}
).map(lambda change: {**FULL, **change})


@given(DETAILS | ENVELOPES | VALUES)
def test_any_json_is_decoded_or_rejected(document: Any) -> None:
    try:
        decoded = decode(document)
    except MalformedInput:
        return
    assert isinstance(decoded, Decoded)
    for entry in decoded.entries:
        for fact in entry.facts:
            assert isinstance(fact, ContactEvent)
            assert fact.contact
            assert fact.id
            assert len(fact.id.encode()) <= 1_100


@given(st.binary(max_size=100))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    with contextlib.suppress(MalformedInput):
        assert isinstance(amazon_connect.decode(body, received=RECEIVED), Decoded)
