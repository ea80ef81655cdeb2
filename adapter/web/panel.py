"""Serve the panel and what it asks for: framing, embedder check, sign-in, tickets, reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from adapter import __version__, credentials, framing, i18n
from adapter.batch import Batch
from adapter.domains import DomainRules, suggest
from adapter.errors import (
    Forbidden,
    MalformedInput,
    NotFound,
    PayloadTooLarge,
    ScreenpopError,
    Unauthenticated,
)
from adapter.framing import Refuse
from adapter.hub import monotonic
from adapter.services import Services
from adapter.store import refusals, sessions
from adapter.store.refusals import Refusal
from adapter.store.sessions import StoredSession
from adapter.tenants import Agent, Tenant
from adapter.tickets import LIFETIME
from adapter.web import addresses, framing_pages, problems, requests
from adapter.web.assets import Assets

log = structlog.get_logger()

COOKIE = "__Host-screenpop"
MOST_ANCESTORS = 32
REPORT_URI = "/v1/csp-reports"


@dataclass(frozen=True, slots=True)
class Pages:
    """What the panel's page is made of."""

    assets: Assets
    environments: Mapping[str, Environment]
    """The templates by language."""


def load_pages(assets: Assets) -> Pages:
    """Read the templates, once for each language."""
    environments = {}
    for locale in i18n.LOCALES:
        environment = Environment(
            loader=PackageLoader("adapter", "templates"),
            autoescape=True,
            extensions=["jinja2.ext.i18n"],
            undefined=StrictUndefined,
        )
        environment.install_gettext_translations(i18n.translations(locale), newstyle=True)  # type: ignore[attr-defined]
        environments[locale] = environment
    return Pages(assets, environments)


async def page(request: Request) -> Response:
    """Serve the panel, or the refusal card where the embedder is known and not allowed."""
    services = requests.services(request)
    tenant = requests.tenant(request)
    rules = services.registry[tenant].rules
    headers = request.headers
    host = headers.get("host", "")
    locale = i18n.negotiate(headers.get("accept-language"), services.settings.locale or None)
    verdict = framing.decide(
        dest=headers.get("sec-fetch-dest"),
        referer=headers.get("referer"),
        embedder_param=request.query_params.get("embedder"),
        own_origins=addresses.own_origins(services.settings, host),
        rules=rules,
    )
    if isinstance(verdict, Refuse):
        note_refusal(services, tenant, verdict, seen_by="server")
        line = suggest(verdict.origin)
        card = framing_pages.refusal_page(
            verdict.origin, line, framing_pages.retry_url_for(verdict.origin), locale
        )
        return Response(card, 403, framing_pages.refusal_headers())
    pages: Pages = request.state.pages
    html = (
        pages.environments[locale]
        .get_template("panel.html")
        .render(
            version=__version__,
            tenant=tenant,
            locale=locale,
            demo=services.demo,
            asset=pages.assets.url,
            messages_url=pages.assets.url(f"locales/{locale}.json"),
        )
    )
    return HTMLResponse(html, headers=page_headers(services, tenant, host))


def page_headers(services: Services, tenant: Tenant | None, host: str) -> dict[str, str]:
    """Give the headers of every HTML answer: `frame-ancestors` first, never without it."""
    if tenant is None:
        rules, frame_sources = DomainRules.parse(""), []
    else:
        settings = services.registry[tenant]
        rules = settings.rules
        policy = settings.policy
        embeds = policy is not None and policy.target == "embedded"
        frame_sources = [policy.organisation] if policy is not None and embeds else []
    if rules.header_fault is not None:
        services.metrics.alarms.labels("unsafe frame-ancestors").inc()
        log.error("frame-ancestors is unsafe: nobody may embed", fault=rules.header_fault)
    # 'self' covers ws: and wss: in today's browsers; naming them also serves older ones.
    sockets = [f"ws://{host.lower()}", f"wss://{host.lower()}"] if _plain_host(host) else []
    return framing.security_headers(
        rules, report_uri=REPORT_URI, frame_sources=frame_sources, connect_sources=sockets
    )


def _plain_host(host: str) -> bool:
    return bool(host) and all(
        char.isascii() and (char.isalnum() or char in ".:-[]") for char in host
    )


async def embedder(request: Request) -> Response:
    """Check the page's own list of ancestors: what `frame-ancestors` cannot tell apart."""
    requests.require_own_page(request)
    services = requests.services(request)
    tenant = requests.tenant(request)
    refused = _check_ancestors(services, tenant, request, await requests.json_object(request))
    if refused is None:
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


def _check_ancestors(
    services: Services, tenant: Tenant, request: Request, body: dict[str, Any]
) -> Refuse | None:
    host = request.headers.get("host", "")
    scheme = "https" if request.url.scheme == "https" else "http"
    verdict = framing.check_ancestors(
        _ancestors(body),
        addresses.public_origin(services.settings, host, scheme),
        services.registry[tenant].rules,
    )
    return verdict if isinstance(verdict, Refuse) else None


