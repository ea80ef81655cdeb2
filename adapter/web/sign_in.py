"""Let a panel sign in: register its window, wait for what comes of it, take the session once."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapter import credentials
from adapter.errors import MalformedInput, NotFound, Unauthenticated
from adapter.hub import monotonic
from adapter.i18n import Texts
from adapter.signing_in.errors import CANCELLED
from adapter.signing_in.windows import LIFETIME, Window
from adapter.store import sessions
from adapter.store.sessions import StoredSession
from adapter.web import (
    addresses,
    embedding,
    languages,
    panel_sessions,
    requests,
    sign_in_windows,
)
from adapter.web.sign_in_sentences import PHRASES

POLL = 25.0
"""Seconds that an answer waits for news: below what proxies cut off (30 s and more)."""


async def register(request: Request) -> Response:
    """Take note of the window that the panel opens with this very click."""
    requests.require_own_page(request)
    services = requests.services(request)
    tenant = requests.tenant(request)
    body = await requests.json_object(request)
    embedding.require_allowed(services, tenant, request, body)
    client = addresses.client(request)
    services.sign_in_limit.take(f"sign-in {tenant} {client}", 1, monotonic())
    window = services.signing_in.windows.register(
        tenant,
        tx=body.get("tx"),
        challenge=body.get("challenge"),
        around=embedding.around(body),
        now=monotonic(),
        choose=body.get("choose") is True,
    )
    return _told({"code": window.code, "expires_in": int(LIFETIME)})


async def redeem(request: Request) -> Response:
    """Wait up to 25 s for what becomes of the window; the session is given once.

    `state` is `waiting` (ask again), `failed` (with `reason`) or `signed-in`.
    """
    services = requests.services(request)
    window, body = await _own_window(request)
    window = await _settled(request, window)
    windows = services.signing_in.windows
    if window.phase == "failed":
        windows.drop(window)
        return _told(_failure(request, window))
    gone = await request.is_disconnected()
    if window.phase != "done" or window.person is None or gone:
        return _told({"state": "waiting", "opened": window.phase != "waiting"})
    windows.drop(window)  # before the first await: a second request finds nothing
    bearer = credentials.new_bearer()
    now, expires = sign_in_windows.new_expiry(services)
    session = StoredSession(
        digest=credentials.digest(bearer),
        tenant=window.tenant,
        agent=None,
        embedder=embedding.around(body),
        origin="sign-in",
        created=now,
        expires=expires,
        person=window.person,
    )
    await services.committer.submit(lambda batch: sessions.add(batch.cursor, session))
    told = {"state": "signed-in", "session": bearer, "expires": expires.isoformat()}
    answer = _told({**told, **panel_sessions.limit(session, now)})
    answer.headers.append("set-cookie", panel_sessions.cookie(bearer, session, now))
    return answer


async def cancel(request: Request) -> Response:
    """Give a window up: whatever comes back from it finds nobody."""
    window, _ = await _own_window(request)
    window.fail(CANCELLED, "")
    requests.services(request).signing_in.windows.drop(window)
    return Response(status_code=204)


async def _own_window(request: Request) -> tuple[Window, dict[str, Any]]:
    """Give the window of a panel that proves to have opened it, under the same pages."""
    requests.require_own_page(request)
    services = requests.services(request)
    tenant = requests.tenant(request)
    body = await requests.json_object(request)
    embedding.require_allowed(services, tenant, request, body)
    verifier = body.get("verifier")
    if not isinstance(verifier, str) or len(verifier) > 256:  # noqa: PLR2004
        raise MalformedInput("/verifier: expected the secret of this sign-in")
    window = services.signing_in.windows.find(tenant, body.get("tx"), monotonic())
    if window is None:
        raise NotFound("this sign-in is over: begin again")
    if not window.proves(verifier) or window.around != embedding.around(body):
        raise Unauthenticated("this sign-in was begun elsewhere")
    return window, body


async def _settled(request: Request, window: Window) -> Window:
    """Wait until the window has come to its end, or for `POLL` seconds."""
    deadline = monotonic() + POLL
    while window.phase not in ("done", "failed") and monotonic() < deadline:
        changed = window.changed
        try:
            async with asyncio.timeout(min(deadline - monotonic(), 5.0)):
                await changed.wait()
        except TimeoutError:
            if await request.is_disconnected():
                break
    return window


def _failure(request: Request, window: Window) -> dict[str, Any]:
    """Say what failed in the language of the window, which is the panel's own."""
    said = Texts(window.locale or languages.of_window(request))
    detail = PHRASES.say(said, window.detail)
    return {"state": "failed", "reason": window.reason, "detail": detail}


def _told(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers={"cache-control": "no-store"})
