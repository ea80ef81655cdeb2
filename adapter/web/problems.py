"""Turn our errors into RFC 9457 problems: one table, used by every route."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from adapter.dataverse.errors import DataverseError
from adapter.errors import (
    Conflict,
    Forbidden,
    InvalidSettings,
    MalformedInput,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    ScreenpopError,
    Unauthenticated,
    Unavailable,
    UnsupportedCoding,
    UnsupportedMediaType,
)
from adapter.identity.refusals import AgentUnconfirmed, NotAnAgent
from adapter.signing_in.errors import SignInError
from adapter.web import requests
from adapter.web.requests import UnknownTenant

CONTENT_TYPE = "application/problem+json"

STATUS: dict[type[ScreenpopError], tuple[int, str, str]] = {
    # The first class in an error's method resolution order counts.
    UnknownTenant: (421, "unknown-tenant", "No such tenant here"),  # RFC 9110, 15.5.20
    UnsupportedMediaType: (415, "unsupported-media-type", "This content type is not taken here"),
    PayloadTooLarge: (413, "too-large", "The request is too large"),
    InvalidSettings: (422, "invalid-settings", "The settings cannot be saved"),
    MalformedInput: (400, "malformed", "The request cannot be understood"),
    Unauthenticated: (401, "unauthenticated", "The credential is missing or wrong"),
    NotAnAgent: (403, "not-an-agent", "This person takes no contacts"),
    AgentUnconfirmed: (403, "agent-unconfirmed", "An administrator must confirm the agent"),
    Forbidden: (403, "forbidden", "This is not allowed"),
    NotFound: (404, "not-found", "There is no such thing here"),
    Conflict: (412, "conflict", "The state on the server is another"),
    Overloaded: (429, "overloaded", "Too much at once"),
    Unavailable: (503, "unavailable", "Not available just now"),
    SignInError: (502, "sign-in", "The sign-in provider refused or cannot be asked"),
    DataverseError: (502, "dynamics", "Dynamics or its sign-in refused"),
}
_ALWAYS = (
    ("content-type", CONTENT_TYPE),
    ("cache-control", "no-store"),
    # A browser shows JSON in a frame too: nobody may frame an error of ours.
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
)

TYPE_PREFIX = "urn:screenpop:problem:"

_LONGEST = 200
"""Characters of an address that are repeated."""
_TITLES = {405: "This method is not taken here", 404: "There is no such page here"}


class Problem(msgspec.Struct, frozen=True):
    """A status, further headers, and the JSON body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def of(error: ScreenpopError, **more: Any) -> Problem:
    """Give the problem of one of our errors; `more` are members of the body (RFC 9457, 3.2)."""
    status, name, title = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + name,
        "title": title,
        "status": status,
        "detail": str(error),
    }
    if isinstance(error, MalformedInput) and error.places:
        body["errors"] = [{"at": place.at, "detail": place.detail} for place in error.places]
    if isinstance(error, AgentUnconfirmed):
        body["agent"] = error.agent
    if isinstance(error, SignInError):
        body["reason"] = error.reason
    body.update(more)
    headers = list(_ALWAYS)
    if isinstance(error, Unavailable):
        headers.append(("retry-after", str(error.retry_after)))
    if isinstance(error, UnsupportedCoding):
        headers.append(("accept-encoding", "identity"))  # RFC 9110, 12.5.3
    if isinstance(error, Unauthenticated):
        headers.append(("www-authenticate", 'Bearer realm="screenpop"'))
    return Problem(status, tuple(headers), msgspec.json.encode(body))


def plain(status: int, name: str, title: str, detail: str, **more: Any) -> Problem:
    """Give a problem that is no error of ours."""
    body = {
        "type": TYPE_PREFIX + name,
        "title": title,
        "status": status,
        "detail": detail,
        **more,
    }
    return Problem(status, _ALWAYS, msgspec.json.encode(body))


def response(problem: Problem) -> Response:
    """Give the Starlette response of a problem."""
    return Response(problem.body, problem.status, dict(problem.headers))


async def on_error(_request: Request, error: Exception) -> Response:
    """Answer one of our errors (Starlette exception handler)."""
    assert isinstance(error, ScreenpopError)  # noqa: S101 - registered for this type
    return response(of(error))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: no such route, no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    try:
        requests.tenant(request)
    except requests.UnknownTenant as wrong:
        return response(of(wrong))  # nothing is at this address, whatever the path
    title = _TITLES.get(error.status_code, "The request was refused")
    name = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := _methods(request)):  # noqa: PLR2004
        headers["allow"] = ", ".join(allowed)
    detail = _detail(request, error, headers.get("allow"))
    answer = response(plain(error.status_code, name, title, detail))
    answer.headers.update(headers)
    return answer


def _detail(request: Request, error: HTTPException, allowed: str | None) -> str:
    """Say more than Starlette, which only repeats the status."""
    if error.detail != HTTPStatus(error.status_code).phrase:
        return error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"nothing is at {request.url.path[:_LONGEST]}"
    return f"use {allowed}" if allowed else error.detail


def _methods(request: Request) -> list[str]:
    """List the methods of a path: each is a route, and Starlette names the first one's only.

    None for a path that is taken in front of the router.
    """
    matching = (
        route
        for route in (request.app.routes if "app" in request.scope else ())
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
    )
    return sorted({method for route in matching for method in route.methods or ()})


async def on_fault(_request: Request, _error: Exception) -> Response:
    """Answer a fault of ours without a stack trace; the server has logged it."""
    title = "The server made a mistake"
    return response(plain(500, "fault", title, "The fault is in the server's log."))
