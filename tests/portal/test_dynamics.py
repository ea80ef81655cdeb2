"""Integration accounts are set up in the portal: form, test, consent, apply."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from babel.dates import format_date

from adapter import steps
from adapter.demo.simulated.serving import Simulation
from tests import principals
from tests.dataverse.consenting import press
from tests.dataverse.simulation import dynamics, simulation
from tests.portal.dynamics_desk import account_fields, filled, portal
from tests.portal.visitor import Visitor

__all__ = ["dynamics", "simulation"]

HOME = "/admin/dynamics"
MAIN = f"{HOME}/accounts/main"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, simulation: Simulation) -> Iterator[Visitor]:
    with portal(tmp_path_factory.mktemp("dynamics"), simulation) as visitor:
        yield visitor


@pytest.fixture
def visitor(shared: Visitor, dynamics: Simulation) -> Iterator[Visitor]:
    """Give the admin with no account there."""
    yield shared
    for link in shared.get(HOME).links:
        if link.startswith(f"{HOME}/accounts/"):
            version = shared.get(link).value("version")
            shared.submit(f"{link}/remove", {"sure": "1", "version": version})


def make(visitor: Visitor, simulation: Simulation, **changes: str) -> None:
    page = visitor.submit(f"{HOME}/new", account_fields(simulation, **changes))
    assert page.status == 200, page.text


def test_an_account_is_made_tested_and_applied(visitor: Visitor, dynamics: Simulation) -> None:
    assert "There is no integration account yet" in visitor.get(HOME)
    fields = account_fields(dynamics)
    page = visitor.submit(f"{HOME}/new", fields)
    assert "The draft is saved. Connection is valid." in page
    assert "Contoso" in page
    assert "granted" in page
    assert fields["client_secret"] not in page.html
    page = visitor.submit(f"{MAIN}/apply", {"version": page.value("version")})
    assert "The account is in force." in page
    listed = visitor.get(HOME)
    assert "in force" in listed
    assert "default" in listed


@pytest.mark.parametrize(("language", "words"), [("en", "do not run"), ("ja", "は実行されません")])
def test_applying_an_account_that_leaves_steps_without_a_default_says_so(
    tmp_path: Path, dynamics: Simulation, language: str, words: str
) -> None:
    with portal(tmp_path, dynamics) as visitor:
        visitor.headers["accept-language"] = language
        kept = steps.dump(steps.default_steps())
        saved = visitor.server.request("PUT", "/v1/admin/steps", json.loads(kept), scope="admin")
        assert saved.is_success, saved.text
        for name in ("main", "other"):
            fields = account_fields(dynamics, name=name)
            fields.pop("default")
            page = visitor.submit(f"{HOME}/new", fields)
            version = page.value("version")
            page = visitor.submit(f"{HOME}/accounts/{name}/apply", {"version": version})
            assert (words in page) is (name == "other")
        assert "2, 3, 4" in page


def test_every_fault_stands_at_its_field_and_what_was_typed_stays(
    visitor: Visitor, dynamics: Simulation
) -> None:
    wrong = account_fields(dynamics, client_id="abc", token_url="https://evil.example/x/token")
    page = visitor.submit(f"{HOME}/new", wrong)
    assert page.status == 422
    assert {"client_id-error", "token_url-error"} <= page.ids
    assert "#client_id" in page.links
    assert page.value("client_id") == "abc"
    assert wrong["client_secret"] not in page.html
    assert "There is no integration account yet" in visitor.get(HOME)


def test_every_field_that_is_missing_is_told_at_once(
    visitor: Visitor, dynamics: Simulation
) -> None:
    del dynamics
    page = visitor.submit(f"{HOME}/new", {"version": "0", "access": "application"})
    assert page.status == 422
    assert {"name-error", "client_id-error", "api_url-error"} <= page.ids
    summary = page.html.partition('id="errors"')[2].partition("</section>")[0]
    assert "Application (client) ID: this is needed" in summary


def test_a_secret_that_a_refusal_emptied_is_asked_for_again(
    visitor: Visitor, dynamics: Simulation
) -> None:
    page = visitor.submit(f"{HOME}/new", account_fields(dynamics, client_id="abc"))
    assert page.value("client_secret-emptied") == "1"
    again = account_fields(dynamics, client_secret="") | {"client_secret-emptied": "1"}
    page = visitor.submit(f"{HOME}/new", again)
    assert page.status == 422
    assert "#client_secret" in page.links


def test_an_account_needs_a_name_of_its_own(visitor: Visitor, dynamics: Simulation) -> None:
    assert "Give the account a name." in visitor.submit(
        f"{HOME}/new", account_fields(dynamics, name="")
    )
    make(visitor, dynamics)
    page = visitor.submit(f"{HOME}/new", account_fields(dynamics, name="MAIN"))
    assert page.status == 422
    assert "There is an account of this name already." in page


def test_a_secret_is_kept_where_none_is_typed(visitor: Visitor, dynamics: Simulation) -> None:
    make(visitor, dynamics)
    page = visitor.submit(MAIN, filled(visitor.get(MAIN), recording_bucket="calls", then="test"))
    assert "Connection is valid." in page
    assert page.value("recording_bucket") == "calls"
    assert "One is set." in page


def test_a_test_that_fails_says_the_cause_and_what_to_do(
    visitor: Visitor, dynamics: Simulation
) -> None:
    page = visitor.submit(f"{HOME}/new", account_fields(dynamics, client_secret="wrong"))
    assert "The client secret is wrong." in page
    assert "Secret ID" in page
    dynamics.world.set_application_user(present=False)
    page = visitor.submit(MAIN, filled(page, client_secret=dynamics.world.client_secret))
    page = visitor.submit(f"{MAIN}/test", {"form-token": ""})
    assert "application_user_missing" in page


def test_days_left_of_a_secret_are_told(visitor: Visitor, dynamics: Simulation) -> None:
    soon = datetime.now(UTC).date() + timedelta(days=6)
    make(visitor, dynamics, secret_expires=soon.isoformat())
    written = format_date(soon, "medium", locale="en")
    for path in (HOME, MAIN):
        assert f"The client secret expires in 6 days ({written})" in visitor.get(path)
    assert "6 days left" in visitor.get(HOME)
    japanese = visitor.get(HOME, accept_language="ja")
    assert "expires" not in japanese
    assert format_date(soon, "medium", locale="ja") in japanese


def test_a_change_by_somebody_else_is_not_overwritten_unseen(
    visitor: Visitor, dynamics: Simulation
) -> None:
    make(visitor, dynamics)
    mine = filled(visitor.get(MAIN), recording_bucket="mine", then="leave")
    visitor.submit(MAIN, filled(visitor.get(MAIN), recording_bucket="theirs", then="leave"))
    page = visitor.submit(MAIN, mine)
    assert page.status == 409
    assert "Somebody else has saved this account meanwhile." in page
    assert page.value("recording_bucket") == "mine"
    assert visitor.get(MAIN).value("recording_bucket") == "theirs"
    visitor.submit(MAIN, filled(page, then="leave"))
    assert visitor.get(MAIN).value("recording_bucket") == "mine"


def test_a_draft_is_discarded_and_what_is_in_force_stays(
    visitor: Visitor, dynamics: Simulation
) -> None:
    make(visitor, dynamics)
    visitor.submit(f"{MAIN}/apply", {"version": "1"})
    page = visitor.submit(MAIN, filled(visitor.get(MAIN), recording_bucket="b-2", then="leave"))
    assert "Discard draft" in page
    assert "Connection is valid." in visitor.submit(f"{MAIN}/test", {"side": "applied"})
    page = visitor.submit(f"{MAIN}/discard", {"version": page.value("version")})
    assert page.value("recording_bucket") == ""
    assert "Discard draft" not in page


def test_an_account_is_renamed_and_made_the_default(visitor: Visitor, dynamics: Simulation) -> None:
    fields = account_fields(dynamics)
    fields.pop("default")
    visitor.submit(f"{HOME}/new", fields)
    page = visitor.submit(f"{MAIN}/default", {"form-token": ""})
    assert "It will be the default account" in page
    version = page.value("version")
    page = visitor.submit(f"{MAIN}/rename", {"name": "Zürich & Köln", "version": version})
    assert "The account has a new name." in page
    assert "Zürich & Köln" in visitor.get(HOME)


def test_removing_an_account_asks_once(visitor: Visitor, dynamics: Simulation) -> None:
    make(visitor, dynamics)
    page = visitor.submit(f"{MAIN}/remove", {"version": "1"})
    assert page.status == 422
    assert "Tick this" in page
    assert "main is removed." in visitor.submit(f"{MAIN}/remove", {"sure": "1", "version": "1"})


def test_request_token_leads_to_microsoft_and_back(visitor: Visitor, dynamics: Simulation) -> None:
    make(visitor, dynamics, access="delegated")
    page = visitor.submit(f"{MAIN}/request-token", {"redirect_path": "/v1/dynamics/oauth_callback"})
    assert f"{visitor.server.url}/v1/dynamics/oauth_callback" in page
    (url,) = [link for link in page.links if "oauth2" in link]
    marker = visitor.send("GET", f"{MAIN}/state").json()["marker"]
    assert f'data-marker="{marker}"' in page.html
    answer = press(dynamics, url)
    done = visitor.send("GET", f"/v1/dynamics/oauth_callback?{_query(answer)}")
    assert "Connection is valid." in done.text
    assert visitor.send("GET", f"{MAIN}/state").json()["marker"] != marker
    page = visitor.get(MAIN)
    assert "Refresh token: it is set." in page
    assert "Connection is valid." in page


def test_a_consent_of_another_browser_is_confirmed_by_its_code(
    visitor: Visitor, dynamics: Simulation
) -> None:
    make(visitor, dynamics, access="delegated")
    page = visitor.submit(f"{MAIN}/request-token", {"form-token": ""})
    (url,) = [link for link in page.links if "oauth2" in link]
    with Visitor(visitor.server) as stranger:
        done = stranger.send("GET", f"/v1/dynamics/oauth_callback?{_query(press(dynamics, url))}")
    code = re.search(r"\b[2-9A-Z]{4}-[2-9A-Z]{4}\b", done.text)
    assert code is not None, done.text
    assert "No consent waits" in visitor.submit(f"{MAIN}/confirm", {"code": "AAAA-AAAA"})
    page = visitor.submit(f"{MAIN}/confirm", {"code": code[0]})
    assert "Refresh token: it is set." in page


def test_a_consent_that_cannot_begin_says_why(visitor: Visitor, dynamics: Simulation) -> None:
    make(visitor, dynamics, access="delegated", client_secret="")
    page = visitor.submit(f"{MAIN}/request-token", {"form-token": ""})
    assert "The consent window cannot open:" in page


def test_pasted_addresses_are_explained_while_they_are_typed(visitor: Visitor) -> None:
    fields = {
        "api_url": ["https://contoso.crm4.dynamics.com/api/data/v9.0"],
        "token_url": ["https://login.windows.net/contoso.onmicrosoft.com/oauth2/token"],
        "client_id": ["66666666-7777-8888-9999-000000000000"],
    }
    answer = visitor.ask(f"{HOME}/look", {"fields": fields}).json()
    assert answer["problems"] == []
    assert answer["meaning"] == {
        "environment": "https://contoso.crm4.dynamics.com",
        "api": "https://contoso.crm4.dynamics.com/api/data/v9.0",
        "directory": "contoso.onmicrosoft.com",
        "cloud": "the public cloud",
        "scope": "https://contoso.crm4.dynamics.com/.default",
    }
    fields["client_id"] = ["nonsense"]
    answer = visitor.ask(f"{HOME}/look", {"fields": fields}).json()
    assert [each["at"] for each in answer["problems"]] == ["client_id"]
    assert visitor.ask(f"{HOME}/look", {"fields": []}).status_code == 400


def test_what_is_not_filled_in_yet_is_no_fault_yet(visitor: Visitor) -> None:
    answer = visitor.ask(f"{HOME}/look", {"fields": {"name": ["x"]}}).json()
    assert answer == {"problems": [], "meaning": None}


def test_what_to_paste_into_azure_stands_ready(visitor: Visitor) -> None:
    page = visitor.get(f"{HOME}/azure")
    origin = visitor.server.url
    for text in (
        f"{origin}/v1/dynamics/oauth_callback",
        f"{origin}/admin/msdynamicscallback.html",
        f"{origin}/v1/signin/callback",
        "frame-ancestors",
        "allow-popups-to-escape-sandbox",
    ):
        assert text in page


def test_the_connector_has_this_servers_address_written_in(visitor: Visitor) -> None:
    answer = visitor.send("GET", f"{HOME}/connector.zip")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["connector.html", "connector.js", "connector.css"]
        html = archive.read("connector.html").decode()
        assert archive.read("connector.js") == Path("adapter/static/connector.js").read_bytes()
    assert f'<meta name="screenpop-adapter" content="{visitor.server.url}">' in html


def test_a_supervisor_may_not_see_accounts(visitor: Visitor) -> None:
    cookie = principals.sign_in(visitor.server, "supervisor", name="Sue")
    with Visitor(visitor.server, cookie) as supervisor:
        for path in (HOME, f"{HOME}/new", f"{HOME}/azure", MAIN, f"{HOME}/connector.zip"):
            assert supervisor.get(path).status == 403
        assert supervisor.send("POST", f"{MAIN}/remove", {"sure": "1"}).status_code == 403


def _query(answer: dict[str, str]) -> str:
    return str(httpx.QueryParams(answer))
