"""Test connection names each privilege that the steps in force need and the account lacks."""

from __future__ import annotations

from typing import Any

import pytest

from adapter.demo.simulated.dataverse import seeding
from adapter.demo.simulated.dataverse.security import ACT_FOR_OTHERS
from adapter.demo.simulated.serving import Simulation
from tests.outbox.office import ACCOUNT, described, set_steps
from tests.server import Server

USER = seeding.user_id("application")
OTHER = "/v1/admin/accounts/other"
LINKED = (
    '{"subject": "a call", "directioncode": false,'
    ' "regardingobjectid_contact@odata.bind": "/contacts({{CrmId}})"}'
)


def report(server: Server, path: str = ACCOUNT) -> dict[str, Any]:
    found: dict[str, Any] = server.request("POST", f"{path}/test", scope="admin").json()
    return found


def test_a_step_that_acts_as_the_agent_needs_the_delegate_privilege(
    server: Server, dynamics: Simulation
) -> None:
    dynamics.world.security.revoke(USER, [ACT_FOR_OTHERS])
    assert report(server)["valid"], "nobody acts for anybody"
    set_steps(server, members={4: {"impersonate": True}})
    found = report(server)
    assert (found["valid"], found["cause"]) == (False, "role_missing")
    assert f"{ACT_FOR_OTHERS} (act for the agents (impersonation))" in found["message"]
    set_steps(server, members={4: {"impersonate": True, "enabled": False}})
    assert report(server)["valid"], "a step that is off acts for nobody"
    dynamics.world.security.grant(USER, [ACT_FOR_OTHERS])
    set_steps(server, members={4: {"impersonate": True}})
    assert report(server)["valid"]


def test_an_account_that_acts_as_the_agents_needs_it_whatever_its_steps_say(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    dynamics.world.security.revoke(USER, [ACT_FOR_OTHERS])
    set_steps(fresh, members={number: {"impersonate": False} for number in (2, 4, 5)})
    told = {**described(fields), "impersonate": True}
    saved = fresh.request("PUT", ACCOUNT, told, scope="admin").json()
    assert ACT_FOR_OTHERS in saved["draft"]["report"]["message"]


@pytest.mark.parametrize(
    ("privilege", "use", "rules"),
    [
        ("prvAssignActivity", "change the owner of phonecalls", {"owner": "agent"}),
        ("prvAppendActivity", "fill lookups of phonecalls", {"bodies": {2: LINKED}}),
        ("prvAppendToContact", "link rows to contacts", {"bodies": {2: LINKED}}),
        ("prvCreateNote", "create annotations", {"completed": "note"}),
        ("prvAppendNote", "fill lookups of annotations", {"completed": "note"}),
        ("prvAppendToActivity", "link rows to phonecalls", {"completed": "note"}),
    ],
)
def test_what_only_some_steps_do_is_probed_where_they_do_it(
    server: Server, dynamics: Simulation, privilege: str, use: str, rules: dict[str, Any]
) -> None:
    set_steps(server, completed="reopen")
    dynamics.world.security.revoke(USER, [privilege])
    assert report(server)["valid"], "no step does it"
    set_steps(server, **{"completed": "reopen", **rules})
    message = report(server)["message"]
    assert privilege in message
    assert use in message


def test_an_account_beside_the_default_is_asked_only_for_what_its_steps_do(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    beside = {**described(fields), "default": False}
    assert fresh.request("PUT", OTHER, beside, scope="admin").is_success
    assert fresh.request("POST", f"{OTHER}/apply", scope="admin").is_success
    set_steps(fresh, members={4: {"account": "Other", "impersonate": True}})
    dynamics.world.security.revoke(USER, [ACT_FOR_OTHERS, "prvCreateActivity"])
    mine, others = report(fresh)["message"], report(fresh, OTHER)["message"]
    assert "prvCreateActivity" in mine
    assert ACT_FOR_OTHERS not in mine
    assert ACT_FOR_OTHERS in others
    assert "prvCreateActivity" not in others
