"""Report contacts through the front door, in any order, and read them back."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.ingest.doors import problem, state
from tests.server import Server

DAY = "2026-11-21T20:00:"
LIFE: list[tuple[str, int, dict[str, Any]]] = [
    ("created", 0, {"customer": {"phone": "+49301"}, "queue": "sales", "attributes": {"A": 1}}),
    ("offered", 5, {"agent": "Alice"}),
    ("answered", 9, {"agent": "Alice", "attributes": {"A": 2, "B": "x"}}),
    ("updated", 12, {"customer": {"name": "Ada"}, "attributes": {"B": "y"}}),
    ("transferred", 20, {"agent": "bob", "initialContactId": "c-first"}),
    ("answered", 22, {"agent": "bob"}),
    ("updated", 22, {"queue": "service"}),
    ("ended", 40, {}),
    ("recorded", 50, {"recording": {"url": "https://files.test/a.wav"}}),
    ("recorded", 55, {"recording": {"url": "https://files.test/b.wav", "redacted": True}}),
    ("transcribed", 59, {"recording": {"url": "https://files.test/a.json"}}),
]
EXPECTED: dict[str, Any] = {
    "channel": "voice",
    "direction": "inbound",
    "agent": "bob",
    "customer": {"phone": "+49301", "name": "Ada"},
    "queue": "service",
    "stage": "transcribed",
    "stages": {
        "created": f"{DAY}00Z",
        "offered": f"{DAY}05Z",
        "answered": f"{DAY}09Z",
        "transferred": f"{DAY}20Z",
        "ended": f"{DAY}40Z",
        "recorded": f"{DAY}50Z",
        "transcribed": f"{DAY}59Z",
    },
    "attributes": {"A": 2, "B": "y", "objectUrl": "https://files.test/a.json"},
    "recordings": [
        {"kind": "transcript", "url": "https://files.test/a.json", "redacted": False},
        {"kind": "recording", "url": "https://files.test/a.wav", "redacted": False},
        {"kind": "recording", "url": "https://files.test/b.wav", "redacted": True},
    ],
}


def life(server: Server, contact: str) -> list[dict[str, Any]]:
    """Make the events of one contact's life."""
    return [
        server.event(stage, contact, id=f"{contact}-{number}", time=f"{DAY}{second:02}Z", **said)
        for number, (stage, second, said) in enumerate(LIFE)
    ]


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_posts_gives_the_same_contact(server: Server, seed: int) -> None:
    dice, contact = random.Random(seed), f"order-{seed}"
    events = life(server, contact)
    events += dice.choices(events, k=4)
    dice.shuffle(events)
    while events:  # single posts and batches mixed
        size = min(len(events), dice.randint(1, 4))
        some, events = events[:size], events[size:]
        assert server.post(*some).status_code == 202
    linked = {"id": contact, "linked": ["c-first"]}
    assert state(server, contact) == {**EXPECTED, **linked}


def test_a_contact_comes_out_the_same_when_the_server_was_killed_in_between(
    server: Server,
) -> None:
    events = life(server, "killed")
    random.Random(7).shuffle(events)
    for number, event in enumerate(events):
        assert server.post(event).status_code == 202
        if number == len(events) // 2:
            server.restart(kill=True)
    found = state(server, "killed")
    assert found == {**EXPECTED, "id": "killed", "linked": ["c-first"]}


def test_links_are_seen_from_both_ends_whichever_comes_in_first(server: Server) -> None:
    server.report("created", "leg-1")
    server.report("created", "leg-2", initialContactId="leg-1", links=["leg-3"])
    server.report("created", "leg-3")
    assert state(server, "leg-1")["linked"] == ["leg-2"]
    assert state(server, "leg-2")["linked"] == ["leg-1", "leg-3"]
    assert state(server, "leg-3")["linked"] == ["leg-2"]


def test_a_transfer_without_an_agent_takes_the_contact_from_the_one_who_had_it(
    server: Server,
) -> None:
    server.report("answered", "queued", agent="alice", time=f"{DAY}01Z")
    server.report("transferred", "queued", queue="service", time=f"{DAY}02Z")
    assert state(server, "queued")["agent"] is None
    server.report("answered", "queued", agent="bob", time=f"{DAY}03Z")
    assert state(server, "queued")["agent"] == "bob"


def test_an_alias_names_the_agent_of_old_contacts_too(server: Server) -> None:
    server.report("answered", "aliased", agent="ARN:x/Agent/9")
    assert state(server, "aliased")["agent"] == "arn:x/agent/9"
    body = {"agent": "Carol@contoso.com", "source_id": "arn:X/agent/9"}
    answer = server.request("PUT", "/v1/admin/aliases", body, scope="admin")
    assert answer.status_code == 200
    assert state(server, "aliased")["agent"] == "carol@contoso.com"


def test_a_contact_id_may_hold_what_a_path_cannot(server: Server) -> None:
    for contact in ("a/b c?d#e", "ä/%2F", "x/trace"):
        server.report("created", contact)
        quoted = "".join(f"%{byte:02X}" for byte in contact.encode())
        if contact != "x/trace":
            assert state(server, quoted)["id"] == contact


def test_an_unknown_contact_is_not_found(server: Server) -> None:
    for path in ("/v1/contacts/nobody", "/v1/contacts/nobody/trace"):
        problem(server.request("GET", path, scope="admin"), 404)


@pytest.mark.parametrize("scope", ["ingest", "feed", None])
def test_only_an_admin_key_reads_contacts(server: Server, scope: str | None) -> None:
    server.report("created", "secret")
    for path in ("/v1/contacts/secret", "/v1/contacts/secret/trace"):
        problem(server.request("GET", path, scope=scope), 401 if scope is None else 403)


def test_the_trace_tells_the_story_with_milliseconds(server: Server) -> None:
    server.report("created", "story")
    server.report("answered", "story", agent="alice")
    answer = server.request("GET", "/v1/contacts/story/trace", scope="admin").json()
    steps = answer["trace"]
    assert answer["contact"] == "story"
    assert [step["what"] for step in steps[:2]] == ["received", "stored"]
    assert steps[0]["ms"] == 0
    assert [step["ms"] for step in steps] == sorted(step["ms"] for step in steps)
    matched = [step["detail"] for step in steps if step["what"] == "matched"]
    assert any("answered at alice" in detail for detail in matched)  # and why nothing popped
