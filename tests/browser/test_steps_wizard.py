"""An admin sets up Dynamics and the steps in a real browser, by keyboard where it counts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from adapter.demo.simulated.serving import Simulation
from tests import principals
from tests.browser import axe
from tests.dataverse.simulation import dynamics, simulation
from tests.portal.dynamics_desk import account_fields
from tests.portal.visitor import Visitor
from tests.server import Server

pytestmark = pytest.mark.browser

__all__ = ["dynamics", "simulation"]

PRINTED = (
    '{\\"phonenumber\\":\\"{{CustomerEndpoint}}\\",\\"actualstart\\":'
    '\\"{{InitiationTimestamp}}\\",\\"subject\\":\\"Call\nbetween Username and CustomerEndpoint\\"}'
)


@pytest.fixture
def adapter(tmp_path: Path, dynamics: Simulation) -> Iterator[Server]:
    with Server(tmp_path, SCREENPOP_CA_FILE=str(dynamics.ca_file)) as running:
        yield running


def sign_in(context: BrowserContext, adapter: Server) -> Page:
    """Give a page of somebody who is signed in to the portal."""
    name, _, value = principals.sign_in_as_admin(adapter).partition("=")
    secure = adapter.url.replace("http:", "https:")  # for a `__Host-` cookie; it knows no scheme
    context.add_cookies([{"name": name, "value": value, "url": secure, "secure": True}])
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    return page


@pytest.fixture
def admin(adapter: Server, new_context: Callable[..., BrowserContext]) -> Page:
    size = {"width": 1100, "height": 900}
    return sign_in(new_context(base_url=adapter.url, locale="en-GB", viewport=size), adapter)


def test_an_admin_walks_through_the_wizard(
    admin: Page, adapter: Server, dynamics: Simulation
) -> None:
    adapter.report("created", "c-1", customer={"phone": "+4930555"}, attributes={"Order": "O-1"})
    admin.goto("/admin/steps")
    admin.get_by_label("the examples of the ConnectPath documentation").check()
    admin.get_by_role("button", name="Open the wizard").click()

    # 1: the environment. What was pasted is explained before it is sent.
    fields = account_fields(dynamics)
    admin.get_by_label("Name", exact=True).fill("main")
    admin.get_by_label("API URL or environment URL").fill(fields["api_url"])
    admin.get_by_label("Application (client) ID").fill(fields["client_id"])
    admin.get_by_text("Authorization URL and token URL instead").click()
    admin.get_by_label("Authorization URL").fill(fields["authorization_url"])
    admin.get_by_label("Token URL").fill(fields["token_url"])
    understood = admin.get_by_role("heading", name="This is understood as")
    expect(understood).to_be_visible()
    admin.get_by_label("Application (client) ID").fill("nonsense")
    expect(admin.get_by_text("expected a GUID")).to_be_visible()
    admin.get_by_label("Application (client) ID").fill(fields["client_id"])
    expect(admin.get_by_text("expected a GUID")).to_be_hidden()
    admin.locator("#client_secret").fill(fields["client_secret"])
    admin.get_by_label("Dynamics app ID").fill(fields["app_id"])
    admin.get_by_role("button", name="Save draft and test connection").click()
    expect(admin.get_by_role("heading", name="Connection is valid.")).to_be_visible()
    admin.get_by_role("link", name="Continue").click()

    pasting_is_previewed(admin)
    adapter_obeys(admin, adapter)


def test_what_was_pasted_before_the_script_had_loaded_is_looked_at(
    admin: Page, adapter: Server
) -> None:
    with Visitor(adapter, principals.sign_in_as_admin(adapter)) as visitor:
        visitor.submit("/admin/steps/start", {"start": "complete", "draft": "0"})
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    admin.route("**/portal/steps.js", hold)
    with admin.expect_request("**/portal/steps.js"):
        admin.goto("/admin/steps/draft/2", wait_until="commit")
    admin.get_by_label("Request body").fill(PRINTED)
    repaired = admin.locator("[data-remarks]").get_by_text("escaped quotes replaced")
    expect(repaired).to_be_hidden()
    for route in held:
        route.continue_()
    expect(repaired).to_be_visible()


def leaving_asks(admin: Page) -> None:
    """Whoever leaves the wizard with something typed is asked; Enter in a field goes on."""
    table = admin.get_by_label("Table", exact=True)
    before = table.input_value()
    table.press("End")
    table.type("x")
    here = admin.url
    with admin.expect_event("dialog") as asked:
        admin.once("dialog", lambda dialog: dialog.dismiss())
        admin.get_by_role("link", name="Overview").click(no_wait_after=True)
    assert asked.value.type == "beforeunload"
    assert admin.url == here
    table.fill(before)


def pasting_is_previewed(admin: Page) -> None:
    """Page 2: the printed example, pasted; the preview follows while it is typed."""
    body = admin.get_by_label("Request body")
    body.fill(PRINTED)
    preview = admin.locator("[data-preview]")
    expect(preview).to_contain_text('"phonenumber":"+12025550142"')
    expect(admin.locator("[data-remarks]")).to_contain_text("escaped quotes replaced")
    body.fill('{"subject": ""}')
    expect(preview).to_contain_text('"subject":""')
    body.press("Home")
    for _ in range(len('{"subject": "')):
        body.press("ArrowRight")
    admin.get_by_text("Attributes to put in").click()
    admin.get_by_role("button", name="{{Order}}").press("Enter")
    expect(body).to_have_value('{"subject": "{{Order}}"}')
    expect(body).to_be_focused()
    admin.get_by_label("For the contact").select_option("c-1")
    expect(preview).to_contain_text('"subject":"O-1"')
    body.fill('{"subject": }')
    expect(admin.locator("[data-live-problem]")).to_contain_text("is not JSON")
    # Another page of the wizard and back: what is typed is kept, also while it is wrong.
    pages = admin.get_by_role("navigation", name="Pages of the wizard")
    pages.get_by_role("button", name="Recording available").click()
    expect(pages.locator("[aria-current=step]")).to_contain_text("Recording available")
    pages.get_by_role("button", name="Contact created").click()
    expect(body).to_have_value('{"subject": }')
    admin.wait_for_load_state()  # with the script that asks
    leaving_asks(admin)
    body.fill(PRINTED)
    expect(admin.locator("[data-live-problem]")).to_have_count(0)
    admin.get_by_role("button", name="Save and continue").click()


def adapter_obeys(admin: Page, adapter: Server) -> None:
    """Page 3: left here, and resumed at the furthest page that was reached."""
    expect(admin.get_by_role("heading", level=1)).to_contain_text("Step 3")
    admin.get_by_role("button", name="Save and leave").click()
    admin.get_by_role("link", name="Go on with the draft").click()
    expect(admin.get_by_role("heading", level=1)).to_contain_text("Step 5")
    admin.get_by_role("button", name="Save and continue").click()
    expect(admin.get_by_role("heading", level=1)).to_have_text("Review and apply")
    admin.get_by_role("button", name="Apply", exact=True).click()
    expect(admin.get_by_role("status")).to_contain_text("The steps are in force")
    expect(admin.get_by_text("Steps wait")).to_be_hidden()

    answer = adapter.request("GET", "/v1/admin/steps", scope="admin").json()
    assert answer["disabled"] is None
    subject = json.loads(answer["steps"]["steps"][0]["body"])["subject"]
    assert subject == "Call between Username and CustomerEndpoint"


PAGES = (
    "/admin/dynamics",
    "/admin/dynamics/accounts/main",
    "/admin/dynamics/new",
    "/admin/dynamics/azure",
    "/admin/steps",
    *(f"/admin/steps/draft/{number}" for number in range(1, 6)),
    "/admin/steps/review",
    "/admin/steps/try?contact=c-1",
)


@pytest.mark.parametrize("look", [(320, "en", "dark"), (1280, "ja", "light")], ids=str)
def test_every_page_fits_its_window_and_axe_finds_nothing(
    adapter: Server,
    new_context: Callable[..., BrowserContext],
    dynamics: Simulation,
    look: tuple[int, str, Literal["dark", "light"]],
) -> None:
    width, language, theme = look
    for stage in ("created", "answered", "ended"):
        adapter.report(stage, "c-1", agent="alice", customer={"phone": "+4930555"})
    size = {"width": width, "height": 800}
    context = new_context(base_url=adapter.url, locale=language, color_scheme=theme, viewport=size)
    page = sign_in(context, adapter)
    with Visitor(adapter, principals.sign_in_as_admin(adapter)) as visitor:
        soon = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
        fields = account_fields(dynamics, client_secret="wrong", secret_expires=soon)
        visitor.submit("/admin/dynamics/new", fields)
        visitor.submit("/admin/steps/start", {"start": "complete", "draft": "0"})
        broken = {"version": "1", "enabled": "1", "body": "{", "table": "phonecalls"}
        visitor.submit("/admin/steps/draft/4", broken)
    for path in PAGES:
        page.goto(path)
        for closed in page.locator("main details:not([open]) > summary").all():
            if closed.is_visible():
                closed.click()
        inner = page.evaluate("document.documentElement.scrollWidth")
        assert inner <= width, (path, inner)
        assert axe.violations(page) == [], path
        if language == "ja":
            assert re.search(r"[\u3040-\u30ff]", page.locator("main").inner_text())
