from __future__ import annotations

import pytest

from tests.feed.conftest import Fresh
from tests.server import ORGANISATION, RECORD, Server, eventually

POP = "screenpop.pop"
WITHDRAWN = "screenpop.pop.withdrawn"


def counted(server: Server, name: str) -> float:
    text = server.http.get(server.url + "/metrics").text
    return sum(float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(name))


@pytest.mark.parametrize("outcome", ["opened", "dismissed", "unknown"])
def test_a_finished_pop_is_never_offered_again(server: Server, fresh: Fresh, outcome: str) -> None:
    agent = fresh("agent")
    panel = server.panel(agent)
    server.answer(agent, fresh("c"))
    pop = panel.until(POP)
    panel.outcome(pop["data"]["pop"], outcome, rung="tab")
    other = server.panel(agent)
    assert other.next()["data"]["pops"] == []
    panel.close()
    assert other.quiet(0.8)
    replayed = server.panel(agent, after=int(pop["sequence"]) - 1).until(POP)["data"]
    assert (replayed["open"], replayed["present"]) == (False, "mirror")


@pytest.mark.parametrize("outcome", ["blocked", "failed"])
def test_a_pop_that_did_not_open_stays_as_a_card(
    server: Server, fresh: Fresh, outcome: str
) -> None:
    agent = fresh("agent")
    panel = server.panel(agent, "p")
    server.answer(agent, fresh("c"))
    pop = panel.until(POP)
    panel.outcome(pop["data"]["pop"], outcome, rung="tab", detail="popup blocker")
    replayed = server.panel(agent, "p", after=int(pop["sequence"]) - 1).until(POP)["data"]
    assert (replayed["open"], replayed["present"], replayed["attempt"]) == (False, "card", 1)
    server.hang_up()
    later = server.panel(agent)
    (seen,) = later.next()["data"]["pops"]
    if seen["present"] == "mirror":  # the grace was not over
        seen = later.until(POP)["data"]
    assert (seen["open"], seen["present"]) == (False, "card")
    later.outcome(seen["pop"], "opened")  # the agent clicked the card
    assert server.panel(agent).next()["data"]["pops"] == []


def test_an_outcome_is_on_the_trace_and_counted_once(server: Server, fresh: Fresh) -> None:
    agent, contact = fresh("agent"), fresh("c")
    panel = server.panel(agent)
    server.answer(agent, contact)
    pop = panel.until(POP)["data"]["pop"]
    before = counted(server, 'screenpop_pops_total{outcome="opened"}')
    for _ in range(3):  # a panel says it again after each reconnect until it is stored
        panel.outcome(pop, "opened", rung="host", detail="form")
    assert counted(server, 'screenpop_pops_total{outcome="opened"}') == before + 1
    path = f"/v1/contacts/{contact}/trace"

    def told() -> str | None:
        text = server.request("GET", path, scope="admin").text
        return text if f"pop {pop} opened: host form" in text else None

    assert eventually(told, "the trace tells it").count(f"pop {pop} opened") == 1


@pytest.mark.parametrize("later", ["dismissed", "blocked", "failed", "unknown"])
def test_opened_stays_opened_whatever_comes_later(server: Server, fresh: Fresh, later: str) -> None:
    agent = fresh("agent")
    panel = server.panel(agent)
    server.answer(agent, fresh("c"))
    pop = panel.until(POP)["data"]["pop"]
    panel.outcome(pop, "opened")
    panel.outcome(pop, later)
    assert server.panel(agent).next()["data"]["pops"] == []
    with server.office() as office:
        row = office.database.raw.execute("SELECT outcome FROM pops WHERE id=?", (pop,))
        assert row.fetchone() == ("opened",)


def test_an_outcome_of_a_pop_that_nobody_knows_is_not_sent_again(
    server: Server, fresh: Fresh
) -> None:
    panel = server.panel(fresh("agent"))
    panel.next()
    panel.say(kind="pop.outcome", pop="0123456789abcdef", outcome="opened")
    error, stored = panel.next(), panel.next()
    assert (error["type"], error["pop"]) == ("error", "0123456789abcdef")
    assert "no such pop" in error["detail"]
    assert stored == {"type": "outcome.stored", "pop": "0123456789abcdef"}
    assert panel.sync() == []


