"""Say whose panel asks: by its session, under the page that the session is bound to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request

from adapter import credentials
from adapter.errors import Unauthenticated
from adapter.identity import limits, roles
from adapter.identity.people import Person
from adapter.identity.refusals import AgentUnconfirmed, NotAnAgent
from adapter.services import Services
from adapter.store import people, sessions
from adapter.store.sessions import StoredSession
from adapter.tenants import Agent, Tenant
from adapter.web import embedding, requests

COOKIE = "__Host-screenpop"
COOKIE_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
"""Written by hand: Starlette knows `Partitioned` only from Python 3.14 on."""


@dataclass(frozen=True, slots=True)
class Current:
    """A session that is good, and its person where it has one (demo and feed keys have none)."""

    session: StoredSession
    person: Person | None

    def agent(self) -> Agent:
        """Give the agent that the session speaks for.

        Raises:
            NotAnAgent: the person has no role for it.
            AgentUnconfirmed: nobody has confirmed yet which agent the person is.
        """
        tenant = self.session.tenant
        if self.person is None:
            return Agent(tenant, self.session.agent or "")
        if not roles.allow(self.person.roles, "agent"):
            raise NotAnAgent("your account has no role for taking contacts: ask for the role agent")
        if self.person.agent is None:
            raise AgentUnconfirmed(self.person.proposed)
        return Agent(tenant, self.person.agent)


def current(request: Request, around: dict[str, Any]) -> Current:
    """Give the session that a request of our own page carries.

    `around` holds `ancestors`, the origins around the panel, where the browser tells them.

    Raises:
        Forbidden: the request is of another page, or the pages around may not show the panel.
        Unauthenticated: there is no session, or it is over, or it belongs under another page.
    """
    requests.require_own_page(request)
    tenant = requests.tenant(request)
    found = find(request, tenant)
    if found is None:
        raise Unauthenticated("sign in first")
    embedding.require_allowed(requests.services(request), tenant, request, around)
    # A page that does not say where it is counts as unknown, which a bound session is not. A ticket
    # of a key begins a session where the page cannot say it; a person's is of where they signed in.
    bound, here = found.session.embedder, embedding.around(around)
    if bound != here and (found.person is not None or bound != embedding.UNKNOWN):
        raise Unauthenticated("this session belongs to another page: sign in here")
    return found


def agent(request: Request, around: dict[str, Any]) -> Agent:
    """Give the agent of the session that a request of our own page carries.

    Raises:
        Forbidden, Unauthenticated: as `current`; also where the person is no agent yet.
    """
    return current(request, around).agent()


def is_known(request: Request, tenant: Tenant) -> bool:
    """Whether the browser brings a session that is not over (a page that is loaded asks this)."""
    return find(request, tenant) is not None


def find(request: Request, tenant: Tenant) -> Current | None:
    """Give the session of a request, by the bearer in memory, else by the cookie.

    Another tab may have renewed the session: then the cookie is newer than the bearer.
    """
    services = requests.services(request)
    for bearer in bearers(request):
        found = of_digest(services, tenant, credentials.digest(bearer))
        if found is not None:
            return found
    return None


def bearers(request: Request) -> list[str]:
    """Give what a request brings along that may be a session's bearer."""
    secret = credentials.presented(request.headers.get("authorization"), None)
    return [each for each in (secret, request.cookies.get(COOKIE)) if each]


def of_digest(services: Services, tenant: Tenant, digest: bytes) -> Current | None:
    """Give the session of a bearer's digest; None where there is none, or it is over."""
    with services.database.reading_tables():
        cursor = services.database.raw.cursor()
        session = sessions.get(cursor, tenant, digest)
        return None if session is None else _good(services, session)


def of_chain(services: Services, tenant: Tenant, chain: bytes) -> Current | None:
    """Give a session by what stays the same over its renewals."""
    with services.database.reading_tables():
        cursor = services.database.raw.cursor()
        session = sessions.of_chain(cursor, tenant, chain)
        return None if session is None else _good(services, session)


def limit(session: StoredSession, now: datetime) -> dict[str, int]:
    """Say when a session ends whatever anybody does, and how long it lasts as a whole; seconds.

    In seconds from now, because a browser's clock may be wrong.
    """
    return {
        "ends_in": max(0, int((session.expires - now).total_seconds())),
        "lasts": int((session.expires - session.created).total_seconds()),
    }


def cookie(bearer: str, session: StoredSession, now: datetime) -> str:
    """Write the `Set-Cookie` of a session."""
    age = max(0, int((session.expires - now).total_seconds()))
    return f"{COOKIE}={bearer}; Max-Age={age}; {COOKIE_ATTRIBUTES}"


def no_cookie() -> str:
    """Write the `Set-Cookie` that takes it away: only the same attributes do (CHIPS)."""
    return f"{COOKIE}=; Max-Age=0; {COOKIE_ATTRIBUTES}"


def _good(services: Services, session: StoredSession) -> Current | None:
    now, idle, person = datetime.now(UTC), None, None
    if session.person is not None:
        cursor = services.database.raw.cursor()
        person = people.get(cursor, session.tenant, session.person)
        if person is None or person.revoked is not None:
            return None
        idle = timedelta(minutes=services.settings.session_idle_minutes)
    over = limits.is_over(
        expires=session.expires,
        seen=session.seen,
        now=now,
        idle=idle,
        replaced=session.replaced,
    )
    if over:
        return None
    return Current(session, person)
