"""Sign in to the portal of a test's server, as the first admin or as anybody with given roles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from adapter import credentials
from adapter.identity.people import Person
from adapter.store import people, sessions
from adapter.store.sessions import StoredSession
from adapter.tenants import Tenant
from tests.server import Server

COOKIE = "__Host-screenpop-admin"


def sign_in_as_admin(server: Server, tenant: str = "default") -> str:
    """Give the value of a `Cookie` header of an admin of the tenant."""
    return sign_in(server, "admin", tenant=tenant, name="Ada Admin", email="ada@contoso.example")


def sign_in(
    server: Server,
    *roles: str,
    tenant: str = "default",
    name: str = "Sam Someone",
    email: str | None = None,
    agent: str | None = None,
) -> str:
    """Give the value of a `Cookie` header of a person with these roles, made at first use."""
    now, bearer = datetime.now(UTC), credentials.new_bearer()
    here = Tenant(tenant)
    with server.office() as office, office.database.transaction() as cursor:
        known = people.find(cursor, here, "tests", name)
        person = Person(
            id=known.id if known else people.new_id(),
            tenant=here,
            directory="tests",
            subject=name,
            name=name,
            email=email,
            given_roles=frozenset(roles),
            agent=agent,
            created=now,
            seen=now,
        )
        people.put(cursor, person)
        session = StoredSession(
            digest=credentials.digest(bearer),
            tenant=here,
            agent=None,
            embedder="top",
            origin="test",
            created=now,
            expires=now + timedelta(hours=1),
            kind="portal",
            person=person.id,
        )
        sessions.add(cursor, session)
    return f"{COOKIE}={bearer}"