def test_an_outcome_that_is_sent_again_is_no_error(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    panel = server.panel(agent)
    server.answer(agent, fresh("c"))
    pop = panel.until(POP)["data"]["pop"]
    for outcome in ("opened", "opened", "failed"):
        panel.outcome(pop, outcome)
    assert "error" not in {each["type"] for each in panel.seen}


def test_another_agent_cannot_settle_a_pop(server: Server, fresh: Fresh) -> None:
    agent, other = fresh("agent"), server.panel(fresh("agent"))
    server.answer(agent, fresh("c"))
    panel = server.panel(agent)
    (pop,) = panel.next()["data"]["pops"]
    other.outcome(pop["pop"], "opened")
    assert other.seen[-2]["type"] == "error"
    assert len(server.panel(agent).next()["data"]["pops"]) == 1


def test_a_transfer_takes_the_pop_from_one_agent_and_pops_for_the_next(
    server: Server, fresh: Fresh
) -> None:
    alice, bob, contact = fresh("alice"), fresh("bob"), fresh("c")
    panel, next_ = server.panel(alice), server.panel(bob)
    server.answer(alice, contact)
    pop = panel.until(POP)["data"]
    server.report("transferred", contact, agent=bob)
    withdrawn = panel.until(WITHDRAWN)
    assert withdrawn["subject"] == contact
    assert {key: withdrawn["data"][key] for key in ("pop", "contact", "agent")} == {
        "pop": pop["pop"],
        "contact": contact,
        "agent": alice,
    }
    assert withdrawn["data"]["reason"]
    snapshot = server.panel(alice).next()["data"]
    assert (snapshot["contacts"], snapshot["pops"]) == ([], [])
    server.report("answered", contact, agent=bob)
    new = next_.until(POP)["data"]
    assert (new["open"], new["agent"]) == (True, bob)
    assert new["pop"] != pop["pop"]
    assert all(each["type"] != POP for each in panel.sync())


def test_the_agent_who_lost_a_contact_is_told_so(server: Server, fresh: Fresh) -> None:
    alice, bob, contact = fresh("alice"), fresh("bob"), fresh("c")
    panel = server.panel(alice)
    server.report("offered", contact, agent=alice)
    panel.until("screenpop.contact.offered")
    server.report("transferred", contact, agent=bob)
    assert panel.until("screenpop.contact.transferred")["data"]["agent"] == bob


def test_a_doubled_a_late_and_an_early_event_make_no_second_pop(
    server: Server, fresh: Fresh
) -> None:
    agent, contact = fresh("agent"), fresh("c")
    panel = server.panel(agent)
    panel.next()
    event = server.answer(agent, contact, time="2026-11-21T20:00:05Z")
    server.post(event)
    server.answer(agent, contact, time="2026-11-21T20:00:06Z")  # another event says the same
    server.report("offered", contact, agent=agent, time="2026-11-21T20:00:00Z")  # late
    server.report("created", contact, time="2026-11-21T19:59:00Z")
    server.report("ended", contact)
    pops = [each for each in panel.sync() if each["type"] == POP]
    assert len(pops) == 1


def test_an_answer_that_comes_after_the_transfer_does_not_pop_for_the_first_agent(
    server: Server, fresh: Fresh
) -> None:
    alice, bob, contact = fresh("alice"), fresh("bob"), fresh("c")
    panel = server.panel(alice)
    panel.next()
    server.report("transferred", contact, agent=bob, time="2026-11-21T20:00:09Z")
    server.answer(alice, contact, time="2026-11-21T20:00:05Z")
    assert [each["type"] for each in panel.sync()] == ["screenpop.contact.answered"]


def test_a_placed_call_pops_when_it_is_made_and_not_again_when_answered(
    server: Server, fresh: Fresh
) -> None:
    agent, contact = fresh("agent"), fresh("c")
    panel = server.panel(agent)
    panel.next()
    known = {"CrmId": RECORD}
    server.report("made", contact, agent=agent, direction="outbound", attributes=known)
    assert panel.until(POP)["data"]["stage"] == "made"
    server.report("answered", contact, agent=agent, direction="outbound")
    assert [each["type"] for each in panel.sync()] == ["screenpop.contact.answered"]


def test_a_record_pops_on_demand(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    one, two = server.panel(agent), server.panel(agent)
    one.next(), two.next()
    body = {"agent": agent.upper(), "table": "incident", "id": RECORD, "reason": "case reopened"}
    answer = server.request("POST", "/v1/pops", body, scope="ingest")
    assert answer.status_code == 202, answer.text
    shown = [one.until(POP), two.until(POP)]
    assert sorted(each["data"]["open"] for each in shown) == [False, True]
    data = shown[0]["data"]
    assert data["pop"] == answer.json()["pop"]
    assert data["record"] == {"table": "incident", "id": RECORD}
    assert data["contact"] is None
    assert "subject" not in shown[0]
    assert data["url"].startswith(f"{ORGANISATION}/main.aspx?")


@pytest.mark.parametrize(("scope", "status"), [("feed", 403), ("admin", 403), (None, 401)], ids=str)
def test_popping_on_demand_needs_an_ingest_key(
    server: Server, scope: str | None, status: int
) -> None:
    body = {"agent": "alice", "table": "incident", "id": RECORD}
    assert server.request("POST", "/v1/pops", body, scope=scope).status_code == status


def test_a_pop_moves_when_its_agents_alias_is_learnt(server: Server, fresh: Fresh) -> None:
    agent, arn, contact = fresh("agent"), fresh("arn:agent/"), fresh("c")
    panel, reader = server.panel(agent), server.connect(arn)
    panel.next(), reader.next()
    server.answer(arn, contact)
    assert panel.sync() == []
    body = {"agent": agent, "source_id": arn}
    assert server.request("PUT", "/v1/admin/aliases", body, scope="admin").is_success
    pop = panel.until(POP)["data"]
    assert (pop["agent"], pop["open"], pop["attempt"]) == (agent, True, 1)
    assert any(each["type"] == "screenpop.contact.updated" for each in panel.seen)
    assert reader.until(WITHDRAWN)["data"]["pop"] == pop["pop"]
    server.report("answered", contact, agent=arn)
    assert all(each["type"] != POP for each in panel.sync())


def test_a_contact_without_the_records_id_pops_nothing(server: Server, fresh: Fresh) -> None:
    agent, contact = fresh("agent"), fresh("c")
    panel = server.panel(agent)
    panel.next()
    server.report("answered", contact, agent=agent)
    assert [each["type"] for each in panel.sync()] == ["screenpop.contact.answered"]
