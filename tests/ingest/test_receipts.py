"""Tell a source what became of its events: kept, known, ignored, or wrong and where."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.ingest.doors import AMAZON, EVENTS, problem, state, text, unknown
from tests.server import Server

NOTHING = {"accepted": 0, "duplicates": 0, "ignored": 0, "rejected": []}


def post(server: Server, body: Any, kind: str = "application/json", path: str = EVENTS) -> Any:
    return server.request("POST", path, body, scope="ingest", headers={"content-type": kind})


def receipt(server: Server, body: Any, kind: str = "application/json") -> Any:
    answer = post(server, body, kind)
    assert answer.status_code == 202, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def test_one_event_is_accepted_in_structured_and_in_plain_json(server: Server) -> None:
    for kind in ("application/cloudevents+json; charset=utf-8", "application/json"):
        event = server.event("created", "kinds")
        assert receipt(server, event, kind) == {**NOTHING, "accepted": 1}


def test_one_event_is_accepted_in_binary_mode(server: Server) -> None:
    event = server.event("answered", "binary", agent="alice")
    head = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
    answer = server.request("POST", EVENTS, event["data"], scope="ingest", headers=head)
    assert answer.json() == {**NOTHING, "accepted": 1}
    assert state(server, "binary")["agent"] == "alice"


def test_a_batch_is_accepted_by_its_type_and_as_an_array(server: Server) -> None:
    for kind in ("application/cloudevents-batch+json", "application/json"):
        events = [server.event("created", f"batch-{number}") for number in range(3)]
        assert receipt(server, events, kind) == {**NOTHING, "accepted": 3}
    assert receipt(server, [], "application/cloudevents-batch+json") == NOTHING


def test_an_event_that_comes_again_is_a_duplicate_and_no_fault(server: Server) -> None:
    event = server.event("created", "again")
    assert receipt(server, event) == {**NOTHING, "accepted": 1}
    assert receipt(server, event) == {**NOTHING, "duplicates": 1}
    assert receipt(server, [event, event]) == {**NOTHING, "duplicates": 2}


def test_an_event_doubled_inside_one_batch_counts_once(server: Server) -> None:
    event, other = server.event("created", "inside"), server.event("answered", "inside")
    assert receipt(server, [event, other, event]) == {**NOTHING, "accepted": 2, "duplicates": 1}


def test_two_sources_may_use_the_same_event_id(server: Server) -> None:
    events = [
        server.event("created", "sources", id="one", source=f"urn:{name}") for name in ("a", "b")
    ]
    assert receipt(server, events) == {**NOTHING, "accepted": 2}


def test_a_type_that_is_not_ours_is_ignored(server: Server) -> None:
    event = {**server.event("created", "foreign"), "type": "com.example.door.opened"}
    assert receipt(server, event) == {**NOTHING, "ignored": 1}
    assert unknown(server, "foreign")


def test_of_a_batch_the_good_are_kept_and_the_bad_are_named(server: Server) -> None:
    good, late = server.event("created", "mixed-1"), server.event("created", "mixed-5")
    foreign = {**good, "id": "f", "type": "x"}
    wrong_data = {**server.event("created", "mixed-2"), "data": {"agent": 7}}
    nameless = {name: value for name, value in good.items() if name != "id"}
    told = receipt(server, [good, wrong_data, foreign, nameless, "text", late])
    assert (told["accepted"], told["ignored"]) == (2, 1)
    assert [each["index"] for each in told["rejected"]] == [1, 3, 4]
    details = [each["detail"] for each in told["rejected"]]
    assert "/data/agent" in details[0]
    assert "/id" in details[1]
    assert "object" in details[2]
    assert state(server, "mixed-1")["stage"] == state(server, "mixed-5")["stage"] == "created"
    assert unknown(server, "mixed-2")


def test_a_batch_without_one_good_event_is_refused_with_every_place(server: Server) -> None:
    bad = [{**server.event("created", f"bad-{n}"), "specversion": "0.3"} for n in range(3)]
    body = problem(post(server, bad), 400)
    assert [each["at"] for each in body["errors"]] == [f"/{n}/specversion" for n in range(3)]
    assert {each["detail"] for each in body["errors"]} == {"expected 1.0, got 0.3"}
    assert "and 2 more" in body["detail"]


def test_the_place_of_a_lone_events_fault_is_in_the_body_as_sent(server: Server) -> None:
    event = server.event("created", "placed")
    del event["subject"]
    body = problem(post(server, event), 400)
    assert body["detail"] == "/subject: is required"
    assert body["errors"] == [{"at": "/subject", "detail": "is required"}]


def test_a_batch_of_known_events_and_bad_ones_is_taken(server: Server) -> None:
    event = server.event("created", "half")
    receipt(server, event)
    told = receipt(server, [event, {"specversion": "1.0"}])
    assert (told["accepted"], told["duplicates"], len(told["rejected"])) == (0, 1, 1)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (rb"\ud800", rb"\ud800 is half a character"),
        (rb"x\udc00y", rb"\udc00 is half a character"),
        (b"\x01", b"invalid character"),
        (b"\xff", b"not UTF-8"),
    ],
)
@pytest.mark.parametrize("path", [EVENTS, f"{EVENTS}?long", AMAZON])
def test_text_that_is_none_spoils_only_its_own_event(
    server: Server, path: str, written: bytes, why: bytes
) -> None:
    event = server.event("created", "beside-half")
    if path == AMAZON:
        event = {
            "id": "amz",
            "source": "aws.connect",
            "detail-type": "Amazon Connect Contact Event",
            "detail": {"contactId": "amz", "eventType": "INITIATED", "channel": "VOICE"},
        }
    batch = text([event, {**event, "id": "HERE"}, event]).replace(b"HERE", written)
    answer = post(server, batch, path=path)
    told = answer.json()
    assert answer.status_code == 202
    assert told["accepted"] + told["duplicates"] == 2
    (rejected,) = told["rejected"]
    assert rejected["index"] == 1
    assert rejected["detail"].startswith("The event is not JSON: ")
    assert why.decode() in rejected["detail"]
    problem(post(server, batch[:-1], path=path), 400)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"specversion": "2.0"}, "/specversion"),
        ({"id": ""}, "/id"),
        ({"id": 7}, "/id"),
        ({"source": None}, "/source"),
        ({"subject": None}, "/subject"),
        ({"subject": "a\u0000b"}, "U+0000"),
        ({"subject": "c" * 257}, "/subject"),
        ({"time": "yesterday"}, "/time"),
        ({"time": "2026-11-21T20:00:00"}, "/time"),
        ({"data": []}, "/data"),
        ({"data": {"direction": "sideways"}}, "/data/direction"),
        ({"data": {"customer": {"phone": 49}}}, "/data/customer/phone"),
        ({"data": {"recording": {"url": "javascript:x"}}}, "/data/recording/url"),
        ({"data": {"attributes": {"n": 2**70}}}, "/data/attributes/n"),
        ({"Bad-Name": "x"}, "/Bad-Name"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_malformed_event_is_refused_with_its_place(
    server: Server, change: dict[str, Any], place: str
) -> None:
    body = problem(post(server, {**server.event("created", "malformed"), **change}), 400)
    assert place in body["detail"] + str(body["errors"])
    assert unknown(server, "malformed")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"7", b'{"id": NaN}', b"\xff\xfe", b'"\\ud800"', b"[1, 2", b"[[[[]]]]"],
    ids=repr,
)
def test_a_body_that_is_no_event_is_refused(server: Server, body: bytes) -> None:
    problem(post(server, body), 400)
    problem(post(server, body, path=AMAZON), 400)


def test_nesting_beyond_the_limit_is_refused(server: Server) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    event = text(server.event("created", "deep", attributes={"x": 0})).replace(
        b'"x": 0', b'"x": ' + b"[" * 40 + b"]" * 40
    )
    for body in (deep, event):
        assert post(server, body).status_code in (400, 413)
    assert unknown(server, "deep")


def test_a_batch_of_more_events_than_the_limit_is_refused_whole(server: Server) -> None:
    events = [server.event("created", "many", id=f"many-{number}") for number in range(1001)]
    problem(post(server, events), 413)
    assert unknown(server, "many")


def test_data_in_base64_is_read(server: Server) -> None:
    event = server.event("created", "base64")
    event["data_base64"] = base64.b64encode(text({**event.pop("data"), "queue": "q"})).decode()
    receipt(server, event)
    assert state(server, "base64")["queue"] == "q"


def test_an_event_is_a_duplicate_after_a_restart_too(server: Server) -> None:
    event = server.event("created", "restart")
    receipt(server, event)
    server.restart(kill=True)
    assert receipt(server, event) == {**NOTHING, "duplicates": 1}
    assert receipt(server, server.event("ended", "restart")) == {**NOTHING, "accepted": 1}
    assert list(state(server, "restart")["stages"]) == ["created", "ended"]
