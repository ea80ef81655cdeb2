"""Manage accounts over HTTP with an admin key, and end a consent window in words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapter import app as adapter_app, secret_box, settings
from adapter.connections import ConsentResult, open_connections
from adapter.dataverse.errors import DataverseError
from adapter.demo.simulated.serving import Simulation
from adapter.errors import ScreenpopError
from adapter.office import Office
from adapter.web import accounts, consent_pages, problems
from tests.dataverse.consenting import press
from tests.dataverse.simulation import dynamics, fields, simulation, tls

__all__ = ["dynamics", "fields", "simulation", "tls"]

ROUTES = [
    Route("/v1/admin/accounts", accounts.list_accounts, methods=["GET"]),
    Route("/v1/admin/accounts/{name}", accounts.get_account, methods=["GET"]),
    Route("/v1/admin/accounts/{name}", accounts.put_account, methods=["PUT"]),
    Route("/v1/admin/accounts/{name}", accounts.delete_account, methods=["DELETE"]),
    Route("/v1/admin/accounts/{name}/draft", accounts.discard_draft, methods=["DELETE"]),
    Route("/v1/admin/accounts/{name}/rename", accounts.rename_account, methods=["POST"]),
    Route("/v1/admin/accounts/{name}/confirm", accounts.confirm_consent, methods=["POST"]),
    Route("/v1/admin/accounts/{name}/apply", accounts.apply_account, methods=["POST"]),
    Route("/v1/admin/accounts/{name}/test", accounts.test_account, methods=["POST"]),
    Route("/v1/admin/accounts/{name}/request-token", accounts.request_token, methods=["POST"]),
    Route("/v1/dynamics/oauth_callback", consent_pages.callback, methods=["GET", "POST"]),
    Route("/admin/msdynamicscallback.html", consent_pages.callback, methods=["GET", "POST"]),
]


@pytest.fixture
async def http(tmp_path: Path, simulation: Simulation) -> AsyncIterator[httpx.AsyncClient]:
    chosen = settings.load(
        data_dir=tmp_path,
        allow_loopback=True,
        ca_file=simulation.ca_file,
        public_url="https://localhost",
    )
    services = adapter_app.create_services(chosen)
    office = Office(services.database, chosen)
    office.ensure_default_tenant()
    key = office.create_key("default", "admin", "test")
    services.registry.refresh()
    box = secret_box.load(None, tmp_path / "secret.key")
    connections = open_connections(services.database, box, chosen, spawn=services.tasks.spawn)
    handlers: Any = {
        DataverseError: accounts.on_dynamics_error,
        ScreenpopError: problems.on_error,
    }
    inner = Starlette(routes=ROUTES, exception_handlers=handlers)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"services": services, "connections": connections}
        await inner(scope, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="https://localhost",
        headers={"authorization": f"Bearer {key.secret}"},
    ) as client:
        yield client
    await connections.clients.close()
    await services.tasks.finish()
    services.database.close()


async def put(http: httpx.AsyncClient, given: dict[str, Any], **more: Any) -> httpx.Response:
    return await http.put("/v1/admin/accounts/main", json=given, **more)


async def test_an_account_is_saved_tested_applied_shown_and_removed(
    http: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    saved = await put(http, fields)
    assert saved.status_code == 200, saved.text
    assert saved.json()["draft"]["report"]["message"] == "Connection is valid."
    assert saved.headers["etag"] == '"1"'
    applied = await http.post("/v1/admin/accounts/main/apply")
    assert applied.json()["ready"]
    listed = (await http.get("/v1/admin/accounts")).json()
    assert [each["name"] for each in listed["accounts"]] == ["main"]
    assert "https://localhost/v1/dynamics/oauth_callback" in listed["redirect_uris"]
    for answer in (saved, applied, await http.get("/v1/admin/accounts/main")):
        assert fields["client_secret"] not in answer.text
        assert answer.headers["cache-control"] == "no-store"
    assert (await http.delete("/v1/admin/accounts/main")).status_code == 204
    assert (await http.get("/v1/admin/accounts/main")).status_code == 404


async def test_a_bad_field_is_named(http: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    refused = await put(http, {**fields, "client_id": "x", "scop": "y"})
    assert refused.status_code == 422
    assert {each["at"] for each in refused.json()["errors"]} == {"/client_id", "/scop"}


async def test_a_wrong_secret_is_told_and_saved_all_the_same(
    http: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    report = (await put(http, {**fields, "client_secret": "wrong"})).json()["draft"]["report"]
    assert not report["valid"]
    assert report["cause"] == "secret_wrong"
    assert "Secret ID" in report["advice"]


async def test_a_test_is_asked_afresh_each_time(
    http: httpx.AsyncClient, fields: dict[str, Any], dynamics: Simulation
) -> None:
    await put(http, fields, params={"test": "no"})
    dynamics.world.set_application_user(present=False)
    first = (await http.post("/v1/admin/accounts/main/test")).json()
    assert first["cause"] == "application_user_missing"
    dynamics.world.set_application_user(present=True)
    second = (await http.post("/v1/admin/accounts/main/test")).json()
    assert second["valid"]
    assert second["organisation"] == "Contoso"
    bad = await http.post("/v1/admin/accounts/main/test", params={"side": "left"})
    assert bad.status_code == 400


async def test_a_stale_change_is_refused(http: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    await put(http, fields, params={"test": "no"})
    stale = await put(http, fields, headers={"if-match": '"0"'})
    assert stale.status_code == 412
    answer = await http.post("/v1/admin/accounts/main/apply", headers={"if-match": '"7"'})
    assert answer.status_code == 412


async def test_only_an_admin_key_may_ask(http: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    for method, path in (
        ("GET", ""),
        ("GET", "/main"),
        ("PUT", "/main"),
        ("DELETE", "/main"),
        ("POST", "/main/apply"),
        ("POST", "/main/test"),
        ("POST", "/main/request-token"),
        ("POST", "/main/confirm"),
        ("POST", "/main/rename"),
        ("DELETE", "/main/draft"),
    ):
        answer = await http.request(
            method, f"/v1/admin/accounts{path}", headers={"authorization": "Bearer x"}
        )
        assert answer.status_code == 401, path


@pytest.mark.parametrize("path", ["/v1/dynamics/oauth_callback", "/admin/msdynamicscallback.html"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_consent_window_ends_with_a_valid_connection(
    http: httpx.AsyncClient,
    fields: dict[str, Any],
    dynamics: Simulation,
    path: str,
    method: str,
) -> None:
    await put(http, {**fields, "access": "delegated"})
    asked = await http.post("/v1/admin/accounts/main/request-token", json={"redirect_path": path})
    assert asked.json()["redirect_uri"] == f"https://localhost{path}"
    answer = press(dynamics, asked.json()["url"])
    plain = {"authorization": ""}  # Microsoft's page posts it, without our key
    if method == "GET":
        page = await http.get(path, params=answer, headers=plain)
    else:
        page = await http.post(path, data=answer, headers=plain)
    assert page.status_code == 200
    assert "Connection is valid." in page.text
    assert "press Apply" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "cross-origin-opener-policy" not in page.headers
    assert answer["code"] not in page.text
    assert (await http.get(path, params=answer)).status_code == 400
    assert (await http.post("/v1/admin/accounts/main/apply")).json()["ready"]


async def test_a_refusal_before_the_window_opens_is_told(
    http: httpx.AsyncClient, fields: dict[str, Any], dynamics: Simulation
) -> None:
    given = {**fields, "access": "delegated", "client_secret": None}
    await put(http, given, params={"test": "no"})
    refused = await http.post("/v1/admin/accounts/main/request-token")
    assert refused.status_code == 502
    assert refused.json()["cause"] == "secret_missing"
    bad = await http.post(
        "/v1/admin/accounts/main/request-token", json={"redirect_path": "https://evil.example"}
    )
    assert bad.status_code == 400


async def test_an_answer_that_nobody_asked_for_gets_words(http: httpx.AsyncClient) -> None:
    path = "/v1/dynamics/oauth_callback"
    for answer in (
        await http.get(path),
        await http.get(path, params={"state": "x", "error": "<script>alert(1)</script>"}),
    ):
        assert answer.status_code == 400
        assert "Request token" in answer.text
        assert "<script>" not in answer.text
    twice = await http.get(f"{path}?state=a&state=b")
    assert twice.json()["detail"] == "state is given twice"
    assert (await http.post(path, json={"state": "x"})).status_code == 400


def test_what_stands_on_the_page_is_escaped() -> None:
    result = ConsentResult(
        ok=False, outcome="failed", message="<b>no</b>", advice="a & b", person="<i>"
    )
    for locale in ("en", "ja"):
        page = consent_pages.page(result, locale)
        assert "<b>no</b>" not in page
        assert "&lt;b&gt;no&lt;/b&gt;" in page
        assert "a &amp; b" in page
        assert f'lang="{locale}"' in page


CALLBACK = "/v1/dynamics/oauth_callback"


async def asked(http: httpx.AsyncClient, fields: dict[str, Any]) -> str:
    """Begin a consent of a delegated account and give the window's address."""
    await put(http, {**fields, "access": "delegated"}, params={"test": "no"})
    answer = await http.post("/v1/admin/accounts/main/request-token")
    url: str = answer.json()["url"]
    return url


