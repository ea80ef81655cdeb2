"""Read what every browser and admin route needs: services, tenant, JSON body, CSRF, key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter import credentials
from adapter.credentials import Key
from adapter.errors import Forbidden, MalformedInput, NotFound, PayloadTooLarge
from adapter.services import Services
from adapter.telephony import json_limits
from adapter.tenants import Tenant
from adapter.web import addresses

BODY_LIMIT = 256 * 1024
"""Bytes of a JSON body on routes for browsers and admins."""

NO_TENANT = "this host name is no tenant of this server"


class UnknownTenant(NotFound):
    """The request's Host is no tenant of ours (HTTP 421)."""


def services(request: Request) -> Services:
    """Give the shared objects (typed lifespan state)."""
    return cast(Services, request.state.services)


def tenant(request: Request) -> Tenant:
    """Give the tenant of the request's host; raises `UnknownTenant`.

    What is no host has been refused before (`head_rules`), and comes back in no address of ours.
    """
    found = services(request).registry.tenant_of_host(request.headers.get("host", ""))
    if found is None:
        raise UnknownTenant(NO_TENANT)
    return found


def fault_of_host(request: Request) -> str:
    """Say what is wrong with the address that a request came to; empty where nothing is."""
    try:
        tenant(request)
    except UnknownTenant as wrong:
        return str(wrong)
    return ""


def admin(request: Request) -> tuple[Tenant, Key]:
    """Give the tenant and the admin key of a request.

    Raises:
        Unauthenticated: no key, or a wrong one.
        Forbidden: a key of another scope.
    """
    return with_key(request, "admin")


def with_key(request: Request, scope: str) -> tuple[Tenant, Key]:
    """Give the tenant and the key of a request whose key must have a scope."""
    here = tenant(request)
    secret = credentials.presented(
        request.headers.get("authorization"), request.headers.get("x-api-key")
    )
    key = services(request).registry.check_key(here, secret, scope)
    services(request).key_uses.note(key.id, datetime.now(UTC))
    return here, key


def require_own_page(request: Request) -> None:
    """Check that a state-changing browser request comes from our own page (design 8).

    The custom header alone cannot be set across origins without CORS, which we never grant.

    Raises:
        Forbidden: it comes from elsewhere.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    own = origin is not None and addresses.is_own_origin(services(request).settings, origin, host)
    if site not in (None, "same-origin") or (origin is not None and not own):
        raise Forbidden("this request must come from the adapter's own page")
    if request.headers.get("x-screenpop") is None:
        raise Forbidden("the X-Screenpop header is missing")


async def on_sender_gone(_: Request, __: Exception) -> Response:
    """Answer who went away in the midst of its body: nobody hears it, and it is no fault."""
    return Response(status_code=400)


async def body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """Read a body of at most `limit` bytes.

    Raises:
        PayloadTooLarge: it is longer.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge(f"the body has more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


async def json_object(request: Request) -> dict[str, Any]:
    """Read a JSON object; an empty body is an empty object.

    Raises:
        MalformedInput: it is no JSON object.
    """
    content = await body(request)
    if not content.strip():
        return {}
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise json_limits.not_json(content, error) from error
    if not isinstance(value, dict):
        raise MalformedInput("the body must be a JSON object")
    return value
