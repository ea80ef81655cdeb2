from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, strategies as st

from adapter.errors import MalformedInput, PayloadTooLarge, UnsupportedMediaType
from adapter.events import ContactEvent, Decoded, Recording, Stage
from adapter.telephony import cloudevents
from tests.telephony.samples import RECEIVED, at, only, own, reason

ANSWERED: dict[str, Any] = own("cloudevents/answered.json")
NO_TIME = "expected an RFC 3339 time with Z or an offset, in the years 1 to 9999 of UTC"


def structured(event: object, media: str = "application/cloudevents+json") -> Decoded:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return cloudevents.decode({"content-type": media}, body, received=RECEIVED)


def with_data(**data: Any) -> dict[str, Any]:
    return {**ANSWERED, "data": {**ANSWERED["data"], **data}}


def binary(body: bytes, media: str | None = "application/json", **ce: str) -> Decoded:
    headers = {f"ce-{name}": value for name, value in ce.items()}
    if media is not None:
        headers["content-type"] = media
    return cloudevents.decode(headers, body, received=RECEIVED)


REQUIRED = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "urn:pbx",
    "type": "screenpop.contact.offered",
    "subject": "c-1",
}


def test_an_answered_event_says_everything() -> None:
    assert only(structured(ANSWERED)) == ContactEvent(
        source="urn:pbx:berlin",
        id="e-1",
        contact="c-42",
        time=at("2026-11-21T20:00:00Z"),
        stage=Stage.ANSWERED,
        channel="voice",
        direction="inbound",
        agent="alice@contoso.com",
        customer={"phone": "+4930123456", "name": "Erika Mustermann"},
        queue="sales",
        attributes={"CustomerEndpoint": "+4930123456"},
    )


@pytest.mark.parametrize("stage", [*Stage, "updated"])
def test_each_stage_has_its_type(stage: str) -> None:
    event = only(structured({**ANSWERED, "type": f"screenpop.contact.{stage}"}))
    assert event.stage == (None if stage == "updated" else stage)


@pytest.mark.parametrize("other", ["screenpop.contact.eaten", "com.example.other", "screenpop.pop"])
def test_an_unknown_type_is_ignored(other: str) -> None:
    assert structured({**ANSWERED, "type": other, "subject": None, "data": 1}) == Decoded(ignored=1)


def test_a_recorded_event_has_links_and_every_file() -> None:
    decoded = structured(own("cloudevents/recorded.json"))
    first, second = decoded.entries[0].facts
    assert isinstance(first, ContactEvent)
    assert isinstance(second, ContactEvent)
    assert first.links == ("c-40", "c-41")
    assert first.time == datetime(2026, 11, 21, 19, 9, tzinfo=UTC)
    assert first.time.tzinfo is UTC
    assert first.recording == Recording("recording", "https://files.example/c-42.wav")
    assert first.attributes == {"objectUrl": "https://files.example/c-42.wav"}
    assert second.id == "e-9#recording-2"
    assert second.stage is None
    assert second.recording == Recording("transcript", "https://files.example/c-42.json", True)


def test_one_recording_takes_its_kind_from_the_stage() -> None:
    event = {
        **ANSWERED,
        "type": "screenpop.contact.transcribed",
        "data": {
            "recording": {"url": "https://files.example/t"},
            "attributes": {"objectUrl": "own"},
        },
    }
    decoded = only(structured(event))
    assert decoded.recording == Recording("transcript", "https://files.example/t")
    assert decoded.attributes == {"objectUrl": "own"}


def test_a_transfer_to_nobody_takes_the_agent_away() -> None:
    transfer = {**ANSWERED, "type": "screenpop.contact.transferred"}
    to_queue = only(structured({**transfer, "data": {"queue": "second line", "agent": None}}))
    assert to_queue.agent_left
    assert only(structured(transfer)).agent_left is False
    assert only(structured({**ANSWERED, "data": {"agent": None}})).agent_left is False


def test_a_null_or_empty_value_is_not_said() -> None:
    event = only(
        structured(
            {
                **ANSWERED,
                "time": None,
                "comexampleunset": None,
                "data": {
                    "channel": " ",
                    "agent": "",
                    "direction": None,
                    "customer": {"name": "", "phone": None},
                    "attributes": None,
                },
            }
        )
    )
    assert (event.channel, event.agent, event.direction) == (None, None, None)
    assert (event.customer, event.attributes) == ({}, {})
    assert event.time == RECEIVED


@pytest.mark.parametrize("data", [None, {}], ids=["null", "empty"])
def test_data_is_optional(data: object) -> None:
    assert only(structured({**ANSWERED, "data": data})).stage is Stage.ANSWERED