async def secrets_of(http: httpx.AsyncClient) -> list[str]:
    side = (await http.get("/v1/admin/accounts/main")).json()["draft"]
    found: list[str] = side["secrets"]
    return found


async def test_a_consent_given_in_another_browser_waits_for_an_administrator(
    http: httpx.AsyncClient, fields: dict[str, Any], dynamics: Simulation
) -> None:
    answer = press(dynamics, await asked(http, fields))
    http.cookies.clear()  # a stranger who was sent the link
    page = await http.post(CALLBACK, data=answer, headers={"authorization": ""})
    assert page.status_code == 202
    assert "another" not in (await http.get("/v1/admin/accounts/main")).text
    assert "refresh_token" not in await secrets_of(http)
    code = re.search(r"<code>([A-Z0-9]{4}-[A-Z0-9]{4})</code>", page.text)
    assert code is not None
    assert "Signed in as " in page.text
    confirm = "/v1/admin/accounts/main/confirm"
    for wrong in ("AAAA-AAAA", answer["state"], ""):
        refused = await http.post(confirm, json={"code": wrong})
        assert refused.status_code in (400, 404), wrong
    taken = await http.post(confirm, json={"code": code[1].lower().replace("-", " ")})
    assert taken.json()["ok"], taken.text
    assert taken.json()["person"].endswith("@contoso.onmicrosoft.com")
    assert "refresh_token" in await secrets_of(http)
    assert (await http.post(confirm, json={"code": code[1]})).status_code == 404


