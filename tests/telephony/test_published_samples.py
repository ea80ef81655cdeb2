"""Decode the platforms' published samples, where they lie beside the repository."""

from __future__ import annotations

import base64
import json

import pytest

from adapter.errors import MalformedInput
from adapter.events import AgentSeen, ContactEvent, Decoded, Stage
from adapter.telephony import (
    amazon_connect,
    amazon_firehose,
    cloudevents,
    standard_webhooks,
)
from tests.telephony.samples import PUBLISHED, RECEIVED, at, only, published

pytestmark = published

CONTACT = "11111111-1111-1111-1111-111111111111"
INITIAL = "11111111-2222-3333-4444-555555555555"
ACCOUNT = "aws.connect/111122223333"


def amazon(name: str) -> Decoded:
    return amazon_connect.decode((PUBLISHED / name).read_bytes(), received=RECEIVED)


def firehose(*documents: str) -> Decoded:
    records = [{"data": base64.b64encode(document.encode()).decode()} for document in documents]
    body = json.dumps({"requestId": "r", "timestamp": 1, "records": records}).encode()
    return amazon_firehose.decode(body, received=RECEIVED)[1]


def text(name: str) -> str:
    return (PUBLISHED / name).read_text()


def test_connected_to_agent() -> None:
    event = only(amazon("connect_contact_event__CONNECTED_TO_AGENT__docs_current.handfixed.json"))
    assert event.source == f"{ACCOUNT}/12345678-1234-1234-1234-123456789012"
    assert event.id == "abcabcab-abca-abca-abca-abcabcabcabc"
    assert (event.contact, event.stage) == (CONTACT, Stage.ANSWERED)
    assert event.time == at("2021-08-04T17:29:09Z")
    assert (event.channel, event.direction, event.customer) == ("voice", "inbound", {})
    assert event.agent is not None
    assert event.agent.endswith("/agent/12345678-1234-1234-1234-123456789012")
    assert event.attributes["SystemEndpoint"] == "+11234567890"
    assert event.witnessed == {Stage.CREATED: at("2021-08-04T17:17:53Z")}


def test_connected_to_agent_without_an_envelope() -> None:
    event = only(amazon("connect_contact_event__CONNECTED_TO_AGENT__docs2023_detail_only.json"))
    assert (event.contact, event.stage) == (CONTACT, Stage.ANSWERED)
    assert event.time == at("2021-08-04T17:29:09Z")
    assert event.id.startswith("detail-")
    assert event.attributes["Queue.EnqueueTimestamp"] == "2021-08-04T17:29:04.000Z"


@pytest.mark.parametrize("version", ["docs2023", "docs_current"])
def test_a_disconnected_contact_has_ended(version: str) -> None:
    event = only(amazon(f"connect_contact_event__DISCONNECTED__{version}.fixed.json"))
    assert (event.stage, event.time) == (Stage.ENDED, at("2021-08-04T17:18:37Z"))
    assert (event.channel, event.direction) == ("voice", "outbound")
    assert event.attributes["Channel"] == "VOICE"
    assert event.agent == "arn"
    assert event.links == (INITIAL,)
    assert event.witnessed == {
        Stage.CREATED: at("2021-08-04T17:17:53Z"),
        Stage.MADE: at("2021-08-04T17:29:09Z"),
    }
    assert event.attributes.get("Tags.Dept") == (None if version == "docs2023" else "Finance")


def test_contact_data_updated_does_not_connect_in_1970() -> None:
    event = only(amazon("connect_contact_event__CONTACT_DATA_UPDATED__docs_current.json"))
    assert event.stage is None
    assert event.witnessed == {Stage.CREATED: at("2023-10-24T02:39:15.154Z")}
    assert (event.channel, event.direction) == ("chat", None)
    assert not [name for name, value in event.attributes.items() if "1970" in str(value)]


@pytest.mark.parametrize(
    "name",
    ["CONNECTED_TO_AGENT__docs_current", "DISCONNECTED__docs2023", "DISCONNECTED__docs_current"],
)
def test_what_is_published_broken_is_refused(name: str) -> None:
    with pytest.raises(MalformedInput, match="The body is not JSON"):
        amazon(f"connect_contact_event__{name}.verbatim.json")


def test_two_objects_in_envelopes_of_one_id_are_two_events() -> None:
    kinds = ("recording", "contact_lens_analysis")
    assert len({only(amazon(f"derived__s3_object_created__{kind}.json")).id for kind in kinds}) == 2


@pytest.mark.parametrize(
    ("kind", "stage"),
    [("recording", Stage.RECORDED), ("contact_lens_analysis", Stage.TRANSCRIBED)],
)
def test_an_object_created_is_a_file_of_its_contact(kind: str, stage: Stage) -> None:
    event = only(amazon(f"derived__s3_object_created__{kind}.json"))
    assert (event.contact, event.stage) == (CONTACT, stage)
    assert event.time == at("2021-11-12T00:00:00Z")
    assert event.recording is not None
    assert event.recording.kind == ("recording" if stage is Stage.RECORDED else "analysis")
    assert event.attributes["objectUrl"].startswith(
        "https://amazon-connect-06b674617501.s3.ca-central-1.amazonaws.com/"
    )