def test_words_are_normalised() -> None:
    event = only(structured(with_data(channel=" VOICE ", direction="Inbound")))
    assert (event.channel, event.direction) == ("voice", "inbound")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": None}, "/id: is required"),
        ({"id": " "}, "/id: may not be empty"),
        ({"id": 5}, "/id: expected a string"),
        ({"id": "x" * 513}, "/id: is longer than 512 bytes"),
        ({"source": "ü" * 513}, "/source: is longer than 1024 bytes"),
        ({"source": ""}, "/source: may not be empty"),
        ({"type": None}, "/type: is required"),
        ({"type": ["a"]}, "/type: expected a string"),
        ({"specversion": "0.3"}, "/specversion: expected 1.0, got 0.3"),
        ({"specversion": None}, "/specversion: is required"),
        ({"specversion": 1.0}, "/specversion: expected a string"),
        ({"subject": None}, "/subject: is required"),
        ({"subject": ""}, "/subject: may not be empty"),
        ({"subject": "c" * 257}, "/subject: is longer than 256 characters"),
        ({"subject": "c\n42"}, "/subject: may not hold control characters"),
        ({"time": 5}, "/time: expected a string"),
        ({"time": "yesterday"}, f"/time: {NO_TIME}"),
        ({"time": "2026-11-21T20:00:00"}, f"/time: {NO_TIME}"),
        ({"time": "9999-12-31T23:59:59-14:00"}, f"/time: {NO_TIME}"),
        (
            {"Bad_Name": "x"},
            "/Bad_Name: an attribute's name has only lower-case letters and digits",
        ),
        ({"ext": {}}, "/ext: expected a string, a number, true or false"),
        ({"data": "text"}, "/data: expected an object"),
        ({"data_base64": "e30="}, "/data_base64: stands beside data; an event has one of the two"),
        ({"data": None, "data_base64": 5}, "/data_base64: expected a string"),
        ({"data": None, "data_base64": "%"}, "/data_base64: expected Base64"),
    ],
)
def test_a_bad_attribute_is_named(change: dict[str, Any], expected: str) -> None:
    assert reason(structured({**ANSWERED, **change})) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"customer": {"phone": 49}}, "/data/customer/phone: expected a string"),
        ({"customer": {"a/b": 49}}, "/data/customer/a~1b: expected a string"),
        ({"customer": []}, "/data/customer: expected an object"),
        (
            {"customer": {"name": "x" * 1_025}},
            "/data/customer/name: is longer than 1024 characters",
        ),
        ({"customer": {str(n): "" for n in range(65)}}, "/data/customer: has more than 64 members"),
        ({"agent": ["alice"]}, "/data/agent: expected a string"),
        ({"agent": "a\x7fb"}, "/data/agent: may not hold control characters"),
        ({"agent": "*"}, "/data/agent: * means every agent: name one"),
        (
            {"agent": "a\u202eb"},
            "/data/agent: may not hold U+202E, which turns the direction of text",
        ),
        ({"queue": "q" * 257}, "/data/queue: is longer than 256 characters"),
        ({"channel": 1}, "/data/channel: expected a string"),
        ({"direction": "sideways"}, "/data/direction: expected inbound or outbound"),
        ({"attributes": "x"}, "/data/attributes: expected an object"),
        ({"attributes": {"a": "x" * 65_536}}, "/data/attributes: is larger than 65536 bytes"),
        (
            {"attributes": {"a": [2**64]}},
            "/data/attributes/a/0: expected an integer of at most 64 bits",
        ),
        ({"links": "c-1"}, "/data/links: expected an array"),
        ({"links": [""]}, "/data/links/0: may not be empty"),
        ({"links": ["c"] * 33}, "/data/links: has more than 32 elements"),
        ({"previousContactId": 7}, "/data/previousContactId: expected a string"),
        ({"recording": "x"}, "/data/recording: expected an object"),
        ({"recording": {}}, "/data/recording/url: is required"),
        (
            {"recording": {"url": "javascript:alert(1)"}},
            "/data/recording/url: expected an http(s) URL of at most 2048 characters",
        ),
        (
            {"recordings": [{"kind": "song", "url": "https://a.b"}]},
            "/data/recordings/0/kind: expected recording, transcript or analysis",
        ),
        (
            {"recording": {"url": "https://a.b", "redacted": "no"}},
            "/data/recording/redacted: expected true or false",
        ),
    ],
)
def test_a_bad_value_in_data_is_named(data: dict[str, Any], expected: str) -> None:
    assert reason(structured(with_data(**data))) == expected


def test_links_name_other_contacts_once() -> None:
    said = with_data(links=["c-1", "c-42", "c-1"], initialContactId="c-1", relatedContactId="c-2")
    assert only(structured(said)).links == ("c-1", "c-2")


