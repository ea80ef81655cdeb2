"""Manage accounts over HTTP with an admin key, and end a consent window in words."""

from __future__ import annotations

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
    page = consent_pages.page(
        ConsentResult(ok=False, message="<b>no</b>", advice="a & b", person="<i>")
    )
    assert "<b>no</b>" not in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert "a &amp; b" in page