async def test_a_code_is_good_for_its_own_account_alone(
    http: httpx.AsyncClient, fields: dict[str, Any], dynamics: Simulation
) -> None:
    answer = press(dynamics, await asked(http, fields))
    http.cookies.clear()
    page = await http.post(CALLBACK, data=answer)
    code = re.findall(r"<code>([^<]+)</code>", page.text)[0]
    other = {**fields, "access": "delegated"}
    await http.put("/v1/admin/accounts/other", json=other, params={"test": "no"})
    refused = await http.post("/v1/admin/accounts/other/confirm", json={"code": code})
    assert refused.status_code == 404
    assert (await http.get(CALLBACK, params={"state": code, "code": "x"})).status_code == 400


async def test_a_code_of_an_account_that_changed_meanwhile_is_void(
    http: httpx.AsyncClient, fields: dict[str, Any], dynamics: Simulation
) -> None:
    answer = press(dynamics, await asked(http, fields))
    http.cookies.clear()
    page = await http.post(CALLBACK, data=answer)
    code = re.findall(r"<code>([^<]+)</code>", page.text)[0]
    await put(http, {**fields, "access": "delegated"}, params={"test": "no"})
    refused = await http.post("/v1/admin/accounts/main/confirm", json={"code": code})
    assert refused.status_code == 502
    assert "changed" in refused.json()["detail"]
    assert "refresh_token" not in await secrets_of(http)


