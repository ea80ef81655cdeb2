"""Every form of the portal that changes something leaves its entry in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from adapter.demo.simulated.serving import Simulation
from tests.dataverse.consenting import press
from tests.dataverse.simulation import dynamics, simulation
from tests.portal.dynamics_desk import account_fields, filled, portal
from tests.portal.test_agents import add_person
from tests.portal.test_dead_letters_page import bury
from tests.portal.test_every_route import CHANGES
from tests.portal.visitor import Fields, Page, Visitor

__all__ = ["dynamics", "simulation"]

MAIN = "/admin/dynamics/accounts/main"
NOTHING = {
    "/admin/preferences": "the person's own browser alone",
    "/admin/domains/check": "it only looks",
    "/admin/dynamics/look": "it only looks",
    "/admin/steps/draft/{number}/preview": "it only looks",
    "/admin/dynamics/accounts/{name}/test": "it asks, and keeps what was answered",
    "/admin/dynamics/accounts/{name}/request-token": "the consent that follows is in the log",
    # A draft takes effect by Apply, which is in the log with all that it brings.
    "/admin/steps/start": "a draft",
    "/admin/steps/draft/{number}": "a draft",
    "/admin/steps/discard": "a draft",
}
"""Why a form is in no log."""


@pytest.fixture
def admin(tmp_path: Path, dynamics: Simulation) -> Iterator[Visitor]:
    with portal(tmp_path, dynamics) as visitor:
        yield visitor


class Walk:
    """One admin's way through the forms; `done` names those that left an entry."""

    def __init__(self, admin: Visitor) -> None:
        self.admin = admin
        self.done: set[str] = set()

    def entries(self) -> list[str]:
        answer = self.admin.server.request("GET", "/v1/admin/audit", scope="admin").json()
        return [each["what"] for each in answer["audit"]]

    def change(self, form: str, fields: Fields, said: str, path: str = "") -> Page:
        """Submit a form and look for what the log says of it first."""
        before = self.entries()
        page = self.admin.submit(path or form, fields)
        assert page.status < 400, (form, page.text)
        new = self.entries()[: len(self.entries()) - len(before)]
        assert any(re.search(said, each) for each in new), (form, new, page.text)
        self.done.add(form)
        return page

    def of_account(self, what: str, said: str, *, path: str = MAIN, **fields: str) -> Page:
        given = {"version": self.admin.get(path).value("version"), **fields}
        form = "/admin/dynamics/accounts/{name}" + what
        return self.change(form, given, said, path + what)


def test_every_change_is_in_the_audit_log(admin: Visitor, dynamics: Simulation) -> None:
    walk = Walk(admin)
    parts: tuple[Callable[[Walk, Simulation], None], ...] = (_rules, _accounts, _steps, _people)
    for part in (*parts, _contacts):
        part(walk, dynamics)
    assert walk.done.isdisjoint(NOTHING)
    assert walk.done | set(NOTHING) == set(CHANGES)


def _rules(walk: Walk, _dynamics: Simulation) -> None:
    version = walk.admin.get("/admin/domains").value("version")
    saved = {"text": "https://a.example", "version": version, "do": "save"}
    walk.change("/admin/domains", saved, "^domains$")
    walk.change("/admin/domains", {**saved, "text": "https://b.example", "do": "trial"}, "on trial")
    walk.change("/admin/domains/trial/end", {"do": "end"}, "on trial")
    walk.change("/admin/domains/allow", {"origin": "https://c.example"}, "^domains$")
    walk.change("/admin/settings", {"locale": "", "zone": "Asia/Tokyo"}, "preferences")
    provider = {"issuer": "https://login.example/x", "client_id": "c", "do": "save", "version": "0"}
    walk.change("/admin/settings/sign-in", provider, "^sign-in$")


