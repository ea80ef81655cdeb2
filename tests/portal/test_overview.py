"""The first page says what is set up and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import principals
from tests.portal.visitor import Visitor
from tests.server import PANEL, Server, eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Give a server on which nothing is set up yet."""
    with Server(tmp_path) as running:
        yield running


@pytest.fixture
def admin(server: Server) -> Iterator[Visitor]:
    with Visitor(server, principals.sign_in_as_admin(server)) as visitor:
        yield visitor


def test_a_supervisor_is_led_only_where_they_may_go(server: Server, admin: Visitor) -> None:
    with Visitor(server, principals.sign_in(server, "supervisor", name="Sue")) as sue:
        page = sue.get("/admin")
        own = [link for link in page.links if link.startswith("/admin")]
        assert {"/admin/domains", "/admin/settings", "/admin/audit"} <= set(own)
        assert {sue.get(link).status for link in own} == {200}
        assert "Connect Dynamics" in page  # what is to be done is no secret
    assert {"/admin/dynamics", "/admin/steps", "/admin/keys", "/admin/try-it"} <= set(
        admin.get("/admin").links
    )


def test_who_lacks_a_role_is_told_its_name_and_the_way_back(server: Server) -> None:
    with Visitor(server, principals.sign_in(server, "supervisor", name="Sue")) as sue:
        refused = sue.get("/admin/keys")
        assert refused.status == 403
        assert "the role that this page needs: Administrator." in refused
        assert "/admin" in refused.links
        assert "管理者" in sue.get("/admin/keys", **{"accept-language": "ja"})
    with Visitor(server, principals.sign_in(server, "agent", name="Al")) as agent:
        refused = agent.get("/admin")
        assert "this page needs: Supervisor." in refused
        assert "/admin" not in refused.links  # it would lead here again


def test_the_checklist_leads_from_nothing_to_the_first_open_record(
    server: Server, admin: Visitor
) -> None:
    page = admin.get("/admin")
    assert "1 of 7 things are set up." in page  # the test's own keys
    assert "Next Allow your Dynamics page to show the panel" in page
    text = {"content-type": "text/plain"}
    rule = "https://contoso.crm4.dynamics.com"
    server.request("PUT", "/v1/admin/domains", rule, scope="admin", headers=text)
    assert "Next Receive the first event" in admin.get("/admin")
    server.set_policy()
    panel = server.connect("alice", panel="p", protocol=PANEL)

    def pops() -> bool:
        server.answer("alice", f"c-{len(panel.seen)}")
        return any(each["type"] == "screenpop.pop" for each in panel.sync())

    eventually(pops, "the policy is in force")
    pop = next(each for each in panel.seen if each["type"] == "screenpop.pop")["data"]["pop"]
    panel.outcome(pop, "opened", rung="tab")
    page = admin.get("/admin")
    assert "Done See a record open" in page
    assert "Next Connect Dynamics" in page
    assert "1 panel, 1 agent" in page
    assert server.url in page