async def test_the_cookie_of_a_consent_opens_nothing_and_comes_from_microsofts_page(
    http: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    await put(http, {**fields, "access": "delegated"}, params={"test": "no"})
    first = await http.post("/v1/admin/accounts/main/request-token")
    (cookie,) = first.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-screenpop-consent=")
    for attribute in ("Secure", "HttpOnly", "SameSite=None", "Path=/", "Max-Age=600"):
        assert attribute in cookie
    again = await http.post("/v1/admin/accounts/main/request-token")
    assert again.headers["set-cookie"] == cookie, "two windows of one browser go together"


async def test_a_cookie_that_is_none_of_ours_is_not_taken_over(
    http: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    await put(http, {**fields, "access": "delegated"}, params={"test": "no"})
    planted = {"cookie": "__Host-screenpop-consent=short; screenpop-consent=" + "a" * 43}
    answer = await http.post("/v1/admin/accounts/main/request-token", headers=planted)
    assert "=short;" not in answer.headers["set-cookie"]
    assert "a" * 43 not in answer.headers["set-cookie"], "TLS is in use: the plain one is none"


async def test_the_page_of_a_consent_speaks_japanese(
    http: httpx.AsyncClient, fields: dict[str, Any], dynamics: Simulation
) -> None:
    answer = press(dynamics, await asked(http, fields))
    page = await http.post(CALLBACK, data=answer, headers={"accept-language": "ja"})
    assert 'lang="ja"' in page.text
    assert "適用" in page.text
    again = await http.post(CALLBACK, data=answer, headers={"accept-language": "ja"})
    assert "使用済み" in again.text


async def test_a_draft_is_discarded_and_what_is_in_force_stays(
    http: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    await put(http, fields)
    only = await http.delete("/v1/admin/accounts/main/draft")
    assert only.status_code == 412
    assert "remove it" in only.json()["detail"]
    await http.post("/v1/admin/accounts/main/apply")
    changed = await put(http, {**fields, "recording_bucket": "calls"}, params={"test": "no"})
    stale = await http.delete("/v1/admin/accounts/main/draft", headers={"if-match": '"1"'})
    assert stale.status_code == 412
    tag = changed.headers["etag"]
    left = await http.delete("/v1/admin/accounts/main/draft", headers={"if-match": tag})
    assert left.status_code == 200, left.text
    assert left.json()["draft"] is None
    assert left.json()["ready"]
    late = await put(http, fields, params={"test": "no"}, headers={"if-match": tag})
    assert late.status_code == 412, "who has seen the draft has not seen that it is gone"
    assert (await http.delete("/v1/admin/accounts/main/draft")).status_code == 412


async def test_an_account_is_renamed_with_what_names_it(
    http: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    saved = await put(http, fields)
    await http.post("/v1/admin/accounts/main/apply")
    await http.put("/v1/admin/accounts/two", json=fields, params={"test": "no"})
    path = "/v1/admin/accounts/main/rename"
    for bad, status in (("two", 422), ("TWO", 422), ("a/b", 422), (" ", 422), (5, 400)):
        assert (await http.post(path, json={"name": bad})).status_code == status, bad
    stale = await http.post(path, json={"name": "new"}, headers={"if-match": '"9"'})
    assert stale.status_code == 412
    tag = {"if-match": saved.headers["etag"]}
    renamed = await http.post(path, json={"name": "new"}, headers=tag)
    assert renamed.status_code == 200, renamed.text
    assert (renamed.json()["name"], renamed.json()["ready"]) == ("new", True)
    assert renamed.json()["applied"]["account"]["name"] == "new"
    assert (await http.get("/v1/admin/accounts/main")).status_code == 404
    assert (await http.post("/v1/admin/accounts/new/test")).json()["valid"]
    case = await http.post("/v1/admin/accounts/new/rename", json={"name": "New"})
    assert case.json()["name"] == "New"


async def test_a_stale_removal_is_refused(http: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    await put(http, fields, params={"test": "no"})
    stale = await http.delete("/v1/admin/accounts/main", headers={"if-match": '"7"'})
    assert stale.status_code == 412
    assert (await http.get("/v1/admin/accounts/main")).status_code == 200
