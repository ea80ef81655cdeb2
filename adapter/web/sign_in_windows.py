"""Lead the sign-in window: from the panel's click to the provider, and back to a closing page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapter import arrivals
from adapter.batch import Batch
from adapter.errors import ScreenpopError
from adapter.hub import monotonic
from adapter.identity.people import Person
from adapter.identity.tokens import Told
from adapter.services import Services
from adapter.signing_in.errors import UNAVAILABLE, WRONG_TOKEN, SignInError
from adapter.signing_in.windows import LIFETIME, TRIES, Window
from adapter.store import sessions
from adapter.tenants import Tenant
from adapter.web import (
    addresses,
    callback_answers,
    languages,
    portal_sign_in,
    principals,
    requests,
    sign_in_pages as pages,
)

log = structlog.get_logger()

CALLBACK = "/v1/signin/callback"
"""The redirect URI to register at the provider."""
REGISTERED_WITHIN = 5.0
"""Seconds: the panel opens the window and registers it in the same click."""
PORTAL_COSTS = 20
"""Of `SIGN_INS_A_SECOND`: a link begins a window of the portal, and no shift begins there."""
COOKIE_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=None"
"""`None`, because the provider's form comes from another site and `Lax` would be left out."""


async def start(request: Request) -> Response:
    """Begin in the window that the panel has opened.

    Only our own panel's click gets `Sec-Fetch-Site: same-origin`. Whoever comes by a link of
    somebody else would sign a stranger's panel in (device-code phishing), so there the code of
    one's own panel is asked for.
    """
    services = requests.services(request)
    tenant = requests.tenant(request)
    client = addresses.client(request)
    services.sign_in_limit.take(f"window {tenant} {client}", 1, monotonic())
    window = await _registered(services, tenant, request.query_params.get("tx"))
    if window is None or window.phase not in ("waiting", "opened"):
        return pages.failed(request, "unknown")
    window.locale = languages.of_window(request)
    site, dest = (request.headers.get(f"sec-fetch-{name}") for name in ("site", "dest"))
    if site != "same-origin" or dest != "document":
        window.become("opened")
        return pages.page(request, "confirm.html", tx=window.tx, wrong=False)
    return await _go(request, window, link=False)


async def confirm(request: Request) -> Response:
    """Compare the code that the person read in the panel with the panel's own."""
    portal_sign_in.require_own_form(request)
    services = requests.services(request)
    tenant = requests.tenant(request)
    form = await portal_sign_in.form(request)
    window = services.signing_in.windows.find(tenant, form.get("tx"), monotonic())
    if window is None or not window.is_panel or window.phase not in ("waiting", "opened"):
        return pages.failed(request, "unknown")
    if "".join(form.get("code", "").upper().split()) != window.code:
        window.tries += 1
        if window.tries >= TRIES:
            window.fail(WRONG_TOKEN, "The code was typed wrong too often.")
            return pages.failed(request, "code", status=403, locale=window.locale)
        return pages.page(
            request, "confirm.html", status=422, locale=window.locale, tx=window.tx, wrong=True
        )
    # Not by a redirect: the policy lets our forms lead to our own pages only.
    return await _go(request, window, link=True)


async def portal_start(request: Request) -> Response:
    """Begin to sign in to the portal, in this very window."""
    services = requests.services(request)
    tenant = requests.tenant(request)
    client = addresses.client(request)
    services.sign_in_limit.take(f"portal {tenant} {client}", PORTAL_COSTS, monotonic())
    wanted = principals.own_path(request.query_params.get("next"))
    choose = "choose" in request.query_params
    window = services.signing_in.windows.for_portal(tenant, wanted, monotonic(), choose=choose)
    window.locale = languages.of_window(request)
    return await _go(request, window, link=False)


