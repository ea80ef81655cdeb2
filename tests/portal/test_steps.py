"""The wizard of the steps: left and resumed, checked, previewed, applied, switched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapter.demo.simulated.serving import Simulation
from tests import principals
from tests.dataverse.simulation import dynamics, simulation
from tests.portal.dynamics_desk import account_fields, filled, portal
from tests.portal.visitor import Page, Visitor
from tests.server import Server, eventually

__all__ = ["dynamics", "simulation"]

HOME = "/admin/steps"
REVIEW = f"{HOME}/review"
MARIA = "Maria O'Weber"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, simulation: Simulation) -> Iterator[Visitor]:
    with portal(tmp_path_factory.mktemp("steps"), simulation) as visitor:
        page = visitor.submit("/admin/dynamics/new", account_fields(simulation))
        assert "Connection is valid." in page, page.text
        visitor.submit("/admin/dynamics/accounts/main/apply", {"version": "1"})
        yield visitor


@pytest.fixture
def visitor(shared: Visitor, dynamics: Simulation) -> Visitor:
    """Give the admin with no steps and no draft."""
    put(shared, {"steps": []})
    page = shared.get(HOME)
    if "There is a draft" in page:
        shared.submit(f"{HOME}/discard", {"draft": page.value("draft")})
    return shared


def put(visitor: Visitor, document: Any) -> None:
    answer = visitor.server.request("PUT", "/v1/admin/steps", document, scope="admin")
    assert answer.status_code == 200, answer.text


def in_force(visitor: Visitor) -> list[dict[str, Any]]:
    answer = visitor.server.request("GET", "/v1/admin/steps", scope="admin").json()
    steps: list[dict[str, Any]] = answer["steps"]["steps"]
    return steps


def begin(visitor: Visitor, start: str = "examples") -> Page:
    return visitor.submit(
        f"{HOME}/start", {"start": start, "draft": visitor.get(HOME).value("draft")}
    )


def step(visitor: Visitor, number: int, **changes: str | list[str] | None) -> Page:
    """Fill in a page of the wizard and press a button (`then`; Save and continue)."""
    page = visitor.get(f"{HOME}/draft/{number}")
    return visitor.submit(f"{HOME}/draft/{number}", filled(page, **{"then": "next", **changes}))


def apply(visitor: Visitor) -> Page:
    return visitor.submit(REVIEW, filled(visitor.get(REVIEW)))


def test_the_examples_are_walked_through_and_applied(visitor: Visitor) -> None:
    page = begin(visitor)
    assert "Step 1: Environment" in page
    assert "Connection is valid." in page
    for number, title in (
        (2, "Contact answered"),
        (3, "Contact ended"),
        (4, "Recording available"),
        (5, "Review and apply"),
    ):
        page = step(visitor, number)
        assert title in page, number
    assert in_force(visitor) == []
    page = apply(visitor)
    assert "The steps are in force" in page
    assert [each["number"] for each in in_force(visitor)] == [2, 3, 4, 5]
    assert "There is a draft" not in page


def test_a_page_of_the_wizard_is_done_only_after_it_was_seen(visitor: Visitor) -> None:
    def states(page: Page) -> list[str]:
        return re.findall(r'data-state="(\w+)"', page.html)

    page = begin(visitor)
    assert states(page) == ["done", "empty", "empty", "empty", "empty"]
    page = step(visitor, 2)
    assert states(page) == ["done", "done", "empty", "empty", "empty"]


def test_a_draft_is_left_and_resumed_and_says_whose_it_is(visitor: Visitor) -> None:
    begin(visitor)
    page = step(visitor, 4, body='{"category": "left here"}', then="leave")
    assert "There is a draft" in page
    assert "Draft of Ada Admin" in page
    assert f"{HOME}/draft/4" in page.links
    with Visitor(visitor.server, principals.sign_in(visitor.server, "admin", name="Bea")) as other:
        assert "left here" in other.get(f"{HOME}/draft/4").value("body")
    assert in_force(visitor) == []


def test_going_to_another_page_of_the_wizard_saves_what_was_typed(visitor: Visitor) -> None:
    begin(visitor)
    page = step(visitor, 4, body='{"category": "typed', then="to-2")
    assert "Contact created" in page
    assert f"{HOME}/draft/4" not in page.links  # a link would drop what is typed here
    assert visitor.get(f"{HOME}/draft/4").value("body") == '{"category": "typed'
    page = step(visitor, 2, then="to-review")
    assert "Review and apply" in page
    assert f"{HOME}/draft/4#body" in page.links
    assert step(visitor, 2, then="to-99").status == 200  # as Save and continue
    assert in_force(visitor) == []


def test_a_problem_stands_at_its_field_and_what_was_typed_is_kept(visitor: Visitor) -> None:
    begin(visitor)
    page = step(visitor, 4, query_string="STEP2-Response.activityid", body='{"category": }')
    assert page.status == 422
    assert {"body-error"} <= page.ids
    assert page.value("body") == '{"category": }'
    assert "problem" in page
    review = visitor.get(REVIEW)
    assert "These problems have to be mended first" in review
    assert f"{HOME}/draft/4#body" in review.links
    answer = visitor.submit(REVIEW, {"draft": page.value("version"), "in_force": "1"})
    assert answer.status == 422
    assert in_force(visitor) == []


def test_a_member_of_a_body_is_named(visitor: Visitor) -> None:
    begin(visitor)
    page = step(visitor, 4, body='{"statecode": 1}')
    assert "statecode: needs a matching statuscode beside it" in page


def test_a_column_that_the_environment_lacks_is_told_at_its_field(visitor: Visitor) -> None:
    begin(visitor)
    page = step(visitor, 2, body='{"subjekt": "x"}')
    assert page.status == 422
    assert "subjekt: phonecall has no such column (did you mean subject?)" in page
    # The page remembers it when it is opened again, without asking.
    assert "did you mean subject?" in visitor.get(f"{HOME}/draft/2")
    page = step(visitor, 2, table="phonecals")
    assert "table-error" in page.ids


def test_the_printed_example_is_repaired_and_it_is_said(visitor: Visitor) -> None:
    begin(visitor, "empty")
    printed = (
        'Request Body: {\\"phonenumber\\":\\"{{CustomerEndpoint}}\\",\\"subject\\":\\"Call\n'
        'between Username and CustomerEndpoint\\"}'
    )
    page = step(visitor, 2, enabled="1", body=printed)
    assert "What you pasted was repaired:" in page
    assert "escaped quotes replaced" in page
    body = visitor.get(f"{HOME}/draft/2").value("body")
    assert json.loads(body)["subject"] == "Call between Username and CustomerEndpoint"


def test_a_preview_shows_the_exact_request_without_a_script(visitor: Visitor) -> None:
    visitor.server.report("created", "c-preview", customer={"phone": "+49301", "name": MARIA})
    begin(visitor)
    body = '{"subject": "Call of {{Customer.Name}}"}'
    page = step(visitor, 2, body=body, then="preview", contact="c-preview")
    assert page.status == 200
    assert "POST https://localhost" in page
    assert MARIA in page
    assert page.value("contact") == "c-preview"
    assert page.value("body") == body


def test_a_script_previews_while_somebody_types(visitor: Visitor) -> None:
    begin(visitor)
    fields = {
        "enabled": ["1"],
        "method": ["POST"],
        "table": ["phonecalls"],
        "body": ['{"subject": "{{CustomerEndpoint}}"}'],
    }
    answer = visitor.ask(f"{HOME}/draft/2/preview", {"fields": fields}).json()
    assert '"subject":"+12025550142"' in answer["request"].replace('": "', '":"')
    assert answer["problems"] == []
    assert any("directioncode" in each["detail"] for each in answer["hints"])
    fields["body"] = ["{"]
    answer = visitor.ask(f"{HOME}/draft/2/preview", {"fields": fields}).json()
    assert answer["request"] is None
    assert [each["at"] for each in answer["problems"]] == ["body"]
    # Nothing of it was kept.
    assert "CustomerEndpoint" in visitor.get(f"{HOME}/draft/2").value("body")


def test_attributes_of_late_contacts_can_be_picked(visitor: Visitor) -> None:
    visitor.server.report("created", "c-picker", attributes={"OrderNumber": "O-17", "a}b": "x"})
    begin(visitor)
    page = visitor.get(f"{HOME}/draft/4")
    assert "{{OrderNumber}} O-17" in page
    assert "{{STEP2-Response.activityid}}" in page
    assert "{{CustomerEndpoint}}" in page
    assert "{{a}b}}" not in page
    assert "{{objectUrl}}" in visitor.get(f"{HOME}/draft/5")


def test_an_address_of_dynamics_fills_the_pop(visitor: Visitor, dynamics: Simulation) -> None:
    begin(visitor)
    address = (
        f"{dynamics.description()['environment_url']}/main.aspx?"
        "appid=99999999-2222-3333-4444-555555555555&pagetype=entityrecord&etn=phonecall"
        "&id=%7B11111111-2222-3333-4444-555555555555%7D&x=1"
    )
    page = step(visitor, 3, address=address, then="take-apart")
    assert json.loads(page.value("query_string")) == {
        "appid": "{{appid}}",
        "pagetype": "entityrecord",
        "etn": "phonecall",
        "id": "{{STEP2-Response.activityid}}",
    }
    assert "The record's id was replaced" in page
    assert "Left out, because no step can have it: x" in page
    other = address.replace("etn=phonecall", "etn=account")
    page = step(visitor, 3, address=other, then="take-apart")
    assert "Every contact would open this one record" in page
    page = step(visitor, 3, address="https://evil.example/main.aspx", then="take-apart")
    assert page.status == 422
    assert "address-error" in page.ids


def test_a_step_that_is_left_empty_is_left_out(visitor: Visitor) -> None:
    begin(visitor, "complete")
    step(visitor, 5, enabled=None, body="", query_string="")
    apply(visitor)
    assert [each["number"] for each in in_force(visitor)] == [2, 3, 4]


def test_rules_between_steps_are_set(visitor: Visitor) -> None:
    begin(visitor, "complete")
    step(visitor, 4, completed="wait", wait_hours="6", abandoned="skip", owner="1")
    page = step(visitor, 4, wait_hours="many")
    assert page.status == 422
    assert "wait_hours-error" in page.ids
    step(visitor, 4, wait_hours="6")
    step(visitor, 5, redacted="only")
    apply(visitor)
    answer = visitor.server.request("GET", "/v1/admin/steps", scope="admin").json()["steps"]
    told = {name: answer[name] for name in ("completed", "wait_hours", "abandoned", "owner")}
    assert told == {"completed": "wait", "wait_hours": 6, "abandoned": "skip", "owner": True}
    assert answer["redacted"] == "only"


def test_the_review_compares_with_what_is_in_force(visitor: Visitor) -> None:
    begin(visitor)
    apply(visitor)
    begin(visitor, "current")
    assert "Nothing: the draft is the same" in visitor.get(REVIEW)
    step(visitor, 4, body='{"category": "{{Queue}}"}')
    page = visitor.get(REVIEW)
    assert '- "category": "{{Channel}}"' in page
    assert '+ "category": "{{Queue}}"' in page


def test_steps_that_no_page_has_survive(visitor: Visitor) -> None:
    own = {
        "number": 17,
        "stages": ["transferred"],
        "method": "POST",
        "table": "tasks",
        "body": '{"subject": "moved"}',
        "impersonate": False,
    }
    put(visitor, {"steps": [own]})
    begin(visitor, "current")
    page = step(visitor, 17, body='{"subject": "handed on"}')
    assert "Review and apply" in page
    apply(visitor)
    (found,) = in_force(visitor)
    assert found["stages"] == ["transferred"]
    assert found["impersonate"] is False
    assert "handed on" in found["body"]


def test_a_step_of_ones_own_is_added(visitor: Visitor) -> None:
    begin(visitor)
    assert f"{HOME}/draft/6" in visitor.get(REVIEW).links
    own = {"table": "tasks", "method": "POST", "body": '{"subject": "call back"}', "enabled": "1"}
    assert "stages-error" in step(visitor, 6, **own).ids
    page = step(visitor, 6, **own, stages=["ended"], impersonate="yes")
    assert "Review and apply" in page
    apply(visitor)
    found = in_force(visitor)[-1]
    assert (found["number"], found["stages"], found["impersonate"]) == (6, ["ended"], True)


def test_two_admins_do_not_overwrite_each_other_unseen(visitor: Visitor) -> None:
    begin(visitor)
    mine = filled(visitor.get(f"{HOME}/draft/4"), body='{"category": "mine"}', then="next")
    step(visitor, 4, body='{"category": "theirs"}')
    page = visitor.submit(f"{HOME}/draft/4", mine)
    assert page.status == 409
    assert "Somebody else has saved the draft meanwhile" in page
    assert page.value("body") == '{"category": "mine"}'
    assert "theirs" in visitor.get(f"{HOME}/draft/4").value("body")
    visitor.submit(f"{HOME}/draft/4", filled(page, then="next"))
    assert "mine" in visitor.get(f"{HOME}/draft/4").value("body")


def test_steps_changed_beside_the_draft_are_told_before_they_are_replaced(
    visitor: Visitor,
) -> None:
    begin(visitor)
    reviewed = filled(visitor.get(REVIEW))
    put(visitor, {"steps": [], "completed": "reopen"})
    page = visitor.submit(REVIEW, reviewed)
    assert page.status == 412
    assert "were changed after this draft was begun" in visitor.get(REVIEW)


def test_a_step_is_switched_off_with_a_reason_and_on_again(visitor: Visitor) -> None:
    begin(visitor)
    apply(visitor)
    version = visitor.get(HOME).value("version")
    off = {"to": "off", "number": "5", "version": version}
    assert "Say why" in visitor.submit(f"{HOME}/switch", {**off, "reason": " "})
    page = visitor.submit(f"{HOME}/switch", {**off, "reason": "The bucket is moved"})
    assert "The bucket is moved" in page
    assert "Ada Admin" in page
    assert [each["number"] for each in in_force(visitor) if not each["enabled"]] == [5]
    audit = visitor.server.request("GET", "/v1/admin/audit", scope="admin").text
    assert "The bucket is moved" in audit
    version = page.value("version")
    page = visitor.submit(f"{HOME}/switch", {"to": "on", "number": "5", "version": version})
    assert "The bucket is moved" not in page
    assert all(each["enabled"] for each in in_force(visitor))


def test_a_step_that_others_need_is_not_switched_off_alone(visitor: Visitor) -> None:
    begin(visitor)
    apply(visitor)
    given = {"to": "off", "version": visitor.get(HOME).value("version"), "reason": "x"}
    page = visitor.submit(f"{HOME}/switch", {**given, "number": "2"})
    assert page.status == 422
    assert "step 2 is disabled and will have no response" in page
    page = visitor.submit(f"{HOME}/switch", {**given, "number": "all"})
    assert not any(each["enabled"] for each in in_force(visitor))


def test_a_recorded_contact_is_replayed(visitor: Visitor) -> None:
    server = visitor.server
    for stage in ("created", "answered", "ended"):
        server.report(stage, "c-replay", agent="alice", customer={"phone": "+49302"})
    begin(visitor)
    page = visitor.get(f"{HOME}/try?contact=c-replay", accept_language="ja")
    assert not re.search(r"<h3>[^<]*\((created|answered|ended)\)", page.html)
    page = visitor.get(f"{HOME}/try?contact=c-replay")
    assert "POST https://localhost" in page
    assert "+49302" in page
    assert "main.aspx?appid=99999999" in page
    page = visitor.get(f"{HOME}/try?contact=c-replay&of=in-force")
    assert "Nothing would have been sent." in page
    page = visitor.get(f"{HOME}/try?contact=no-such")
    assert page.status == 422
    assert "contact-error" in page.ids


def test_what_the_wizard_applies_reaches_dynamics(visitor: Visitor, dynamics: Simulation) -> None:
    begin(visitor, "complete")
    apply(visitor)
    visitor.server.report("created", "c-real", customer={"phone": "+493023125199"})

    def arrived() -> bool:
        return "+493023125199" in str(dynamics.world.database.rows("phonecall"))

    eventually(arrived, "the phone call is in Dynamics")


def test_no_page_is_there_without_a_draft(visitor: Visitor) -> None:
    for path in (f"{HOME}/draft/2", REVIEW):
        answer = visitor.send("GET", path)
        assert (answer.status_code, answer.headers["location"]) == (303, HOME)
    assert visitor.get(f"{HOME}/draft/1000").status == 404
    assert visitor.get(f"{HOME}/draft/x").status == 404
    page = visitor.submit(f"{HOME}/draft/2", {"version": "0"})
    assert page.status == 412


def test_an_account_is_made_inside_the_wizard(tmp_path: Path, dynamics: Simulation) -> None:
    with portal(tmp_path, dynamics) as visitor:
        page = begin(visitor, "complete")
        assert "Step 1: Environment" in page
        page = visitor.submit("/admin/dynamics/new", filled(page, **account_fields(dynamics)))
        assert "Step 1: Environment" in page
        assert "Connection is valid." in page
        review = visitor.get(REVIEW)
        assert "not checked against the environment" in review
        assert "Also put the drafts of these accounts in force: main" in review
        page = visitor.submit(REVIEW, filled(review))
        assert "Steps wait" not in page
        assert len(in_force(visitor)) == 4


def test_the_drafts_of_two_tenants_never_meet(tmp_path: Path, simulation: Simulation) -> None:
    with Server(
        tmp_path,
        SCREENPOP_CA_FILE=str(simulation.ca_file),
        SCREENPOP_ENVIRONMENT_DOMAIN="screenpop.localhost",
    ) as server:
        with server.office() as office:
            office.create_tenant("other")
        eventually(
            lambda: (
                server.http.get(
                    f"{server.url}/admin/steps", headers={"host": "nobody.screenpop.localhost"}
                ).status_code
                == 421  # with one tenant every host is it
            ),
            "the server knows the other tenant",
        )
        pages = {}
        for tenant in ("default", "other"):
            cookie = principals.sign_in(server, "admin", tenant=tenant, name="Ada")
            host = f"{tenant}.screenpop.localhost:{server.port}"
            with Visitor(server, cookie, host=host) as visitor:
                visitor.headers["origin"] = ""
                token = visitor.get(HOME).value("form-token")
                visitor.submit(
                    f"{HOME}/start",
                    {
                        "start": "examples" if tenant == "other" else "empty",
                        "draft": "0",
                        "form-token": token,
                    },
                    origin=f"http://{host}",
                )
                pages[tenant] = visitor.get(REVIEW)
    assert "phonecalls" in pages["other"]
    assert "phonecalls" not in pages["default"]


def test_a_made_up_number_never_breaks_a_page(visitor: Visitor) -> None:
    begin(visitor)
    page = step(visitor, 2, table="<script>", body='{"x": "</pre><script>"}')
    assert "<script>" not in re.sub(r"<script type=\"module\"[^>]*>", "", page.html)
