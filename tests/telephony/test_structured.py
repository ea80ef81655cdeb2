"""The short way of decoding takes what the long way takes, and makes the same of it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings, strategies as st

from adapter.errors import MalformedInput
from adapter.events import Stage
from adapter.telephony import cloudevents, json_limits, structured
from tests.telephony.samples import OWN, PUBLISHED, RECEIVED, own, published

ANSWERED: dict[str, Any] = own("cloudevents/answered.json")


def text(event: object) -> bytes:
    return json.dumps(event).encode()


def with_data(**data: Any) -> bytes:
    return text({**ANSWERED, "data": {**ANSWERED["data"], **data}})


def the_long_way(body: bytes) -> str:
    """Write what the long way makes of a body; a text tells 1, 1.0 and true apart."""
    return repr(cloudevents.facts(json_limits.parse(body), RECEIVED))


def same(body: bytes) -> bool:
    """Whether the short way takes the body; if so, both must come to the same."""
    found = structured.read(body, RECEIVED)
    if found is not None:
        assert repr((found,)) == the_long_way(body)
    return found is not None


def test_the_usual_event_goes_the_short_way() -> None:
    assert same(text(ANSWERED))


@pytest.mark.parametrize("stage", [*Stage, "updated"])
def test_each_stage_goes_the_short_way(stage: str) -> None:
    event = {**ANSWERED, "type": f"screenpop.contact.{stage}"}
    assert same(text(event))
    assert same(text({**event, "data": {}}))


@pytest.mark.parametrize(
    "change",
    [
        {"time": "2026-11-21T21:00:00.1234567+01:00"},
        {"time": None},
        {"dataschema": "urn:schema"},
        {"id": "x" * 128},
        {"subject": "ü" * 256},
    ],
)
def test_what_is_usual_in_the_attributes_goes_the_short_way(change: dict[str, Any]) -> None:
    assert same(text({**ANSWERED, **change}))


@pytest.mark.parametrize(
    "data",
    [
        {"channel": " VOICE ", "queue": " ", "agent": " bob ", "direction": None},
        {"customer": {"phone": " ", "name": " Ada\n"}},
        {"attributes": {"A": 1, "B": 1.0, "C": True, "D": None, "E": -(2**63), "F": "ü\n"}},
    ],
)
def test_what_is_usual_in_the_data_goes_the_short_way(data: dict[str, Any]) -> None:
    assert same(with_data(**data))


@pytest.mark.parametrize(
    "body",
    [
        text({**ANSWERED, "partitionkey": "c-1"}),
        text({**ANSWERED, "data": None}),
        text({**ANSWERED, "time": "2016-12-31T23:59:60Z"}),
        text({**ANSWERED, "time": "0001-01-01T00:00:00+14:00"}),
        text({**ANSWERED, "time": "2026-11-21T20:00:00"}),
        text({**ANSWERED, "type": "com.example.other"}),
        text({**ANSWERED, "id": " "}),
        text({**ANSWERED, "id": "x" * 129}),
        with_data(agent="*"),
        with_data(agent=" * "),
        with_data(agent="a\u202eb"),
        with_data(queue="a\nb"),
        with_data(channel="\u200bvoice"),
        with_data(direction="Inbound"),
        with_data(links=["c-1"]),
        with_data(recording={"url": "https://files.example/1"}),
        with_data(attributes={"A": {"B": 1}}),
        with_data(attributes={"A": 2**64}),
        with_data(attributes={"A": "\0"}),
        with_data(attributes={"A": "x" * structured.MAX_BODY}),
        b"[" * 100,
        b"\xff",
        b"",
    ],
)
def test_what_is_unusual_or_wrong_is_left_to_the_long_way(body: bytes) -> None:
    assert structured.read(body, RECEIVED) is None


def test_attributes_of_a_body_that_is_short_enough_are_never_too_large() -> None:
    # The member that grows most as MessagePack: three characters and a comma become nine bytes.
    attributes = {f"{number:x}": float(number % 10) for number in range(3_000)}
    body = with_data(attributes=attributes).replace(b": ", b":").replace(b", ", b",")
    assert len(body) > structured.MAX_BODY
    assert len(msgspec.msgpack.encode(attributes)) < 4 * structured.MAX_BODY


# Good and hostile, side by side: near to what the short way takes is where it could go wrong.
WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", " ", "*", " a ", "a\n", "\0", "\u202e", "\u00a0", "inbound", "x" * 257]),
    st.sampled_from(["1.0", "voice", "2026-11-21T20:00:00Z", "2016-12-31T23:59:60+01:00"]),
)
NUMBERS = st.one_of(
    st.integers(-(2**65), 2**65), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
VALUES = st.one_of(
    WORDS,
    NUMBERS,
    st.none(),
    st.lists(WORDS, max_size=2),
    st.dictionaries(st.text(max_size=3), st.one_of(WORDS, NUMBERS), max_size=3),
)
PLAIN = st.text("aZ1 ü*", max_size=8)
TEXTS = PLAIN | PLAIN | PLAIN | WORDS
DATA = st.fixed_dictionaries(
    {},
    optional={
        "channel": TEXTS,
        "direction": st.sampled_from(["inbound", "outbound", None, "Inbound"]),
        "agent": TEXTS,
        "customer": st.dictionaries(TEXTS, TEXTS, max_size=3) | VALUES,
        "queue": TEXTS,
        "attributes": st.dictionaries(TEXTS, TEXTS | NUMBERS, max_size=4) | VALUES,
    },
)
TIMES = st.datetimes(timezones=st.timezones(), allow_imaginary=False).map(
    lambda time: time.isoformat()
)
EVENTS = st.fixed_dictionaries(
    {
        "specversion": st.just("1.0"),
        "id": TEXTS,
        "source": TEXTS,
        "type": st.sampled_from(sorted(structured.STAGES)),
        "subject": TEXTS,
        "data": DATA,
    },
    optional={"time": TIMES | WORDS, "datacontenttype": st.just("application/json")},
)


@settings(max_examples=500)
@given(event=EVENTS, is_ascii=st.booleans())
def test_any_event_comes_out_the_same_on_both_ways(event: dict[str, Any], is_ascii: bool) -> None:
    same(json.dumps(event, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass"))


@given(
    event=EVENTS,
    cut=st.integers(0, 400),
    taken=st.integers(0, 3),
    put=st.sampled_from([b"", b" ", b'"', b"\\", b"0", b"-", b"e9", b",", b"{", b"}", b"\xc3"])
    | st.binary(max_size=2),
)
@example(event=ANSWERED, cut=0, taken=0, put=b"\xef\xbb\xbf")
def test_any_damage_to_an_event_is_judged_the_same_on_both_ways(
    event: dict[str, Any], cut: int, taken: int, put: bytes
) -> None:
    body = text(event)
    same(body[:cut] + put + body[cut + taken :])


@given(event=EVENTS, again=EVENTS)
def test_a_doubled_member_counts_the_same_on_both_ways(
    event: dict[str, Any], again: dict[str, Any]
) -> None:
    same(text(event)[:-1] + b", " + text(again)[1:])


@pytest.mark.parametrize("path", sorted(OWN.glob("cloudevents/*.json")), ids=lambda path: path.stem)
def test_our_samples_come_out_the_same_on_both_ways(path: Any) -> None:
    same(path.read_bytes())


@published
@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("**/*.json")), ids=lambda path: path.stem)
def test_the_published_samples_come_out_the_same_on_both_ways(path: Any) -> None:
    same(path.read_bytes())


@given(st.binary(max_size=200))
def test_bytes_that_are_no_event_are_left_to_the_long_way(body: bytes) -> None:
    try:
        the_long_way(body)
    except MalformedInput:
        assert structured.read(body, RECEIVED) is None
