from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from threading import Thread

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event

from tests.feed.conftest import Fresh
from tests.server import PANEL, POLICY, READER, RECORD, Server


@pytest.mark.parametrize("protocol", [READER, PANEL])
def test_every_message_is_a_cloudevent(server: Server, fresh: Fresh, protocol: str) -> None:
    agent, contact = fresh("agent"), fresh("c")
    feed = server.connect(agent, protocol=protocol)
    server.answer(agent, contact)
    server.report("ended", contact)
    messages = [feed.next(), feed.next(), feed.next(), feed.next()]
    for message in messages:
        wire = HTTPMessage(
            {"content-type": "application/cloudevents+json"}, json.dumps(message).encode()
        )
        event = from_structured_event(wire)  # it validates what CloudEvents 1.0 demands
        assert event.get_specversion() == "1.0"
        assert event.get_type() == message["type"]
        assert event.get_source() == "/tenants/default"
        assert event.get_datacontenttype() == "application/json"
        assert event.get_extension("sequence") == message["sequence"]
    assert [each["type"].removeprefix("screenpop.") for each in messages] == [
        "snapshot",
        "contact.answered",
        "pop",
        "contact.ended",
    ]


def test_id_is_the_sequence_and_subject_the_partition(server: Server, fresh: Fresh) -> None:
    agent, contact = fresh("agent"), fresh("c")
    feed = server.connect(agent)
    assert "subject" not in feed.next()
    event = server.report("offered", contact, agent=agent)
    message = feed.next()
    assert message["id"] == message["sequence"]
    assert len(message["sequence"]) == 12
    assert message["sequence"].isdigit()
    assert message["subject"] == message["partitionkey"] == contact
    assert message["data"]["event"] == {"source": event["source"], "id": event["id"]}
    assert datetime.fromisoformat(message["time"]).tzinfo is not None


def test_a_contact_message_tells_all_that_is_known(server: Server, fresh: Fresh) -> None:
    agent, contact = fresh("agent"), fresh("c")
    feed = server.connect(agent)
    feed.next()
    customer = {"phone": "+4930123456", "name": "Ada Ünal"}
    server.report(
        "offered",
        contact,
        agent=agent,
        customer=customer,
        queue="sales",
        attributes={"Language": "de"},
        time="2026-11-21T20:00:00Z",
    )
    data = feed.next()["data"]
    assert data.pop("event")
    assert data == {
        "id": contact,
        "channel": "voice",
        "direction": "inbound",
        "agent": agent,
        "customer": customer,
        "queue": "sales",
        "stage": "offered",
        "stages": {"offered": "2026-11-21T20:00:00Z"},
        "attributes": {"Language": "de"},
        "linked": [],
        "recordings": [],
    }


def test_a_pop_message_tells_what_to_open_where_and_why(server: Server, fresh: Fresh) -> None:
    agent, contact = fresh("agent"), fresh("c")
    panel = server.panel(agent)
    server.answer(agent, contact)
    message = panel.until("screenpop.pop")
    data = message["data"]
    assert message["subject"] == contact
    assert data["url"] == (
        f"{POLICY['organisation']}/main.aspx?appid={POLICY['appid']}"
        f"&pagetype=entityrecord&etn=account&id={RECORD}"
    )
    assert data["record"] == {"table": "account", "id": RECORD}
    assert (data["contact"], data["agent"], data["stage"]) == (contact, agent, "answered")
    assert (data["open"], data["present"], data["attempt"]) == (True, "open", 1)
    assert data["target"] == "tab"
    assert "CrmId" in data["reason"]


def test_the_sequence_of_a_tenant_is_dense_over_all_agents(server: Server, fresh: Fresh) -> None:
    board = server.connect("*")
    start = int(board.next()["sequence"])
    for _ in range(5):
        server.answer(fresh("agent"), fresh("c"))
    numbers = [start] + [int(board.next()["sequence"]) for _ in range(10)]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))


def test_a_batch_is_sent_in_the_order_in_which_it_was_posted(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    feed = server.connect(agent)
    feed.next()
    contacts = [fresh("c") for _ in range(20)]
    events = [server.event("offered", contact, agent=agent) for contact in contacts]
    assert server.post(*events).json()["accepted"] == 20
    assert [feed.next()["subject"] for _ in contacts] == contacts


def test_nothing_is_sent_before_it_is_committed(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    feed = server.connect(agent)
    feed.next()
    other = sqlite3.connect(server.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # now nobody else can commit
    done: list[int] = []
    post = Thread(target=lambda: done.append(server.post(event).status_code))
    event = server.event("answered", fresh("c"), agent=agent, attributes={"CrmId": RECORD})
    post.start()
    assert feed.quiet(0.3)
    assert not done
    other.execute("ROLLBACK")
    other.close()
    assert feed.next()["type"] == "screenpop.contact.answered"
    post.join()
    assert done == [202]


def test_an_event_that_pops_nothing_does_not_wait_for_who_holds_the_database(
    server: Server, fresh: Fresh
) -> None:
    agent = fresh("agent")
    feed = server.connect(agent)
    feed.next()
    with closing(sqlite3.connect(server.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert server.post(server.event("offered", fresh("c"), agent=agent)).status_code == 202
        assert feed.next()["type"] == "screenpop.contact.offered"


def test_a_change_without_a_stage_is_an_update(server: Server, fresh: Fresh) -> None:
    agent, contact = fresh("agent"), fresh("c")
    feed = server.connect(agent)
    server.report("offered", contact, agent=agent)
    feed.until("screenpop.contact.offered")
    event = server.event("updated", contact, attributes={"Tier": "gold"})
    assert server.post(event).json()["accepted"] == 1
    assert feed.next()["type"] == "screenpop.contact.updated"
    assert feed.seen[-1]["data"]["attributes"] == {"Tier": "gold"}


def test_a_duplicate_event_sends_nothing(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    panel = server.panel(agent)
    panel.next()
    event = server.answer(agent, fresh("c"))
    assert server.post(event).json() == {
        "accepted": 0,
        "duplicates": 1,
        "ignored": 0,
        "rejected": [],
    }
    assert [each["type"] for each in panel.sync()] == [
        "screenpop.contact.answered",
        "screenpop.pop",
    ]