def note_refusal(services: Services, tenant: Tenant, refused: Refuse, *, seen_by: str) -> None:
    """Put a refusal on the admin's list; the answer does not wait for it."""
    services.metrics.refusals.inc()
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
    try:
        body = await requests.body(request, framing_pages.MAX_REPORT)
    except PayloadTooLarge:
        return Response(status_code=413)
    report = framing_pages.parse_csp_report(body, request.headers.get("referer"))
    if report is not None and report.directive == "frame-ancestors":
        origin = report.embedder or "unknown"
        decision = services.registry[tenant].rules.explain(origin)
        note_refusal(services, tenant, Refuse(origin, decision), seen_by="browser")
    return Response(status_code=204)


async def demo_sign_in(request: Request) -> Response:
    """Sign an agent in without a password: the demo only."""
    services = requests.services(request)
    if not services.demo:
        raise NotFound("the demo sign-in exists in `screenpop demo` only")
    requests.require_own_page(request)
    tenant = requests.tenant(request)
    body = await requests.json_object(request)
    name = body.get("agent")
    if not isinstance(name, str) or not name.strip() or len(name) > 256:  # noqa: PLR2004
        raise MalformedInput("/agent: expected a name")
    _require_allowed(services, tenant, request, body)
    agent = services.registry[tenant].agent(name)
    bearer = credentials.new_bearer()
    now = datetime.now(UTC)
    session = StoredSession(
        digest=credentials.digest(bearer),
        tenant=tenant,
        agent=agent.id,
        embedder=_embedder_of(body),
        origin="demo",
        created=now,
        expires=now + timedelta(hours=services.settings.session_hours),
    )
    await services.committer.submit(lambda batch: sessions.add(batch.cursor, session))
    answer = JSONResponse(
        {"agent": agent.id, "session": bearer, "expires": session.expires.isoformat()},
        headers={"cache-control": "no-store"},
    )
    age = int(services.settings.session_hours * 3600)
    answer.headers.append("set-cookie", f"{COOKIE}={bearer}; Max-Age={age}; {_COOKIE_ATTRIBUTES}")
    return answer


_COOKIE_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
"""Written by hand: Starlette knows `Partitioned` only from Python 3.14 on."""


async def ticket(request: Request) -> Response:
    """Make a feed ticket: for an agent by a feed key, or for the agent of a session."""
    services = requests.services(request)
    tenant = requests.tenant(request)
    body = await requests.json_object(request)
    secret = credentials.presented(
        request.headers.get("authorization"), request.headers.get("x-api-key")
    )
    if secret is not None and credentials.key_id(secret) is not None:
        key = services.registry.check_key(tenant, secret, "feed")
        name = body.get("agent")
        if not isinstance(name, str) or not name.strip() or name == "*" or len(name) > 512:  # noqa: PLR2004
            raise MalformedInput("/agent: name the agent whose panel the ticket is for")
        agent = services.registry[tenant].agent(name)
        made = services.tickets.issue(agent, key=key.id, session=None, now=monotonic())
    else:
        requests.require_own_page(request)
        session = _session(services, tenant, secret or request.cookies.get(COOKIE))
        _require_allowed(services, tenant, request, body)
        if "ancestors" in body and session.embedder not in ("unknown", _embedder_of(body)):
            raise Unauthenticated("this session belongs to another page: sign in here")
        agent = Agent(tenant, session.agent)
        made = services.tickets.issue(agent, key=None, session=session.digest, now=monotonic())
    return JSONResponse(
        {"ticket": made, "agent": agent.id, "expires_in": int(LIFETIME)},
        headers={"cache-control": "no-store"},
    )


async def end_session(request: Request) -> Response:
    """Sign out: the session ends everywhere, its feeds are closed."""
    requests.require_own_page(request)
    services = requests.services(request)
    tenant = requests.tenant(request)
    secret = credentials.presented(request.headers.get("authorization"), None)
    bearer = secret or request.cookies.get(COOKIE)
    if bearer:
        digest = credentials.digest(bearer)
        await services.committer.submit(lambda batch: sessions.end(batch.cursor, tenant, digest))
        services.close_session(digest)
    answer = Response(status_code=204)
    # A partitioned cookie goes away only with the same attributes.
    answer.headers.append("set-cookie", f"{COOKIE}=; Max-Age=0; {_COOKIE_ATTRIBUTES}")
    return answer


def _session(services: Services, tenant: Tenant, bearer: str | None) -> StoredSession:
    if not bearer:
        raise Unauthenticated("sign in first")
    with services.database.reading():
        cursor = services.database.raw.cursor()
        session = sessions.get(cursor, tenant, credentials.digest(bearer))
    if session is None or session.expires <= datetime.now(UTC):
        raise Unauthenticated("the session is over: sign in again")
    return session


def _require_allowed(
    services: Services, tenant: Tenant, request: Request, body: dict[str, Any]
) -> None:
    refused = _check_ancestors(services, tenant, request, body)
    if refused is not None:
        note_refusal(services, tenant, refused, seen_by="page")
        raise Forbidden(f"{refused.origin} is not among the allowed domains")


def _embedder_of(body: dict[str, Any]) -> str:
    """Give what a session is bound to: every origin around the panel, or `unknown`."""
    if "ancestors" not in body:
        return "unknown"
    listed = _ancestors(body)
    return " ".join(listed) if listed else "top"
