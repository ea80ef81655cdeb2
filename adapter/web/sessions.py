"""Sign a panel out, renew its session, and hand it tickets for the feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapter import agent_ids, changes, credentials
from adapter.batch import Batch
from adapter.errors import MalformedInput, NotFound
from adapter.hub import monotonic
from adapter.identity import limits
from adapter.services import Services
from adapter.store import audits, sessions
from adapter.store.sessions import StoredSession
from adapter.tickets import LIFETIME
from adapter.web import embedding, panel_sessions, requests
from adapter.web.panel_sessions import Current

COOKIE = panel_sessions.COOKIE


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
    answer.headers.append("set-cookie", panel_sessions.cookie(bearer, session, now))
    return answer


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
        services.key_uses.note(key.id, datetime.now(UTC))
        name = body.get("agent")
        if not isinstance(name, str) or not name.strip() or len(name) > 512:  # noqa: PLR2004
            raise MalformedInput("/agent: name the agent whose panel the ticket is for")
        _require_agent(name)
        agent = services.registry[tenant].agent(name)
        made = services.tickets.issue(agent, key=key.id, session=None, now=monotonic())
        return _told({"ticket": made, "agent": agent.id, "expires_in": int(LIFETIME)})
    found = panel_sessions.current(request, body)
    agent = found.agent()
    made = services.tickets.issue(agent, key=None, session=found.session.chain, now=monotonic())
    answer: dict[str, Any] = {
        "ticket": made,
        "agent": agent.id,
        "expires_in": int(LIFETIME),
    }
    answer |= panel_sessions.limit(found.session, datetime.now(UTC))
    return await _renewed(services, found, answer)


async def renew(request: Request) -> Response:
    """Say that the session is in use; every quarter of an hour it gets a new bearer."""
    services = requests.services(request)
    body = await requests.json_object(request)
    found = panel_sessions.current(request, body)
    answer: dict[str, Any] = {"expires": found.session.expires.isoformat()}
    answer |= panel_sessions.limit(found.session, datetime.now(UTC))
    return await _renewed(services, found, answer)


async def end_session(request: Request) -> Response:
    """Sign out: the session ends, its feeds are closed; `everywhere`, all of the person's."""
    requests.require_own_page(request)
    services = requests.services(request)
    tenant = requests.tenant(request)
    everywhere = (await requests.json_object(request)).get("everywhere") is True
    chains = set()
    for bearer in panel_sessions.bearers(request):
        found = panel_sessions.of_digest(services, tenant, credentials.digest(bearer))
        if found is not None:
            chains.add(found.session.chain)
            await services.committer.submit(
                lambda batch, found=found: _end(batch, found, everywhere=everywhere)  # type: ignore[misc]
            )
    for chain in chains:
        services.close_session(chain)
    if everywhere:
        await changes.close_ended_sessions(services)
    answer = Response(status_code=204)
    answer.headers.append("set-cookie", panel_sessions.no_cookie())
    return answer


def _end(batch: Batch, found: Current, *, everywhere: bool) -> None:
    session, person = found.session, found.person
    if person is None or not everywhere:
        sessions.end(batch.cursor, session.tenant, session.chain)
        return
    sessions.end_of_person(batch.cursor, session.tenant, person.id)
    audits.add(
        batch.cursor, session.tenant, batch.now, who=person.label, what="signed out everywhere"
    )


async def _renewed(services: Services, found: Current, answer: dict[str, Any]) -> Response:
    """Answer, with a new bearer where the session's is old; the demo's and keys' stay as they are.

    The old bearer ends a minute after the new one is first used: other tabs have the old one in
    their requests, and an answer may be lost on its way.
    """
    session, now = found.session, datetime.now(UTC)
    if session.person is None:
        return _told(answer)
    if session.replaced is not None or not limits.is_due(issued=session.issued, now=now):
        await services.committer.submit(lambda batch: _use(batch, session))
        return _told(answer)
    bearer = credentials.new_bearer()
    digest = credentials.digest(bearer)
    await services.committer.submit(
        lambda batch: sessions.replace(batch.cursor, session, digest, batch.now)
    )
    renewed = _told({**answer, "session": bearer})
    renewed.headers.append("set-cookie", panel_sessions.cookie(bearer, session, now))
    return renewed


def _use(batch: Batch, session: StoredSession) -> None:
    sessions.touch(batch.cursor, [session.chain], batch.now)
    sessions.confirm(batch.cursor, session, batch.now)


def _told(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers={"cache-control": "no-store"})


def _require_agent(name: str) -> None:
    if (fault := agent_ids.fault(name)) is not None:
        raise MalformedInput(f"/agent: {fault}")
