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


def test_the_checklist_leads_from_nothing_to_the_first_open_record(
    server: Server, admin: Visitor
) -> None:
    page = admin.get("/admin")
    assert "2 of 7 things are set up." in page  # the test's own keys
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
