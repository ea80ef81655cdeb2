"""Judge who frames the panel by what the page and the browsers say, and keep the admin's list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapter import framing
from adapter.batch import Batch
from adapter.domains import Decision, DomainRules, suggest
from adapter.errors import (
    Forbidden,
    MalformedInput,
    Overloaded,
    ScreenpopError,
)
from adapter.framing import Refuse
from adapter.hub import monotonic
from adapter.services import Services
from adapter.store import refusals
from adapter.store.refusals import Refusal
from adapter.tenants import Tenant
from adapter.web import addresses, framing_pages, problems, requests

log = structlog.get_logger()

MOST_ANCESTORS = 32

UNKNOWN = "unknown"
"""Stands for pages around that a browser does not tell."""

_HIDDEN = Decision(False, None, "the page hides its address: remove Referrer-Policy: no-referrer")


async def embedder(request: Request) -> Response:
    """Check the page's own list of ancestors: what `frame-ancestors` cannot tell apart."""
    requests.require_own_page(request)
    services = requests.services(request)
    tenant = requests.tenant(request)
    body = await requests.json_object(request)
    refused = refused_ancestor(services, tenant, request, body)
    if refused is None:
        trial = services.registry[tenant].trial
        tried = None if trial is None else _refused(services, request, body, trial)
        if tried is not None:
            _note(services, tenant, tried, seen_by="trial page")
        return JSONResponse({"allowed": True}, headers={"cache-control": "no-store"})
    note_refusal(services, tenant, refused, seen_by="page")
    problem = problems.plain(
        403,
        "embedder-refused",
        "This page may not show the adapter",
        f"{refused.origin} is not among the allowed domains",
        origin=refused.origin,
        line=suggest(refused.origin),
    )
    return problems.response(problem)


def _ancestors(body: dict[str, Any]) -> list[str]:
    listed = body.get("ancestors", [])
    if not isinstance(listed, list) or len(listed) > MOST_ANCESTORS:
        raise MalformedInput(f"/ancestors: expected a list of at most {MOST_ANCESTORS} origins")
    if any(not isinstance(each, str) or len(each) > 1024 for each in listed):  # noqa: PLR2004
        raise MalformedInput("/ancestors: expected origins")
    return listed


def refused_ancestor(
    services: Services, tenant: Tenant, request: Request, body: dict[str, Any]
) -> Refuse | None:
    """Give the first of the page's own list of ancestors that the rules refuse."""
    return _refused(services, request, body, services.registry[tenant].rules)


def _refused(
    services: Services, request: Request, body: dict[str, Any], rules: DomainRules
) -> Refuse | None:
    host = request.headers.get("host", "")
    scheme = "https" if request.url.scheme == "https" else "http"
    verdict = framing.check_ancestors(
        _ancestors(body),
        addresses.public_origin(services.settings, host, scheme),
        rules,
    )
    return verdict if isinstance(verdict, Refuse) else None


def note_refusal(services: Services, tenant: Tenant, refused: Refuse, *, seen_by: str) -> None:
    """Put a refusal on the admin's list, where there are not too many; the answer does not wait."""
    services.metrics.refusals.inc()
    _note(services, tenant, refused, seen_by=seen_by)


def _note(services: Services, tenant: Tenant, refused: Refuse, *, seen_by: str) -> None:
    try:
        services.refusal_limit.take(f"{seen_by} {tenant}", 1, monotonic())
    except Overloaded:
        return  # anybody can cause them: what is too much costs no write
    near = refused.decision.near_miss
    now = datetime.now(UTC)
    row = Refusal(
        tenant=tenant,
        origin=refused.origin[:1024],
        seen_by=seen_by,
        reason=refused.decision.reason,
        rule=None if near is None else f"line {near.line}: {near.text}",
        line=suggest(refused.origin),
        count=1,
        first=now,
        last=now,
    )
    services.tasks.spawn(_record(services, row), name="record refusal")


async def _record(services: Services, row: Refusal) -> None:
    def job(batch: Batch) -> None:
        refusals.record(batch.cursor, row)

    try:
        await services.committer.submit(job)
    except ScreenpopError as error:
        log.warning("refusal not recorded", error=str(error))


async def csp_report(request: Request) -> Response:
    """Count what browsers report of blocked frames: unauthenticated, so only counted and listed."""
    services = requests.services(request)
    tenant = requests.tenant(request)
    # Read first: an answer before the end of a body costs the connection.
    body = await requests.body(request, framing_pages.MAX_REPORT)
    services.refusal_limit.take(f"report {tenant}", 1, monotonic())
    report = framing_pages.parse_csp_report(body, request.headers.get("referer"))
    if report is not None and report.directive == "frame-ancestors":
        origin = report.embedder or UNKNOWN
        settings = services.registry[tenant]
        if "trial" not in request.query_params:
            decision = settings.rules.explain(origin) if report.embedder else _HIDDEN
            note_refusal(services, tenant, Refuse(origin, decision), seen_by="browser")
        elif settings.trial is not None:
            decision = settings.trial.explain(origin) if report.embedder else _HIDDEN
            _note(services, tenant, Refuse(origin, decision), seen_by="trial browser")
    return Response(status_code=204)


def require_allowed(
    services: Services, tenant: Tenant, request: Request, body: dict[str, Any]
) -> None:
    refused = refused_ancestor(services, tenant, request, body)
    if refused is not None:
        note_refusal(services, tenant, refused, seen_by="page")
        raise Forbidden(f"{refused.origin} is not among the allowed domains")


def around(body: dict[str, Any]) -> str:
    """Give what a session is bound to: every origin around the panel, or `unknown`."""
    return bound_to(_ancestors(body) if "ancestors" in body else None)


def bound_to(ancestors: Sequence[str] | None) -> str:
    """Write the pages around a panel as a session keeps them; None is what was not told."""
    if ancestors is None:
        return UNKNOWN
    return " ".join(ancestors) if ancestors else "top"
