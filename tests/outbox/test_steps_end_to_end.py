from __future__ import annotations

from tests.outbox.office import Call
from tests.server import eventually


def test_a_contact_leaves_one_phone_call_with_the_fields_of_every_step(call: Call) -> None:
    panel = call.panel()
    call.created()
    call.report("offered", agent=call.agent)
    call.answered()
    pop = panel.until("screenpop.pop")["data"]
    (row,) = eventually(call.rows, "the phone call is made")
    assert pop["open"] is True
    assert pop["record"] == {"table": "phonecall", "id": row["activityid"]}
    call.ended()
    call.recorded()
    call.until("category", "voice")
    call.until("description", call.recording)
    assert len(call.rows()) == 1


def test_the_trace_tells_each_request_with_its_time(call: Call) -> None:
    call.created()
    call.ended()
    call.until("category", "voice")
    call.until_told("step 4 PATCH phonecalls: done in", " ms")
    steps = [line for line in call.told("step") if "done" in line]
    assert [line.split(" done in")[0] for line in steps] == [
        "step: step 2 POST phonecalls:",
        "step: step 4 PATCH phonecalls:",
    ]
