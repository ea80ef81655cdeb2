"""Say who is signed in to the portal, and whether they may do what they ask for.

Portal pages call `principal(request)`. `app.py` turns its two refusals into pages: `SignInRequired`
into a redirect to the sign-in, `RoleMissing` into a page that says which role is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from starlette.requests import Request

from adapter import credentials
from adapter.errors import Forbidden, Unauthenticated
from adapter.identity import limits, roles
from adapter.identity.people import Person
from adapter.identity.roles import Role
from adapter.services import Services
from adapter.store import people, sessions
from adapter.store.sessions import StoredSession
from adapter.tenants import Tenant
from adapter.web import requests

COOKIE = "__Host-screenpop-admin"
COOKIE_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"
"""The portal is never framed: its cookie needs no partition, and no other site sends it along."""

HOME = "/admin"
SIGN_IN = "/admin/sign-in"
SIGN_OUT = "/admin/sign-out"
FIRST = "/admin/first"

LONGEST = 1024
"""Characters of an address to go to after the sign-in."""
_END_OF_PATH = re.compile(r"[?#]")

TOUCH_EVERY = timedelta(seconds=60)
"""The idle limit is in minutes: one write a minute is enough for it."""


class SignInRequired(Unauthenticated):
    """Nobody is signed in to the portal here, or no longer; `location` is where one does."""

    def __init__(self, location: str) -> None:
        super().__init__("sign in to the portal first")
        self.location = location


class RoleMissing(Forbidden):
    """The person is signed in, and has no role that may do this."""

    def __init__(self, who: Principal, needed: Role) -> None:
        super().__init__(f"this needs the role {needed}; ask an administrator for it")
        self.who = who
        self.needed = needed


@dataclass(frozen=True, slots=True)
class Principal:
    """A person signed in to the portal, with what they may do right now."""

    tenant: Tenant
    person: str
    """The person's id."""
    name: str
    email: str | None
    agent: str | None
    """The agent that this person is; None for somebody who takes no contacts."""
    roles: frozenset[str]
    session: bytes
    """What stays the same while they are signed in: bind form tokens to it."""
    label: str
    """Name and address, for the audit log."""

    def may(self, role: Role) -> bool:
        """Tell whether the person may do what a role may."""
        return roles.allow(self.roles, role)


def principal(request: Request, role: Role = "admin") -> Principal:
    """Give who is signed in to the portal.

    `role` is `admin` for changes, `supervisor` for reading; an admin is a supervisor too.

    Raises:
        SignInRequired: nobody is signed in, or the session is over or was ended.
        RoleMissing: the person may not do this.
        UnknownTenant: the host is no tenant's.
    """
    found = _signed_in(request)
    if found is None:
        raise SignInRequired(sign_in_url(request))
    who = as_principal(*found)
    if not who.may(role):
        raise RoleMissing(who, role)
    return who


def maybe(request: Request) -> Principal | None:
    """Give who is signed in to the portal, whatever their role; None where nobody is."""
    found = _signed_in(request)
    return None if found is None else as_principal(*found)


def as_principal(session: StoredSession, person: Person) -> Principal:
    """Put together what is known of a person who is signed in."""
    return Principal(
        tenant=session.tenant,
        person=person.id,
        name=person.name,
        email=person.email,
        agent=person.agent,
        roles=person.roles,
        session=session.chain,
        label=person.label,
    )


def sign_in_url(request: Request) -> str:
    """Give the sign-in page that leads back to the page asked for (a form leads to the start)."""
    if request.method not in {"GET", "HEAD"}:
        return SIGN_IN
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{SIGN_IN}?next={quote(own_path(path), safe='')}"


def own_path(wanted: str | None) -> str:
    """Give a page of the portal to go to: `wanted` where it is one, else the start.

    Only a path below /admin counts, and none that a browser reads as another host's address
    (`//host`, a backslash; WHATWG URL, 4.4: browsers drop tabs and line ends inside one), or that
    leads elsewhere below our own (dot segments, also encoded). The sign-in is no page to go to.
    """
    path = wanted or ""
    plain = path.isascii() and path.isprintable() and "\\" not in path and "//" not in path
    below = path == HOME or path.startswith((HOME + "/", HOME + "?"))
    return path if plain and below and len(path) < LONGEST and _stays(path) else HOME


def _stays(path: str) -> bool:
    """Tell whether a path means what it says, however often somebody on the way decodes it."""
    read = _END_OF_PATH.split(path, maxsplit=1)[0]
    while (decoded := unquote(read)) != read:
        # A separator that was hidden: an encoded slash, even one that was encoded twice.
        if decoded.count("/") != read.count("/"):
            return False
        read = decoded
    # Some drop parameters (`..;x`; RFC 3986, 3.3) before they look.
    dots = any(each.partition(";")[0].strip() in (".", "..") for each in read.split("/"))
    plain = read.isprintable() and "\\" not in read
    return plain and not dots and not read.startswith(SIGN_IN)


def cookie(bearer: str, hours: float) -> str:
    """Write the `Set-Cookie` of a portal session."""
    return f"{COOKIE}={bearer}; Max-Age={int(hours * 3600)}; {COOKIE_ATTRIBUTES}"


def no_cookie() -> str:
    """Write the `Set-Cookie` that takes the session away."""
    return f"{COOKIE}=; Max-Age=0; {COOKIE_ATTRIBUTES}"


def new_session(services: Services, person: Person, origin: str) -> tuple[str, StoredSession]:
    """Make a session of the portal: its bearer, and what to store."""
    bearer, now = credentials.new_bearer(), datetime.now(UTC)
    session = StoredSession(
        digest=credentials.digest(bearer),
        tenant=person.tenant,
        agent=None,
        embedder="top",
        origin=origin,
        created=now,
        expires=now + timedelta(hours=services.settings.portal_session_hours),
        kind="portal",
        person=person.id,
    )
    return bearer, session


def _signed_in(request: Request) -> tuple[StoredSession, Person] | None:
    services = requests.services(request)
    tenant = requests.tenant(request)
    bearer = request.cookies.get(COOKIE)
    if not bearer:
        return None
    now = datetime.now(UTC)
    with services.database.reading_tables():
        cursor = services.database.raw.cursor()
        session = sessions.get(cursor, tenant, credentials.digest(bearer), kind="portal")
        person = None
        if session is not None and session.person is not None:
            person = people.get(cursor, tenant, session.person)
    idle = timedelta(minutes=services.settings.portal_idle_minutes)
    if session is None or person is None or person.revoked is not None:
        return None
    if limits.is_over(expires=session.expires, seen=session.seen, now=now, idle=idle):
        return None
    if session.seen + TOUCH_EVERY <= now:
        services.tasks.spawn(_touch(services, session, now), name="portal session used")
    return session, person


async def _touch(services: Services, session: StoredSession, now: datetime) -> None:
    await services.committer.submit(
        lambda batch: sessions.touch(batch.cursor, [session.chain], now)
    )
