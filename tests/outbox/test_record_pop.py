"""The agent who answers is shown the record that a step made: once, and never a wrong page."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from adapter.demo.simulated.faults import Kind
from tests.outbox.office import Call, break_down, set_steps
from tests.server import eventually


def test_the_record_opens_at_once_where_it_is_there(call: Call) -> None:
    panel = call.panel()
    call.created()
    row = call.row()
    call.until_told("step 2 POST phonecalls: done")
    call.answered()
    pop = panel.until("screenpop.pop")["data"]
    assert pop["open"] is True
    assert pop["record"] == {"table": "phonecall", "id": row["activityid"]}
    assert parse_qs(urlsplit(pop["url"]).query)["id"] == [row["activityid"]]


def test_a_late_record_opens_by_itself_within_the_agents_patience(call: Call) -> None:
    panel = call.panel()
    slow = break_down(call.dynamics, Kind.SLOW, method="POST", seconds=2.0)
    call.created()
    eventually(lambda: slow.met, "the create is under way")
    call.answered()
    card = panel.until("screenpop.contact.answered")["data"]
    assert card["customer"]["phone"] == call.phone, "the contact's card is there at once"
    assert call.rows() == []
    pop = panel.until("screenpop.pop")["data"]
    assert pop["open"] is True
    assert pop["record"]["id"] == call.row()["activityid"]
    panel.outcome(pop["pop"], "opened")
    call.ended()
    call.until("category", "voice")
    call.recorded()
    call.until("description", call.recording)
    assert "screenpop.pop" not in [each["type"] for each in panel.sync()], "one pop"


def test_a_record_that_comes_after_the_agents_patience_is_a_card(call: Call) -> None:
    set_steps(call.server, patience=1)
    panel = call.panel()
    slow = break_down(call.dynamics, Kind.SLOW, method="POST", seconds=3.0)
    call.created()
    eventually(lambda: slow.met, "the create is under way")
    call.answered()
    pop = panel.until("screenpop.pop")["data"]
    assert (pop["open"], pop["present"]) == (False, "card")
    assert pop["record"]["id"] == call.row()["activityid"]


def test_where_the_record_will_not_come_a_card_says_why_and_offers_a_search(call: Call) -> None:
    panel = call.panel()
    break_down(
        call.dynamics, Kind.STATUS, method="POST", status=400, code="0x80040203", message="No calls"
    )
    call.created()
    call.answered()
    pop = panel.until("screenpop.pop")["data"]
    assert (pop["open"], pop["present"], pop["record"]) == (False, "card", None)
    assert "step 2 failed" in pop["reason"]
    assert "No calls" in pop["reason"]
    address = urlsplit(pop["url"])
    assert call.phone.lstrip("+") in address.query
    assert "search" in address.query
    call.ended()
    call.until_letters(2)
    assert "screenpop.pop" not in [each["type"] for each in panel.sync()], "one pop"


def test_an_answer_that_is_told_before_the_call_itself_still_pops_the_record(call: Call) -> None:
    panel = call.panel()
    call.answered()
    call.until_told("step waits", "CustomerEndpoint")
    call.created(time="2026-01-01T00:00:00Z")
    pop = panel.until("screenpop.pop", within=6)["data"]  # the next look is ten seconds away
    assert pop["open"] is True
    assert pop["record"]["id"] == call.row()["activityid"]


def test_the_record_pops_once_to_each_agent_of_a_transferred_contact(call: Call) -> None:
    first = call.panel()
    second = call.server.panel(f"{call.agent}-b")
    second.until("screenpop.snapshot")
    call.created()
    call.row()
    call.answered()
    assert first.until("screenpop.pop")["data"]["open"] is True
    call.report("transferred", agent=f"{call.agent}-b")
    call.answered(f"{call.agent}-b")
    again = second.until("screenpop.pop")["data"]
    assert again["record"]["id"] == call.row()["activityid"]
    assert "screenpop.pop" not in [each["type"] for each in first.sync()]
    assert "screenpop.pop" not in [each["type"] for each in second.sync()]


def test_a_record_that_is_there_when_the_contact_has_ended_does_not_pop(call: Call) -> None:
    panel = call.panel()
    slow = break_down(call.dynamics, Kind.SLOW, method="POST", seconds=1.5)
    call.created()
    eventually(lambda: slow.met, "the create is under way")
    call.answered()
    call.ended()
    call.until("category", "voice")
    assert "screenpop.pop" not in [each["type"] for each in panel.sync()]


def test_work_on_other_calls_does_not_hold_up_the_record_that_an_agent_waits_for(
    call: Call,
) -> None:
    others = [Call(call.server, call.dynamics) for _ in range(60)]
    panel = call.panel()
    slow = break_down(call.dynamics, Kind.SLOW, method="POST", seconds=6.0, count=48)
    for other in others:
        other.created()
    eventually(lambda: slow.met == 48, "every connection of the account is busy")
    call.server.post(
        call.server.event("created", call.id, customer={"phone": call.phone}),
        call.server.event("answered", call.id, agent=call.agent),
    )
    pop = panel.until("screenpop.pop", within=4)["data"]
    assert pop["open"] is True
    assert len([other for other in others if other.rows()]) < 60