def test_data_may_come_as_base64() -> None:
    encoded = base64.b64encode(json.dumps(ANSWERED["data"]).encode()).decode()
    event = {**ANSWERED, "data": None, "data_base64": encoded}
    assert only(structured(event)) == only(structured(ANSWERED))
    event["data_base64"] = base64.b64encode(b"{").decode()
    assert reason(structured(event)).startswith("/data_base64: The body is not JSON")


@pytest.mark.parametrize(
    ("media", "error"),
    [
        ("text/plain", "text/plain is not taken here"),
        ("application/cloudevents+xml", "application/cloudevents\\+xml is not taken here"),
        ("", "A body without a content type is not taken here"),
        ("application/cloudevents+json; charset=utf-16", "charset utf-16 is not taken here"),
    ],
)
def test_another_media_type_is_refused(media: str, error: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=error):
        structured(ANSWERED, media)


def test_a_body_that_is_no_json_is_refused_as_a_whole() -> None:
    with pytest.raises(MalformedInput, match="The body is not JSON"):
        structured(b'{"specversion":')


@pytest.mark.parametrize(
    "media",
    [
        "application/cloudevents-batch+json",
        "application/json",
        'Application/JSON; charset="UTF-8"',
    ],
)
def test_the_good_events_of_a_batch_are_kept(media: str) -> None:
    events = [ANSWERED, {**ANSWERED, "id": ""}, {**ANSWERED, "type": "other"}, 5, ANSWERED]
    body = json.dumps(events)[:-1] + ', {"id":"\\u0000"}]'
    decoded = structured(body.encode(), media)
    assert [entry.index for entry in decoded.entries] == [0, 4]
    assert decoded.ignored == 1
    assert [(each.index, each.detail) for each in decoded.rejected] == [
        (1, "/id: may not be empty"),
        (3, "expected an object, a CloudEvent"),
        (5, "/id: a string may not hold U+0000"),
    ]


def test_a_place_is_a_pointer_into_the_request_or_a_header() -> None:
    bad = {**ANSWERED, "subject": None}
    assert structured(bad).places == ("/subject",)
    assert structured([ANSWERED, bad, 5], "application/json").places == ("/1/subject", "/2")
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": ANSWERED["type"]}
    binary = cloudevents.decode(headers, b"{}", received=datetime.now(UTC))
    assert (binary.places, binary.is_batch) == (("ce-subject",), False)


def test_an_empty_batch_is_legal() -> None:
    assert structured([], "application/cloudevents-batch+json") == Decoded()


def test_a_batch_has_at_most_a_thousand_events() -> None:
    thousand = [{**ANSWERED, "id": str(number)} for number in range(1_000)]
    assert len(structured(thousand, "application/cloudevents-batch+json").entries) == 1_000
    with pytest.raises(PayloadTooLarge, match="1001 events"):
        structured([*thousand, ANSWERED], "application/cloudevents-batch+json")


def test_plain_json_may_hold_one_event() -> None:
    assert only(structured(ANSWERED, "application/json")) == only(structured(ANSWERED))


def test_twilios_event_streams_are_ignored_politely() -> None:
    assert structured(own("cloudevents/twilio.json"), "application/json") == Decoded(ignored=1)


def test_binary_mode_says_the_same() -> None:
    headers = {name: str(value) for name, value in ANSWERED.items() if name != "data"}
    body = json.dumps(ANSWERED["data"]).encode()
    assert only(binary(body, "application/json; charset=utf-8", **headers)) == only(
        structured(ANSWERED)
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("c%2042", "c 42"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e2%82%ac", "€"),
        ('"quoted \\"c\\" 42"', 'quoted "c" 42'),
        ("100%25", "100%"),
        ("%2525", "%25"),
        ("\u00e2\u0082\u00ac", "€"),
    ],
    ids=["space", "unicode", "lower case", "quoted", "percent", "once only", "raw bytes"],
)
def test_header_values_are_decoded_as_the_binding_says(written: str, meant: str) -> None:
    assert only(binary(b"{}", **{**REQUIRED, "subject": written})).contact == meant


@pytest.mark.parametrize("written", ["%C3%28", "%F0%9F", "\u00ff"])
def test_a_header_that_is_no_utf8_is_rejected(written: str) -> None:
    detail = reason(binary(b"{}", **{**REQUIRED, "subject": written}))
    assert detail == "ce-subject: is not valid UTF-8 after percent-decoding"