async def callback(request: Request) -> Response:
    """Take the provider's answer; exempt from the origin check, guarded by state, cookie, nonce."""
    services = requests.services(request)
    tenant = requests.tenant(request)
    answer = await callback_answers.read(request)
    windows = services.signing_in.windows
    window = windows.returning(tenant, answer.get("state", ""), monotonic())
    if window is None:
        return pages.failed(request, "unknown", way="either")
    if not window.is_of_browser(request.cookies.get(window.cookie_name)):
        # Somebody else's answer: whoever began may still end it.
        way: pages.Way = "panel" if window.is_panel else "portal"
        return pages.failed(request, "browser", status=403, way=way)
    windows.take(window)
    try:
        person = await _person(services, window, answer)
    except SignInError as error:
        log.info("sign-in failed", tenant=tenant, reason=error.reason, detail=str(error))
        window.fail(error.reason, str(error))
        page = _failed(request, window)
    except ScreenpopError as error:
        window.fail(UNAVAILABLE, str(error))
        page = _failed(request, window)
    else:
        page = await _done(request, services, window, person)
    page.headers.append("set-cookie", f"{window.cookie_name}=; Max-Age=0; {COOKIE_ATTRIBUTES}")
    if not window.is_panel:
        windows.drop(window)
    return page


async def _person(services: Services, window: Window, answer: Mapping[str, str]) -> Person:
    assert window.provider is not None  # noqa: S101 - set with the state that led here
    assert window.request is not None  # noqa: S101
    provider = window.provider
    told: Told = await provider.finish(window.request, answer)

    def job(batch: Batch) -> Person:
        return arrivals.arrive(
            batch.cursor,
            services.registry[window.tenant],
            provider.settings,
            told,
            batch.now,
            where="panel" if window.is_panel else "portal",
        )

    return await services.committer.submit(job)


async def _done(request: Request, services: Services, window: Window, person: Person) -> Response:
    if window.is_panel:
        window.person = person.id
        window.become("done")
        return pages.page(request, "done.html", locale=window.locale, name=person.name)
    bearer, session = principals.new_session(services, person, "sign-in")
    await services.committer.submit(lambda batch: sessions.add(batch.cursor, session))
    answer = RedirectResponse(window.wanted, 303, {"cache-control": "no-store"})
    cookie = principals.cookie(bearer, services.settings.portal_session_hours)
    answer.headers.append("set-cookie", cookie)
    return answer


async def _registered(services: Services, tenant: Tenant, tx: str | None) -> Window | None:
    until = monotonic() + REGISTERED_WITHIN
    while True:
        window = services.signing_in.windows.find(tenant, tx, monotonic())
        if window is not None or tx is None or monotonic() > until:
            return window
        await asyncio.sleep(0.05)


async def _go(request: Request, window: Window, *, link: bool) -> Response:
    """Send the browser to the provider; `link`: by a link that the person follows."""
    services = requests.services(request)
    signing_in = services.signing_in
    try:
        provider = signing_in.provider(window.tenant)
        url, asked = await provider.begin(
            redirect_uri(request, window.tenant), choose=window.choose
        )
    except SignInError as error:
        window.fail(error.reason, str(error))
        return _failed(request, window)
    if window.phase not in ("waiting", "opened"):  # a second window was quicker
        return pages.failed(request, "unknown", way="panel" if window.is_panel else "portal")
    cookie = signing_in.windows.send(window, provider, asked)
    answer = (
        pages.page(
            request,
            "continue.html",
            locale=window.locale,
            url=url,
            label=provider.settings.label,
        )
        if link
        else RedirectResponse(url, 303, {"cache-control": "no-store"})
    )
    answer.headers.append(
        "set-cookie",
        f"{window.cookie_name}={cookie}; Max-Age={int(LIFETIME)}; {COOKIE_ATTRIBUTES}",
    )
    return answer


def redirect_uri(request: Request, tenant: Tenant) -> str:
    """Give the address to which the provider sends the browser back, as it is registered there."""
    services = requests.services(request)
    if services.settings.public_url is not None:
        return services.settings.origin_of(tenant) + CALLBACK
    host = request.headers.get("host", "")
    return addresses.public_origin(services.settings, host, request.url.scheme) + CALLBACK


def _failed(request: Request, window: Window) -> Response:
    return pages.failed(
        request,
        window.reason,
        status=502 if window.reason == UNAVAILABLE else 403,
        locale=window.locale,
        detail=window.detail,
        way="panel" if window.is_panel else "portal",
        wanted=window.wanted,
    )


def new_expiry(services: Services) -> tuple[datetime, datetime]:
    """Give when a panel's session begins and ends."""
    now = datetime.now(UTC)
    return now, now + timedelta(hours=services.settings.session_hours)
