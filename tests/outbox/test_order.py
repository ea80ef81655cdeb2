"""Steps of one contact run in order; no contact waits for another."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from adapter.demo.simulated.faults import Kind
from tests.outbox.office import (
    Call,
    break_down,
    give_up_all,
    replay,
    set_steps,
    settle,
    writes,
)
from tests.server import PATIENCE, Server, eventually

POISONED = (
    '{"phonenumber": "{{CustomerEndpoint}}", "subject": "{{topic}}", "prioritycode": {{priority}}}'
)
POISON: dict[str, Any] = {"topic": "Delivery", "priority": 99}
"""Dynamics refuses it: there is no such choice."""
CURE: dict[str, Any] = {"topic": "Delivery", "priority": 1}


def test_a_step_that_is_tried_again_holds_back_the_later_ones_of_its_contact(call: Call) -> None:
    break_down(call.dynamics, Kind.STATUS, method="POST", status=500, count=2)
    call.created()
    call.ended()
    call.recorded()
    call.until("description", call.recording)
    done = [(line["method"], line["status"]) for line in writes(call.dynamics)[:3]]
    assert done == [("POST", 500), ("POST", 500), ("POST", 201)]
    patched = [line["body"] for line in writes(call.dynamics, "PATCH")]
    assert [list(body) for body in patched] == [["category"], ["description"]]


def test_the_time_between_tries_grows(call: Call) -> None:
    break_down(call.dynamics, Kind.STATUS, method="POST", status=500, count=3)
    call.created()
    call.until_told("step 2 POST phonecalls: done")
    waits = [
        float(line.rpartition("tried again in ")[2].split()[0])
        for line in call.told("step waits", "tried again in")
    ]
    assert len(waits) == 3
    assert 0.5 <= waits[0] <= 1.0 <= waits[1] <= 2.0 <= waits[2] <= 4.0


def test_a_slow_answer_delays_no_other_contact(call: Call) -> None:
    others = [Call(call.server, call.dynamics) for _ in range(5)]
    slow = break_down(call.dynamics, Kind.SLOW, method="POST", seconds=PATIENCE)
    call.created()
    eventually(lambda: slow.met, "the slow request")
    for other in others:
        other.created()
        other.ended()
    for other in others:
        other.until("category", "voice", within=PATIENCE / 2)
    assert call.rows() == []


def test_a_contact_that_is_tried_again_delays_no_other(call: Call) -> None:
    other = Call(call.server, call.dynamics)
    call.created()
    row = call.row()
    call.until_told("step 2 POST phonecalls: done")
    fault = break_down(
        call.dynamics, Kind.STATUS, path=row["activityid"], method="PATCH", status=500, count=-1
    )
    call.ended()
    eventually(lambda: fault.met >= 2, "it is tried again")
    other.created()
    other.ended()
    other.until("category", "voice")
    assert call.told("step waits", "step 4 PATCH phonecalls")
    call.dynamics.world.faults.clear()
    call.until("category", "voice")


def test_a_poisoned_contact_becomes_dead_letters_that_say_why_and_others_go_on(call: Call) -> None:
    set_steps(call.server, bodies={2: POISONED})
    other = Call(call.server, call.dynamics)
    call.created(attributes=POISON)
    call.ended()
    other.created(attributes=CURE)
    other.ended()
    other.until("category", "voice")
    create, end = call.until_letters(2)
    assert create["step"] == 2
    assert "'prioritycode'" in create["cause"]
    assert "outside the valid range" in create["cause"]
    assert end["step"] == 4
    assert "step 2 failed" in end["cause"], "at once: what it needs will not come"
    assert call.rows() == []
    assert other.letters() == []


def test_a_replayed_create_brings_the_steps_that_died_of_it(call: Call) -> None:
    set_steps(call.server, bodies={2: POISONED})
    other = Call(call.server, call.dynamics)
    for each in (call, other):
        each.created(attributes=POISON)
        each.ended()
        each.recorded()
    create, _end, _recorded = call.until_letters(3)
    other.until_letters(3)
    call.report("updated", attributes=CURE)
    replay(call.server, create["id"])
    assert call.row()["subject"] == "Delivery"
    row = call.until("description", call.recording)
    assert row["category"] == "voice"
    eventually(lambda: call.letters() == [], "no dead letter is left")
    assert len(other.letters()) == 3
    assert len(call.told("step replayed")) == 3


def test_a_step_that_was_corrected_is_replayed_as_it_is_now(call: Call) -> None:
    set_steps(call.server, bodies={2: POISONED})
    call.created(attributes=POISON)
    call.ended()
    create, end = call.until_letters(2)
    assert "step 2 POST phonecalls" in create["cause"]
    assert "Correct the step's body" in create["cause"]
    told = "step 4: step 2 failed. Replay step 2's dead letter: this one goes with it."
    assert end["cause"] == told
    replay(call.server, create["id"])
    call.until_told("step failed", "step 2 POST phonecalls", times=2)
    corrected = {2: '{"phonenumber": "{{CustomerEndpoint}}", "subject": "{{topic}}"}'}
    set_steps(call.server, bodies={**corrected, 4: '{"category": "{{Channel}} now"}'})
    replay(call.server, create["id"])
    row = call.until("category", "voice now")
    assert row["subject"] == "Delivery"
    eventually(lambda: call.letters() == [], "no dead letter is left")
    assert len(call.rows()) == 1


def test_a_step_that_does_something_else_by_now_is_replayed_as_it_was(call: Call) -> None:
    set_steps(call.server, bodies={2: POISONED})
    call.created(attributes=POISON)
    (create,) = call.until_letters(1)
    other = {"number": 2, "method": "POST", "table": "contacts", "body": {"lastname": "Nobody"}}
    saved = call.server.request("PUT", "/v1/admin/steps", {"steps": [other]}, scope="admin")
    assert saved.is_success, saved.text
    call.report("updated", attributes=CURE)
    replay(call.server, create["id"])
    assert call.row()["subject"] == "Delivery"


def test_a_replayed_update_is_replayed_alone(call: Call) -> None:
    set_steps(call.server, bodies={2: POISONED})
    call.created(attributes=POISON)
    call.ended()
    create, end = call.until_letters(2)
    replay(call.server, end["id"])
    call.until_told("step failed", "step 2 failed", times=2)
    assert {each["id"] for each in call.letters()} == {create["id"], end["id"]}


def test_a_dismissed_dead_letter_is_gone_and_stays_given_up(call: Call) -> None:
    set_steps(call.server, bodies={2: POISONED})
    call.created(attributes=POISON)
    call.ended()
    create, end = call.until_letters(2)
    path = "/v1/admin/dead-letters/dismiss"
    body = {"id": end["id"], "reason": "a test call"}
    done = call.server.request("POST", path, body, scope="admin")
    assert done.json() == {"dismissed": 1}
    assert [each["id"] for each in call.letters()] == [create["id"]]
    assert call.told("step dismissed", "a test call")
    call.report("updated", attributes=CURE)
    replay(call.server, create["id"])
    assert not call.row().get("category"), "the admin has given that step up"
    assert call.server.request("POST", path, body, scope="admin").status_code == 404
    audit = call.server.request("GET", "/v1/admin/audit", scope="admin").json()["audit"]
    assert f"dead letter {end['id']} dismissed: a test call" in [each["what"] for each in audit]
    for bad in ({}, {"id": 1, "all": True}, {"all": False}, {"id": 1, "reason": 5}):
        assert call.server.request("POST", path, bad, scope="admin").status_code == 400, bad


def test_all_dead_letters_are_replayed_at_once_in_the_order_of_the_steps(call: Call) -> None:
    give_up_all(call.server)
    set_steps(call.server, bodies={2: POISONED})
    pair = (call, Call(call.server, call.dynamics))
    for each in pair:
        each.created(attributes=POISON)
        each.ended()
        each.recorded()
    for each in pair:
        each.until_letters(3)
        each.report("updated", attributes=CURE)
    replay(call.server)
    for each in pair:
        each.until("description", each.recording)
        assert each.row()["category"] == "voice"
        eventually(lambda: each.letters() == [], "no dead letter is left")  # noqa: B023


def test_a_dead_letter_that_there_is_not_cannot_be_replayed(server: Server) -> None:
    path = "/v1/admin/dead-letters/replay"
    assert server.request("POST", path, {"id": 999_999}, scope="admin").status_code == 404
    assert server.request("POST", path, {"id": "1"}, scope="admin").status_code == 400
    assert server.request("POST", path, {"id": 1}, scope="ingest").status_code == 403


def test_a_record_that_somebody_deleted_is_a_dead_letter_and_no_ghost(call: Call) -> None:
    call.created()
    call.dynamics.world.database.remove("phonecall", call.row()["activityid"])
    call.ended()
    (letter,) = call.until_letters()
    assert letter["step"] == 4
    assert "Does Not Exist" in letter["cause"]
    assert call.rows() == []


def test_neither_the_trace_nor_a_dead_letter_repeats_personal_values(call: Call) -> None:
    name = "Denise Q. Carterova"
    wrong = '{"phonenumber": "{{CustomerEndpoint}}", "actualstart": "{{Customer.Name}}"}'
    set_steps(call.server, bodies={2: wrong})
    call.created(customer={"phone": call.phone, "name": name})
    (letter,) = call.until_letters()
    seen = writes(call.dynamics, "POST")
    assert seen[0]["body"]["actualstart"] == name
    whole = f"{letter} {call.story()}"
    assert name not in whole
    assert call.phone not in whole
    assert "actualstart" in letter["cause"] or "…" in letter["cause"]


def test_a_missing_privilege_is_a_dead_letter_that_names_it(
    call: Call, fields: dict[str, Any]
) -> None:
    from adapter.demo.simulated.dataverse import seeding  # noqa: PLC0415

    user = seeding.user_id("application")
    call.dynamics.world.security.revoke(user, ["prvCreateActivity"])
    call.created()
    (letter,) = call.until_letters()
    assert "prvCreateActivity" in letter["cause"]
    call.dynamics.world.security.grant(user, {"prvCreateActivity"})
    replay(call.server, letter["id"])
    call.row()


def test_an_event_that_makes_nothing_due_does_not_wait_for_who_holds_the_database(
    call: Call,
) -> None:
    call.created()
    call.row()
    settle(call.server, call.dynamics)
    feed = call.panel()
    with closing(sqlite3.connect(call.server.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        call.report("offered", agent=call.agent)
        feed.until("screenpop.contact.offered")
