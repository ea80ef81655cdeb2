"""Whatever Dynamics or the network does to a request, it takes effect, and once."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from adapter.dataverse.limiter import AT_ONCE
from adapter.demo.simulated.faults import Kind
from tests.outbox.office import ENDED_AND_COMPLETED, Call, break_down, set_steps, writes
from tests.server import eventually

_ends = itertools.count(1)

TROUBLES: dict[str, dict[str, Any]] = {
    "the answer is lost": {"kind": Kind.DROP_AFTER},
    "the request is lost": {"kind": Kind.DROP_BEFORE},
    "no answer for a while and then none": {"kind": Kind.HANG, "seconds": 1.0},
    "a fault of the server": {"kind": Kind.STATUS, "status": 500},
    "a gateway in between": {"kind": Kind.STATUS, "status": 502},
    "maintenance": {"kind": Kind.STATUS, "status": 503},
    "a limit": {"kind": Kind.STATUS, "status": 429, "retry_after": 1},
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_step_takes_effect_once_whatever_happens_to_its_request(
    call: Call, trouble: str, method: str
) -> None:
    fault = break_down(call.dynamics, method=method, path="phonecalls", **TROUBLES[trouble])
    call.created()
    call.ended()
    call.recorded()
    row = call.until("description", call.recording)
    assert fault.met == 1
    assert row["category"] == "voice"
    assert len(call.rows()) == 1
    assert call.letters() == []
    assert len(call.told("step waits", f"{method} phonecalls", "tried again in")) == 1
    assert len(call.until_told("step: step", "done in", times=3)) == 3


def test_a_create_whose_answer_is_lost_thrice_makes_one_row_and_gives_its_id(call: Call) -> None:
    fault = break_down(call.dynamics, Kind.DROP_AFTER, method="POST", path="phonecalls", count=3)
    call.created()
    call.ended()
    row = call.until("category", "voice")
    assert fault.met == 3
    assert len(call.told("step waits", "POST phonecalls")) == 3, "each retry is on the trace"
    created = {line["body"]["activityid"] for line in writes(call.dynamics, "POST")}
    assert created == {row["activityid"]}
    call.until_told("step 2 POST phonecalls: done", "an earlier try had made the row")


@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_sent_before_the_time_that_dynamics_named(call: Call, status: int) -> None:
    other = Call(call.server, call.dynamics)
    fault = break_down(call.dynamics, Kind.STATUS, method="POST", status=status, retry_after=3)
    call.created()
    eventually(lambda: fault.met, "the refusal")
    eventually(lambda: call.told("step waits", "POST phonecalls"), "the refusal is understood")
    other.created()
    call.row()
    other.row()
    refused, *later = [_at(line) for line in writes(call.dynamics)]
    assert len(later) == 2
    assert all(at - refused > 2.9 for at in later), "another contact too: limits are the account's"


def test_a_wait_that_is_named_as_a_date_is_kept(call: Call) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
    named = format_datetime(until, usegmt=True)
    break_down(call.dynamics, Kind.STATUS, method="POST", status=429, retry_after=named)
    call.created()
    call.row()
    assert datetime.now(UTC) >= until
    assert len(writes(call.dynamics)) == 2
    assert call.letters() == []


def test_a_token_that_cannot_be_had_is_waited_for(call: Call) -> None:
    fault = break_down(call.dynamics, Kind.STATUS, where="token", status=503, count=2)
    _end_every_token(call)
    call.created()
    call.ended()
    call.until("category", "voice")
    assert fault.met == 2
    assert call.letters() == []
    assert len(call.rows()) == 1


def test_a_token_that_dynamics_refuses_is_renewed_without_a_trace_of_trouble(call: Call) -> None:
    _end_every_token(call)
    call.created()
    call.until_told("step 2 POST phonecalls: done")
    assert [line["status"] for line in writes(call.dynamics, "POST")] == [401, 201]
    assert call.told("step waits") == []


def test_of_many_contacts_only_those_on_their_way_send_a_token_that_was_refused(call: Call) -> None:
    many = [Call(call.server, call.dynamics) for _ in range(150)]
    call.created()
    call.until_told("step 2 POST phonecalls: done")
    break_down(call.dynamics, Kind.SLOW, where="token", seconds=0.5)
    _end_every_token(call)
    events = [
        call.server.event("created", each.id, customer={"phone": each.phone}) for each in many
    ]
    assert call.server.post(*events).status_code == 202
    for each in many:
        each.until_told("step 2 POST phonecalls: done")
    statuses = Counter(line["status"] for line in writes(call.dynamics, "POST"))
    assert statuses[201] == 1 + len(many)
    assert 1 <= statuses[401] <= AT_ONCE
    assert set(statuses) == {201, 401}
    assert sum(line["where"] == "token" for line in call.dynamics.world.log) == 1
    assert not any(each.told("step waits") for each in many)
    assert call.letters() == []


def test_a_completion_whose_answer_is_lost_leaves_no_note(call: Call) -> None:
    set_steps(call.server, bodies={4: ENDED_AND_COMPLETED})
    break_down(call.dynamics, Kind.DROP_AFTER, method="PATCH", path="phonecalls")
    call.created()
    call.ended()
    call.until_told("step 4 PATCH phonecalls: done", "an earlier try had completed the row")
    assert call.row()["statecode"] == 1
    assert call.notes() == [], "the row is completed because we completed it"
    assert call.letters() == []


def test_a_note_whose_answer_is_lost_is_written_once(call: Call) -> None:
    set_steps(call.server, bodies={4: ENDED_AND_COMPLETED})
    call.created()
    call.ended()
    call.until("statecode", 1)
    fault = break_down(call.dynamics, Kind.DROP_AFTER, method="POST", path="annotations", count=2)
    call.recorded()
    call.until_told("step 5 (note) POST annotations: done")
    assert fault.met == 2
    assert call.notes() == [f"Your Recording URI is {call.recording}"]


def _end_every_token(call: Call) -> None:
    """Let Dynamics refuse the tokens of before: its clock goes on by some hours."""
    call.dynamics.world.behaviour.ahead += timedelta(hours=5 * next(_ends))


def _at(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["at"]).timestamp()