def _accounts(walk: Walk, dynamics: Simulation) -> None:
    admin = walk.admin
    given = account_fields(dynamics, access="delegated")
    walk.change("/admin/dynamics/new", given, "main: draft saved")
    page = admin.submit(f"{MAIN}/request-token", {"form-token": ""})
    (url,) = [link for link in page.links if "oauth2" in link]
    with Visitor(admin.server) as stranger:
        asked = httpx.QueryParams(press(dynamics, url))
        done = stranger.send("GET", f"/v1/dynamics/oauth_callback?{asked}")
    code = re.search(r"\b[2-9A-Z]{4}-[2-9A-Z]{4}\b", done.text)
    assert code is not None, done.text
    walk.of_account("/confirm", "draft saved, secrets changed", code=code[0])
    walk.of_account("/apply", "main: applied")
    leaving = filled(admin.get(MAIN), recording_bucket="recordings", then="leave")
    walk.change("/admin/dynamics/accounts/{name}", leaving, "main: draft saved", MAIN)
    walk.of_account("/discard", "main: draft discarded")
    walk.of_account("/rename", "main: renamed to other", name="other")
    other = MAIN.replace("main", "other")
    second = account_fields(dynamics, name="second")
    second.pop("default")
    admin.submit("/admin/dynamics/new", second)
    place = MAIN.replace("main", "second")
    walk.of_account("/default", "second: draft saved", path=place)
    walk.of_account("/remove", "second: removed", path=place, sure="1")
    assert admin.get(other).status == 200


def _steps(walk: Walk, _dynamics: Simulation) -> None:
    admin = walk.admin
    admin.submit("/admin/steps/start", {"start": "examples", "draft": "0"})
    walk.change("/admin/steps/review", filled(admin.get("/admin/steps/review")), "^steps$")
    off = {"number": "all", "to": "off", "reason": "maintenance"}
    version = admin.get("/admin/steps").values.get("version", ["0"])[-1]
    walk.change("/admin/steps/switch", {**off, "version": version}, "^steps")


def _people(walk: Walk, _dynamics: Simulation) -> None:
    admin, server = walk.admin, walk.admin.server
    walk.change("/admin/agents/aliases", {"alias_agent": "bo", "source_id": "arn:x"}, "^alias arn")
    walk.change("/admin/agents/aliases/remove", {"source_id": "arn:x"}, "alias arn:x removed")
    walk.change("/admin/agents/sign-out", {"agent": "bo"}, "signed out agent bo")
    person = add_person(server, "Bo Bold", proposed="bo")
    form = "/admin/agents/people/{person}"
    path = form.replace("{person}", person)
    walk.change("/admin/agents/confirm", {"person": person}, f"person {person}")
    walk.change(form, {"do": "save", "agent": "bo", "role": "agent"}, f"person {person}", path)
    walk.change("/admin/keys", {"scope": "ingest", "name": "pbx"}, "created .*pbx")
    key = next(
        found[1]
        for link in admin.get("/admin/keys").links
        if (found := re.fullmatch(r"/admin/keys/(\w+)/revoke", link)) and "pbx" in admin.get(link)
    )
    form = "/admin/keys/{key}/revoke"
    walk.change(form, {"sure": "1"}, "revoked", form.replace("{key}", key))


def _contacts(walk: Walk, _dynamics: Simulation) -> None:
    admin, server = walk.admin, walk.admin.server
    server.report("created", "c-dead")
    bury(server, ["c-dead"])
    walk.change("/admin/dead-letters", {"do": "replay-all"}, "replayed")
    page = walk.change("/admin/try-it", {"agent": "bo"}, "sent to bo")
    contact = re.search(r"simulated-[0-9a-f]+", page.text)
    assert contact is not None
    moved = {"contact": contact[0], "stage": "answered"}
    walk.change("/admin/try-it/go-on", moved, f"{contact[0]}: answered")
    form = "/admin/try-it/requests/{number}"
    server.report("offered", "c-2", agent="bo")
    newest = re.search(r"/admin/try-it/requests/(\d+)", admin.get("/admin/try-it").html)
    assert newest is not None
    walk.change(form, {"form-token": ""}, "shown in full", newest[0])
