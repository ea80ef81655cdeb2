"""Requests act as the agent where they are to, and their texts fit the columns."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from adapter.demo.simulated.dataverse.security import ACT_FOR_OTHERS
from adapter.demo.simulated.serving import Simulation
from tests.outbox.office import ACCOUNT, Call, described, set_steps, writes
from tests.server import Server

LONG = "x" * 300
CREATED = '{"phonenumber": "{{CustomerEndpoint}}", "subject": "{{Reason}}", "directioncode": false}'


def user(dynamics: Simulation) -> dict[str, Any]:
    """Give an enabled user who is a person."""
    rows = dynamics.world.database.rows("systemuser")
    return next(
        {"systemuserid": record, **row}
        for record, row in rows.items()
        if row.get("domainname")
        and row.get("azureactivedirectoryobjectid")
        and not row["isdisabled"]
    )


def act(server: Server, fields: dict[str, Any], *, impersonate: bool) -> None:
    told = {**described(fields), "impersonate": impersonate}
    saved = server.request("PUT", ACCOUNT, told, scope="admin")
    assert saved.is_success, saved.text
    for action in ("apply", "test"):
        assert server.request("POST", f"{ACCOUNT}/{action}", scope="admin").is_success


def give(dynamics: Simulation, person: dict[str, Any], *, delegate: bool = True) -> None:
    """Let the application act for others, and the person do what the steps do."""
    world = dynamics.world
    application = next(
        record
        for record, row in world.database.rows("systemuser").items()
        if row.get("applicationid") == world.application.client_id
    )
    world.security.grant(person["systemuserid"], world.security.privileges[application])
    (world.security.grant if delegate else world.security.revoke)(application, {ACT_FOR_OTHERS})


def test_records_carry_the_agent_where_the_account_says_so(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    person = user(dynamics)
    give(dynamics, person)
    act(fresh, fields, impersonate=True)
    call = Call(fresh, dynamics)
    call.report("created", agent=person["domainname"], customer={"phone": call.phone})
    row = call.row()
    assert row["createdby"].id == person["systemuserid"]
    assert row["createdonbehalfby"].id != person["systemuserid"]
    call.until_told("step 2", "acted as")
    call.ended()
    call.until("category", "voice")
    asked = [
        line for line in writes(dynamics, "GET", "systemusers") if "isdisabled" in line["path"]
    ]
    assert len(asked) <= 1, "the agent's user is remembered"


def test_an_agent_without_a_user_is_told_on_the_trace_and_the_account_acts(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    give(dynamics, user(dynamics))
    act(fresh, fields, impersonate=True)
    call = Call(fresh, dynamics)
    call.created(agent="nobody@contoso.com")
    call.row()
    call.until_told("step 2", "not as nobody@contoso.com but as the account", "sees no user")
    assert call.letters() == []


def test_without_the_privilege_the_account_acts_and_the_trace_says_why(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    person = user(dynamics)
    give(dynamics, person)
    act(fresh, fields, impersonate=True)
    give(dynamics, person, delegate=False)
    call = Call(fresh, dynamics)
    call.created(agent=person["domainname"])
    assert call.row()["createdby"].id != person["systemuserid"]
    call.until_told("step 2", "but as the account", ACT_FOR_OTHERS)
    assert call.letters() == []


def test_a_step_may_say_otherwise_than_its_account(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    person = user(dynamics)
    give(dynamics, person)
    answer = fresh.request("GET", "/v1/admin/steps", scope="admin").json()["steps"]
    (first, *_) = answer["steps"]
    assert first["number"] == 2
    set_steps(fresh, members={2: {"impersonate": True}})
    call = Call(fresh, dynamics)
    call.created(agent=person["domainname"])
    assert call.row()["createdby"].id == person["systemuserid"]
    call.ended()
    row = call.until("category", "voice")
    assert row["modifiedby"].id != person["systemuserid"]
    set_steps(fresh)


def test_a_text_that_is_too_long_is_shortened_with_a_note(call: Call, server: Server) -> None:
    set_steps(server, bodies={2: CREATED})
    call.created(attributes={"Reason": LONG})
    subject = call.row()["subject"]
    assert len(subject) == 200
    assert subject == "x" * 199 + "…"
    call.until_told("step 2", "subject had 300 characters and was shortened to 200")
    assert LONG[:30] not in str(call.story())
    assert call.letters() == []


@pytest.mark.parametrize("reason", ["😀" * 150, "y" * 199 + "😀"], ids=["pairs", "at the edge"])
def test_no_character_is_cut_in_half(call: Call, server: Server, reason: str) -> None:
    set_steps(server, bodies={2: CREATED})
    call.created(attributes={"Reason": reason})
    subject = call.row()["subject"]
    assert subject.endswith("…")
    assert len(subject.encode("utf-16-le")) // 2 <= 200
    assert reason.startswith(subject[:-1])


def test_what_is_not_known_is_sent_as_it_is(
    fresh: Server, dynamics: Simulation, call: Call
) -> None:
    set_steps(fresh, bodies={2: CREATED})
    with closing(sqlite3.connect(fresh.database)) as database, database:
        database.execute("DELETE FROM environment_tables")
    own = Call(fresh, dynamics)
    own.created(attributes={"Reason": LONG})
    (letter,) = own.until_letters()
    assert "exceeded the maximum allowed length" in letter["cause"]