def test_binary_faults_name_the_header() -> None:
    assert reason(binary(b"{}", **{**REQUIRED, "time": "noon"})).startswith(
        "ce-time: expected an RFC"
    )
    assert reason(binary(b"{}", **{**REQUIRED, "id": ""})) == "ce-id: may not be empty"
    assert reason(binary(b'{"agent":1}', **REQUIRED)) == "/data/agent: expected a string"
    assert reason(binary(b'{"agent":', **REQUIRED)).startswith("The body is not JSON")


def test_binary_data_is_json() -> None:
    assert only(binary(b"", None, **REQUIRED)).stage is Stage.OFFERED
    assert only(binary(b'{"agent":"bob"}', None, **REQUIRED)).agent == "bob"
    assert only(binary(b'{"agent":"bob"}', "application/vnd.pbx+json", **REQUIRED)).agent == "bob"
    with pytest.raises(UnsupportedMediaType, match="text/xml is not taken here"):
        binary(b"<a/>", "text/xml", **REQUIRED)
    assert binary(b"<a/>", "text/xml", **{**REQUIRED, "type": "x"}) == Decoded(ignored=1)


def test_a_header_cannot_pose_as_data() -> None:
    assert only(binary(b'{"agent":"bob"}', **REQUIRED, data="x", data_base64="e30=")).agent == "bob"


def test_the_handshake_is_granted() -> None:
    assert cloudevents.webhook_handshake({"content-type": "x"}) is None
    assert cloudevents.webhook_handshake(
        {"webhook-request-origin": "events.example.com", "webhook-request-rate": "120"}
    ) == {
        "Allow": "POST, OPTIONS",
        "WebHook-Allowed-Origin": "events.example.com",
        "WebHook-Allowed-Rate": "120",
    }
    granted = cloudevents.webhook_handshake(
        {"webhook-request-origin": "a.example", "webhook-request-rate": "-1"}
    )
    assert granted is not None
    assert granted["WebHook-Allowed-Rate"] == "*"
    assert cloudevents.webhook_handshake({"webhook-request-origin": "a\r\nSet-Cookie: b"}) is None


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1)


@given(NAMES.filter(lambda each: len(each) <= 60), NAMES.filter(lambda each: len(each) <= 60))
def test_the_cloudevents_library_and_we_read_the_same(subject: str, name: str) -> None:
    made = CloudEvent(
        {
            "specversion": "1.0",
            "id": "e-1",
            "source": "urn:pbx",
            "type": "screenpop.contact.ended",
            "subject": subject,
            "time": datetime(2026, 11, 21, 20, 0, tzinfo=UTC),
            "datacontenttype": "application/json",
        },
        {"customer": {"name": name}},
    )
    text = only(structured(JSONFormat().write(made)))
    assert (text.contact, text.customer.get("name", "")) == (subject, name.strip())
    message = to_binary_event(made, JSONFormat())
    headers = {key.lower(): value for key, value in message.headers.items()}
    assert only(cloudevents.decode(headers, message.body, received=RECEIVED)) == text


@given(NAMES.filter(lambda each: len(each) <= 60))
def test_the_cloudevents_library_reads_the_headers_that_we_read(subject: str) -> None:
    headers = {f"ce-{name}": value for name, value in REQUIRED.items()}
    headers["ce-subject"] = quote(subject)
    headers["content-type"] = "application/json"
    theirs = from_http_event(HTTPMessage(headers=headers, body=b"{}"), JSONFormat())
    ours = only(cloudevents.decode(headers, b"{}", received=RECEIVED))
    assert theirs.get_subject() == ours.contact


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*ANSWERED["data"], "recording", "url", "x"]), inner)
    ),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries({}, optional=dict.fromkeys(ANSWERED, VALUES)).map(
    lambda change: {**ANSWERED, **change}
)


@given(EVENTS | VALUES | st.lists(EVENTS, max_size=3), st.sampled_from(["", "-batch"]))
def test_decoding_any_json_counts_every_event(value: Any, mode: str) -> None:
    body = json.dumps(value).encode()
    try:
        decoded = structured(body, f"application/cloudevents{mode}+json")
    except MalformedInput:
        return
    told = len(decoded.entries) + decoded.ignored + len(decoded.rejected)
    assert told == (len(value) if mode else 1)


@given(
    st.binary(max_size=100),
    st.dictionaries(
        st.sampled_from(
            ["content-type", "ce-id", "ce-type", "ce-source", "ce-specversion", "ce-x"]
        ),
        st.text(max_size=30) | st.sampled_from(["application/json", "1.0"]),
    ),
)
def test_any_request_is_decoded_or_refused(body: bytes, headers: dict[str, str]) -> None:
    with contextlib.suppress(MalformedInput):
        assert isinstance(cloudevents.decode(headers, body, received=RECEIVED), Decoded)
