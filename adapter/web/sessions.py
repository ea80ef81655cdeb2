"""Sign a panel in and out, and hand it tickets for the feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapter import agent_ids, credentials
from adapter.errors import MalformedInput, NotFound, Unauthenticated
from adapter.hub import monotonic
from adapter.services import Services
from adapter.store import sessions
from adapter.store.sessions import StoredSession
from adapter.tenants import Agent, Tenant
from adapter.tickets import LIFETIME
from adapter.web import embedding, requests

COOKIE = "__Host-screenpop"


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
    _require_agent(name)
    embedding.require_allowed(services, tenant, request, body)
    agent = services.registry[tenant].agent(name)
    bearer = credentials.new_bearer()
    now = datetime.now(UTC)
    session = StoredSession(
        digest=credentials.digest(bearer),
        tenant=tenant,
        agent=agent.id,
        embedder=embedding.around(body),
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
        if not isinstance(name, str) or not name.strip() or len(name) > 512:  # noqa: PLR2004
            raise MalformedInput("/agent: name the agent whose panel the ticket is for")
        _require_agent(name)
        agent = services.registry[tenant].agent(name)
        made = services.tickets.issue(agent, key=key.id, session=None, now=monotonic())
    else:
        requests.require_own_page(request)
        session = _session(services, tenant, secret or request.cookies.get(COOKIE))
        embedding.require_allowed(services, tenant, request, body)
        # A page that does not say where it is counts as unknown, which a bound session is not.
        if session.embedder not in (embedding.UNKNOWN, embedding.around(body)):
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


def _require_agent(name: str) -> None:
    if (fault := agent_ids.fault(name)) is not None:
        raise MalformedInput(f"/agent: {fault}")


def _session(services: Services, tenant: Tenant, bearer: str | None) -> StoredSession:
    if not bearer:
        raise Unauthenticated("sign in first")
    with services.database.reading():
        cursor = services.database.raw.cursor()
        session = sessions.get(cursor, tenant, credentials.digest(bearer))
    if session is None or session.expires <= datetime.now(UTC):
        raise Unauthenticated("the session is over: sign in again")
    return session
