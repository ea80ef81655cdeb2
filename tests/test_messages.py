from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, strategies as st

from adapter import messages
from adapter.messages import Hello, Message, Ping, PopOutcome, Presence
from adapter.tenants import Tenant

ACME = Tenant("acme")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def message(sequence: int = 42, subject: str | None = "c-1") -> Message:
    return Message(sequence, messages.UPDATED, subject, NOON, b'{"a":1}')


def test_a_message_about_a_contact_has_subject_and_partitionkey() -> None:
    assert json.loads(messages.encode(ACME, message())) == {
        "specversion": "1.0",
        "id": "000000000042",
        "source": "/tenants/acme",
        "type": "screenpop.contact.updated",
        "time": "2026-11-21T12:00:00Z",
        "sequence": "000000000042",
        "datacontenttype": "application/json",
        "data": {"a": 1},
        "subject": "c-1",
        "partitionkey": "c-1",
    }


def test_a_message_about_no_contact_has_neither() -> None:
    wire = json.loads(messages.encode(ACME, message(subject=None)))
    assert "subject" not in wire
    assert "partitionkey" not in wire


def test_other_data_may_stand_in_for_the_stored() -> None:
    assert json.loads(messages.encode(ACME, message(), b'{"b":2}'))["data"] == {"b": 2}


@given(st.integers(0, 10**12 - 1), st.integers(0, 10**12 - 1))
def test_sequences_sort_as_text_as_they_do_as_numbers(one: int, two: int) -> None:
    texts = messages.sequence_text(one), messages.sequence_text(two)
    assert (texts[0] < texts[1]) is (one < two)


@pytest.mark.parametrize("gap", [True, False])
def test_a_snapshot_is_no_event_of_the_journal(gap: bool) -> None:
    wire = json.loads(messages.snapshot(ACME, 7, NOON, contacts=[], pops=[], epoch="e", gap=gap))
    assert wire["id"] == "snapshot-000000000007"
    assert wire["sequence"] == wire["data"]["sequence"] == "000000000007"
    assert wire["data"]["epoch"] == "e"
    assert wire["data"].get("gap") is (True if gap else None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type":"ping"}', Ping()),
        ('{"type":"hello","ticket":"t","new":1}', Hello(ticket="t")),
        ('{"type":"hello","ancestors":["https://a.b"]}', Hello(ancestors=("https://a.b",))),
        ('{"type":"presence","visible":false}', Presence(visible=False)),
        (
            '{"type":"pop.outcome","pop":"p","outcome":"opened","rung":"tab"}',
            PopOutcome(pop="p", outcome="opened", rung="tab"),
        ),
    ],
)
def test_a_panels_message_is_read(text: str, said: object) -> None:
    assert messages.parse_from_panel(text.encode()) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "null",
        "{}",
        '{"type":"other"}',
        '{"type":"presence"}',
        '{"type":"presence","visible":1}',
        '{"type":"presence","visible":true,"interacted":"soon"}',
        '{"type":"pop.outcome","pop":"p","outcome":"withdrawn"}',
        '{"type":"pop.outcome","pop":"p","outcome":"opened","rung":"window"}',
        '{"type":"pop.outcome","outcome":"opened"}',
    ],
)
def test_what_is_no_panels_message_is_refused(text: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        messages.parse_from_panel(text.encode())


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_be_refused(data: bytes) -> None:
    try:
        messages.parse_from_panel(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return


def test_every_outcome_and_rung_that_is_documented_is_taken() -> None:
    for outcome in messages.OUTCOMES:
        for rung in messages.RUNGS:
            told = {"type": "pop.outcome", "pop": "p", "outcome": outcome, "rung": rung}
            assert isinstance(messages.parse_from_panel(json.dumps(told).encode()), PopOutcome)
