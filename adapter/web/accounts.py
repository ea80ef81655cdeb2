"""Let an admin key manage integration accounts: draft, test, consent, apply. Secrets go in only."""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter import changes
from adapter.connections import AccountDesk, Connections
from adapter.connections.consents import LASTS, PATHS
from adapter.connections.views import AccountView
from adapter.dataverse.errors import DataverseError
from adapter.errors import Conflict, MalformedInput, Place
from adapter.steps import standstill
from adapter.store.accounts import Side
from adapter.tenants import Tenant
from adapter.web import addresses, consent_cookies, problems, requests
from adapter.web.contacts import json_response

_SIDES: dict[str, Side] = {"draft": "draft", "applied": "applied"}
_ETAG = re.compile(r'\s*(?:W/)?"([0-9]{1,9})"\s*\Z')


async def list_accounts(request: Request) -> Response:
    """List the accounts with both sides, tests and warnings; secrets only by name."""
    tenant, _ = requests.admin(request)
    desk = _desk(request)
    return json_response(
        {"accounts": desk.listed(tenant), "redirect_uris": [_redirect(request, p) for p in PATHS]}
    )


async def get_account(request: Request) -> Response:
    """Give one account with its version as `ETag`."""
    tenant, _ = requests.admin(request)
    return _shown(_desk(request).shown(tenant, request.path_params["name"]))


async def put_account(request: Request) -> Response:
    """Save the draft and test its connection (`?test=no` leaves that out).

    The fields are ours or those that the portal shows; a secret that is left out stays, `null`
    removes it. 422 names each bad field. Nothing takes effect before `apply`.
    """
    tenant, key = requests.admin(request)
    desk = _desk(request)
    saved = desk.save(
        tenant,
        request.path_params["name"],
        await requests.json_object(request),
        who=f"key {key.id}",
        expected_version=_expected(request),
    )
    if request.query_params.get("test") != "no":
        await desk.test(tenant, saved.name, "draft")
        saved = desk.shown(tenant, saved.name)
    return _shown(saved)


async def delete_account(request: Request) -> Response:
    """Remove an account with its secrets."""
    tenant, key = requests.admin(request)
    name = request.path_params["name"]
    _desk(request).remove(tenant, name, who=f"key {key.id}", expected_version=_expected(request))
    connections(request).clients.refresh()
    return Response(status_code=204)


async def apply_account(request: Request) -> Response:
    """Put the draft in force: calls in flight end as they began.

    The account with `steps_off`: a sentence for each reason for which steps do not run now.
    """
    tenant, key = requests.admin(request)
    applied = _desk(request).apply(
        tenant,
        request.path_params["name"],
        who=f"key {key.id}",
        expected_version=_expected(request),
    )
    connections(request).clients.refresh()
    return _shown(applied, steps_off=steps_off(request, tenant))


async def discard_draft(request: Request) -> Response:
    """Drop the draft; what is in force stays."""
    tenant, key = requests.admin(request)
    left = _desk(request).discard(
        tenant,
        request.path_params["name"],
        who=f"key {key.id}",
        expected_version=_expected(request),
    )
    return _shown(left)


async def rename_account(request: Request) -> Response:
    """Rename an account: `{"name": …}`. Steps and waiting requests that name it follow."""
    tenant, key = requests.admin(request)
    wanted = (await requests.json_object(request)).get("name")
    if not isinstance(wanted, str):
        raise MalformedInput("/name: expected a text", [Place("/name", "expected a text")])
    renamed = _desk(request).rename(
        tenant,
        request.path_params["name"],
        wanted,
        who=f"key {key.id}",
        expected_version=_expected(request),
    )
    await changes.apply(requests.services(request))
    return _shown(renamed)


async def test_account(request: Request) -> Response:
    """Test the connection afresh, of the draft if there is one (`?side=applied`: what is in force).

    200 with `valid`, `message`, `cause`, `advice`, the names of organisation and user, and the
    permissions, each granted or missing.
    """
    tenant, _ = requests.admin(request)
    asked = request.query_params.get("side")
    if asked not in (None, "draft", "applied"):
        raise MalformedInput("side: draft or applied", [Place("side", "draft or applied")])
    report = await _desk(request).test(tenant, request.path_params["name"], _SIDES.get(asked or ""))
    connections(request).clients.refresh()
    return json_response(report)


async def request_token(request: Request) -> Response:
    """Give the URL of the consent window: `{"url", "redirect_uri", "expires_in"}`.

    The body may choose the registered redirect URI by its path: `{"redirect_path"}`. What a
    browser without the cookie of this answer brings back has to be confirmed.
    """
    tenant, _ = requests.admin(request)
    wanted = (await requests.json_object(request)).get("redirect_path", PATHS[0])
    if wanted not in PATHS:
        told = f"one of {' and '.join(PATHS)}"
        raise MalformedInput(f"redirect_path: {told}", [Place("/redirect_path", told)])
    redirect_uri = _redirect(request, wanted)
    browser = consent_cookies.secret_for(request)
    url = await _desk(request).begin_consent(
        tenant, request.path_params["name"], redirect_uri, browser=browser
    )
    lasts = int(LASTS.total_seconds())
    answer = json_response({"url": url, "redirect_uri": redirect_uri, "expires_in": lasts})
    consent_cookies.remember(answer, request, browser)
    return answer


async def confirm_consent(request: Request) -> Response:
    """Take a consent that was given in another browser: `{"code": …}`, as its window shows it.

    200 with `ok`, `message`, `advice`, `person` and the `report` of the test of the draft.
    """
    tenant, key = requests.admin(request)
    code = (await requests.json_object(request)).get("code")
    if not isinstance(code, str) or not code.strip():
        raise MalformedInput("/code: expected a text", [Place("/code", "expected a text")])
    result = await _desk(request).confirm_consent(
        tenant, request.path_params["name"], code, who=f"key {key.id}"
    )
    return json_response(result)


async def on_dynamics_error(_request: Request, error: Exception) -> Response:
    """Answer what Dynamics or Entra refused (Starlette exception handler)."""
    assert isinstance(error, DataverseError)  # noqa: S101 - registered for this type
    return problems.response(problems.of(error, cause=error.cause, advice=error.advice))


def connections(request: Request) -> Connections:
    """Give the accounts' objects (typed lifespan state)."""
    return cast(Connections, request.state.connections)


def steps_off(request: Request, tenant: Tenant) -> list[str]:
    """Say which steps do not run: a second account in force may leave them without a default."""
    clients = connections(request).clients
    wanted = requests.services(request).registry[tenant].steps
    return standstill(wanted.steps, lambda account: clients.why_not(tenant, account))


def _desk(request: Request) -> AccountDesk:
    return connections(request).desk


def _shown(view: AccountView, **more: Any) -> Response:
    answer = json_response({**msgspec.to_builtins(view), **more} if more else view)
    answer.headers["etag"] = f'"{view.version}"'
    return answer


def _redirect(request: Request, path: str) -> str:
    settings = requests.services(request).settings
    host = request.headers.get("host", "")
    return addresses.public_origin(settings, host, request.url.scheme) + path


def _expected(request: Request) -> int | None:
    header: Any = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    match = _ETAG.match(header)
    if match is None:
        raise Conflict("If-Match: this is no version of ours")
    return int(match[1])