@pytest.mark.parametrize(
    "name",
    [
        "contact_lens__post_call_rules_matched__docs2023.fixed.json",
        "contact_lens__realtime_rules_matched__docs2023.fixed.json",
        "powertools__eventBridgeEvent.json",
        "powertools__s3SqsEvent.json",
        "s3_classic_notification__ObjectCreatedPut__docs2023.json",
        "s3_eventbridge__ObjectCreated__docs2023.json",
        "s3_eventbridge__ObjectDeleted_DeleteObject__docs2023.json",
        "s3_eventbridge__ObjectDeleted_Lifecycle__docs2023.json",
        "s3_eventbridge__ObjectRestoreCompleted__docs2023.json",
    ],
)
def test_events_of_no_interest_are_ignored(name: str) -> None:
    assert amazon(name) == Decoded(ignored=1)


@pytest.mark.parametrize(
    "name",
    [
        "powertools__connectContactFlowEventAll.json",
        "contact_lens__realtime_segment_stream_STARTED__docs2023.json",
        "sns_http__Notification_body__docs2022.json",
        "standard_webhooks__spec_payload_1.json",
    ],
)
def test_what_belongs_to_another_door_is_rejected(name: str) -> None:
    assert amazon(name).rejected[0].detail.startswith("expected an EventBridge envelope")


def test_a_heartbeat_names_the_agent() -> None:
    decoded = firehose(text("connect_agent_event_stream__HEART_BEAT__docs2023.handfixed.json"))
    (seen,) = decoded.entries[0].facts
    assert isinstance(seen, AgentSeen)
    assert seen.agent == "aestest"
    assert seen.source_id.endswith("/agent/agent-ARN")


def test_the_recordings_of_a_contact_record() -> None:
    fragment = json.loads(text("connect_ctr__Recordings_S3_and_KVS.fragment.json"))
    record = {
        **fragment,
        "ContactId": "e81b7b4d-20ac-472d-8aad-0d848ce7c9b4",
        "AWSContactTraceRecordFormatVersion": "2017-03-10",
        "InstanceARN": "arn:aws:connect:us-west-2:1:instance/i",
    }
    (event,) = firehose(json.dumps(record)).entries[0].facts
    assert isinstance(event, ContactEvent)
    assert event.recording is not None
    assert event.recording.url == (
        "https://amazon-connect-06b674617501.s3.us-west-2.amazonaws.com/connect/freewine-oregon/"
        "CallRecordings/2024/01/26/e81b7b4d-20ac-472d-8aad-0d848ce7c9b4_20240126T03%3A07_UTC.wav"
    )


@pytest.mark.parametrize("kind", ["STARTED", "SEGMENTS", "COMPLETED", "FAILED"])
def test_contact_lens_segments_are_ignored(kind: str) -> None:
    name = f"contact_lens__realtime_segment_stream_{kind}__docs2023.json"
    assert firehose(text(name)) == Decoded(ignored=1)


def test_the_documented_firehose_request_and_answers() -> None:
    broken = text("firehose_http__request__docs2023.verbatim.json")
    with pytest.raises(MalformedInput, match="The body is not JSON"):
        amazon_firehose.decode(broken.encode(), received=RECEIVED)
    repaired = broken.replace("1578090901599", "1578090901599,").encode()
    identity, decoded = amazon_firehose.decode(repaired, received=RECEIVED)
    assert identity == "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"
    assert [each.index for each in decoded.rejected] == [0, 1], "hello and hello world are no JSON"
    failure, success = (
        json.loads("{" + part.partition("{")[2])
        for part in text("firehose_http__responses__docs2023.txt").split("Success case")
    )
    assert json.loads(amazon_firehose.success(identity, success["timestamp"])) == success
    answer = amazon_firehose.failure(identity, 1578090903599, failure["errorMessage"])
    assert json.loads(answer) == failure


@pytest.mark.parametrize("number", range(1, 7))
def test_the_json_formats_examples_are_foreign_but_fine(number: int) -> None:
    body = text(f"cloudevents__json_format_example_0{number}.json").encode()
    headers = {"content-type": "application/cloudevents+json"}
    assert cloudevents.decode(headers, body, received=RECEIVED) == Decoded(ignored=1)


@pytest.mark.parametrize(("number", "ignored"), [(7, 2), (8, 0)])
def test_the_json_formats_batches_are_fine(number: int, ignored: int) -> None:
    body = text(f"cloudevents__json_format_example_0{number}.json").encode()
    headers = {"content-type": "application/cloudevents-batch+json"}
    assert cloudevents.decode(headers, body, received=RECEIVED) == Decoded(ignored=ignored)


def test_standard_webhooks_vectors() -> None:
    vectors = json.loads(text("standard_webhooks__vectors.json"))
    vector = vectors["sign"]
    secret = standard_webhooks.decode_secret(vector["secret"])
    sent = {
        "webhook-id": vector["webhook-id"],
        "webhook-timestamp": str(vector["webhook-timestamp"]),
        "webhook-signature": " ".join(
            [*vectors["multi_signature_header_prefixes_to_try"], vector["webhook-signature"]]
        ),
    }
    body, now = vector["payload"].encode(), float(vector["webhook-timestamp"])
    standard_webhooks.verify([secret], sent, body, now=now)
    assert vectors["tolerance_seconds"] == standard_webhooks.TOLERANCE
    for refused in vectors["must_reject_secrets"]:
        with pytest.raises(MalformedInput):
            standard_webhooks.decode_secret(refused)
