"""However a contact goes and in whatever order it is told, its row ends as the plan promises."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.demo.simulated.dataverse import seeding
from adapter.demo.simulated.faults import Kind
from tests.outbox.office import ENDED_AND_COMPLETED, Call, break_down, set_steps, writes

ALICE, BOB = "alice@contoso.onmicrosoft.com", "bob@contoso.onmicrosoft.com"


def test_an_end_that_is_told_first_waits_for_the_number_and_goes_on_as_soon_as_it_is_there(
    call: Call,
) -> None:
    call.ended()
    call.until_told("step waits: step 2: {{CustomerEndpoint}}", "the contact has no such attribute")
    assert call.rows() == []
    call.created()
    row = call.until("category", "voice", within=5)  # the next look would be in ten seconds
    assert row["subject"] == f"Call between Username and {call.phone}" or row["subject"]
    assert len(call.rows()) == 1


def test_an_answer_that_comes_after_the_end_changes_nothing(call: Call) -> None:
    call.created()
    call.ended()
    call.until("category", "voice")
    before = len(writes(call.dynamics))
    call.answered()
    call.recorded()
    call.until("description", call.recording)
    assert len(writes(call.dynamics)) == before + 1
    assert len(call.rows()) == 1


def test_events_that_come_twice_are_sent_once(call: Call) -> None:
    call.created()
    told = [call.report("answered", agent=call.agent), call.report("ended")]
    found = {"kind": "recording", "url": call.recording}
    told.append(call.report("recorded", recording=found))
    call.until("description", call.recording)
    for event in told:
        assert call.server.post(event).json()["duplicates"] == 1
    call.report("recorded", recording=found)  # the same file under another event's id
    call.report("ended")
    later = Call(call.server, call.dynamics)
    later.created()
    later.row()
    mine = [line for line in writes(call.dynamics) if later.phone not in str(line["body"])]
    assert [line["method"] for line in mine] == ["POST", "PATCH", "PATCH"]


@pytest.mark.parametrize(
    ("completed", "described", "noted"), [("note", False, True), ("reopen", True, False)]
)
def test_a_recording_that_comes_long_after_the_completion_is_kept(
    call: Call, completed: str, *, described: bool, noted: bool
) -> None:
    set_steps(call.server, bodies={4: ENDED_AND_COMPLETED}, completed=completed)
    call.created()
    call.answered()
    call.ended()
    call.until("statecode", 1)
    call.recorded(time="2026-12-24T12:00:00Z")
    call.until_told("step 5", "done")
    if described:
        call.until("description", call.recording)
    call.until("statecode", 1)
    assert (call.recording in (call.row().get("description") or "")) is described
    assert call.notes() == ([f"Your Recording URI is {call.recording}"] if noted else [])
    assert call.letters() == []


def test_a_row_may_wait_for_its_recording_before_it_is_completed(call: Call) -> None:
    set_steps(call.server, bodies={4: ENDED_AND_COMPLETED}, completed="wait")
    call.created()
    call.answered()
    call.ended()
    call.until("category", "voice")
    assert call.row()["statecode"] == 0
    call.recorded()
    row = call.until("statecode", 1)
    assert call.recording in row["description"]
    assert row["statuscode"] == 4
    assert call.notes() == []


def test_a_row_that_a_person_completed_gets_the_rest_as_a_note(call: Call) -> None:
    call.created()
    row = call.row()
    call.until_told("step 2 POST phonecalls: done")
    api = call.dynamics.world.database
    known = api.get("phonecall", row["activityid"])
    assert known is not None
    api.put("phonecall", row["activityid"], {**known, "statecode": 1, "statuscode": 2})
    call.recorded()
    call.until_told("the row is completed; kept as a note on it")
    call.until_told("step 5 (note) POST annotations: done")
    assert call.notes() == [f"Your Recording URI is {call.recording}"]


def test_the_row_of_a_transferred_contact_belongs_to_the_last_agent(call: Call) -> None:
    set_steps(call.server, owner="agent")
    call.created()
    call.answered(ALICE)
    call.report("transferred", agent=BOB)
    call.answered(BOB)
    call.ended()
    row = call.until("category", "voice")
    assert row["ownerid"].id == seeding.user_id("bob")
    call.report("updated", agent=ALICE)  # it was alice who had it at the end, told late
    call.until_told("(owner) GET systemusers: done", times=2)
    call.until_told("step 4 PATCH phonecalls: done", times=2)
    assert call.row()["ownerid"].id == seeding.user_id("alice")


@pytest.mark.parametrize(
    ("rule", "category", "state"), [("same", "voice", 1), ("cancel", "voice", 2), ("skip", None, 0)]
)
def test_an_abandoned_call_ends_as_the_tenant_chose(
    call: Call, rule: str, category: str | None, state: int
) -> None:
    set_steps(call.server, bodies={4: ENDED_AND_COMPLETED}, abandoned=rule)
    call.created()
    call.report("offered", agent=call.agent)
    call.ended()
    call.until("statecode", state)
    call.until_told("step 2 POST phonecalls: done")
    if category:
        call.until_told("step 4 PATCH phonecalls: done")
    assert call.row().get("category") == category
    assert call.row()["statecode"] == state


def test_a_contact_that_is_told_backwards_ends_as_any_other(call: Call) -> None:
    times = {"created": "00", "answered": "10", "ended": "20", "recorded": "30"}
    began = "2027-01-01T10:00:{}Z"
    call.recorded(time=began.format(times["recorded"]))
    call.report("ended", time=began.format(times["ended"]))
    call.report("answered", time=began.format(times["answered"]), agent=call.agent)
    call.created(time=began.format(times["created"]))
    call.until("category", "voice")
    row = call.until("description", call.recording)
    assert row["actualstart"] == "2027-01-01T10:00:00Z"
    assert len(call.rows()) == 1


HOSTILE: dict[str, Any] = {
    "quotes and braces": 'O"Hara\'); {"statecode":1}, }}',
    "line breaks": "first\r\nsecond\tthird\u2028fourth",
    "a placeholder": "{{STEP2-Response.activityid}} {{appid}} objectUrl",
    "percent and plus": "%27 + %2B ; --",
    "far planes": "😀 \U0001d54f é \u202e right to left",
    "markup": "<script>alert(1)</script> & \\u0041 \\",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_ends_up_literally_in_the_row(call: Call, name: str) -> None:
    value = HOSTILE[name]
    body = '{"phonenumber": "{{CustomerEndpoint}}", "subject": "About {{Customer.Name}}!"}'
    end = '{"category": "{{Channel}}", "description": "{{topic}}"}'
    set_steps(call.server, bodies={2: body, 4: end})
    call.created(customer={"phone": call.phone, "name": value}, attributes={"topic": value})
    call.ended()
    row = call.until("category", "voice")
    assert row["subject"] == f"About {value}!"
    assert row["description"] == value
    assert row["statecode"] == 0
    assert len(call.rows()) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_in_a_filter_finds_the_row_that_has_it_and_no_other(
    call: Call, name: str
) -> None:
    value = HOSTILE[name]
    steps = [
        {"number": 6, "method": "POST", "table": "contacts", "body": {"lastname": "{{topic}}"}},
        {
            "number": 7,
            "method": "GET",
            "table": "contacts",
            "query_string": "?$select=contactid&$filter=lastname eq '{{topic}}'",
            "want_response": True,
        },
        {
            "number": 8,
            "method": "POST",
            "table": "phonecalls",
            "body": {
                "subject": "found",
                "phonenumber": "{{CustomerEndpoint}}",
                "directioncode": False,
                "regardingobjectid_contact@odata.bind": "/contacts({{STEP7-Response.contactid}})",
            },
        },
    ]
    document = {"steps": [{**each, "stage": "created"} for each in steps]}
    saved = call.server.request("PUT", "/v1/admin/steps", document, scope="admin")
    assert saved.is_success, saved.text
    call.created(attributes={"topic": value})
    found = call.row()["regardingobjectid"]
    world = call.dynamics.world
    rows = world.database.rows("contact")
    assert [record for record, row in rows.items() if row["lastname"] == value] == [found.id]
    assert call.letters() == []


def test_a_null_character_is_refused_at_the_door_and_reaches_no_row(call: Call) -> None:
    event = call.server.event("created", call.id, customer={"phone": call.phone, "name": "a\0b"})
    answer = call.server.post(event)
    assert answer.status_code in (400, 422), answer.text
    call.created()
    call.row()
    assert "\\u0000" not in json.dumps([line["body"] for line in writes(call.dynamics)])


def test_a_hostile_agent_finds_no_user_and_no_more(call: Call) -> None:
    set_steps(call.server, owner="agent")
    call.created()
    call.answered("x' or isdisabled eq false or domainname eq 'x")
    call.ended()
    row = call.until("category", "voice")
    call.until_told("step 4 PATCH phonecalls: done")
    assert row["ownerid"].id == seeding.user_id("application")
    call.until_told("step 4 (owner) GET systemusers: done", "the owner stays")


def test_a_file_of_each_kind_that_comes_late_replaces_a_worse_one(call: Call) -> None:
    break_down(call.dynamics, Kind.STATUS, method="PATCH", status=503)
    call.created()
    call.ended()
    transcript = "https://recordings.example/t.json"
    call.report("transcribed", recording={"kind": "transcript", "url": transcript})
    call.until("description", transcript)
    call.recorded()
    call.until("description", call.recording)
    assert len(call.rows()) == 1
