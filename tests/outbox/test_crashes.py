"""Kill the server while it speaks to Dynamics: what was begun is finished, and once."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from adapter.demo.simulated.faults import Kind
from adapter.demo.simulated.serving import Simulation
from tests.outbox.office import Call, break_down, letters, writes
from tests.server import Server, eventually

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("moment", ["before the effect", "after the effect"])
def test_a_request_that_was_under_way_at_a_kill_takes_effect_once(
    fresh: Server, dynamics: Simulation, moment: str
) -> None:
    call = Call(fresh, dynamics)
    kind = Kind.HANG if moment == "before the effect" else Kind.SLOW_ANSWER
    for method, report in (("POST", call.created), ("PATCH", call.ended)):
        fault = break_down(dynamics, kind, method=method, path="phonecalls", seconds=1.0)
        report()
        eventually(partial(getattr, fault, "met"), f"the {method} is under way")
        fresh.restart(kill=True)
    call.recorded()
    row = call.until("description", call.recording)
    assert row["category"] == "voice"
    assert len(call.rows()) == 1
    assert letters(fresh) == []
    assert call.told("step 2 POST phonecalls: done")
    assert call.told("step 4 PATCH phonecalls: done")


def test_what_was_acknowledged_and_never_begun_is_sent_after_the_restart(
    fresh: Server, dynamics: Simulation
) -> None:
    calls = [Call(fresh, dynamics) for _ in range(20)]
    events: list[dict[str, Any]] = []
    for call in calls:
        customer = {"phone": call.phone}
        events.append(fresh.event("created", call.id, customer=customer))
        events.append(fresh.event("ended", call.id))
    assert fresh.post(*events).status_code == 202
    fresh.kill9()  # the answer came with the commit: little or nothing is sent yet
    before = len(writes(dynamics))
    fresh.start()
    for call in calls:
        call.until("category", "voice")
        assert len(call.rows()) == 1
    assert before < 2 * len(calls), "something was left for after the restart"


def test_the_wait_that_dynamics_asked_for_and_dead_letters_survive_a_kill(
    fresh: Server, dynamics: Simulation
) -> None:
    dead, waits = Call(fresh, dynamics), Call(fresh, dynamics)
    break_down(dynamics, Kind.STATUS, method="POST", status=400, code="0x80040203", message="No")
    dead.created()
    (letter,) = dead.until_letters()
    break_down(dynamics, Kind.STATUS, method="POST", status=503, count=2)
    waits.created()
    waits.until_told("step waits")
    fresh.restart(kill=True)
    waits.row()
    assert [each["id"] for each in dead.letters()] == [letter["id"]]
    assert dead.letters()[0]["cause"] == letter["cause"]
