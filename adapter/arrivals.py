"""Take in a person whom a provider has proved: who it is here, which roles, which agent."""

from __future__ import annotations

from datetime import datetime

import msgspec
import structlog

from adapter.identity import roles, tokens
from adapter.identity.people import Person
from adapter.identity.providers import SignInSettings
from adapter.identity.tokens import Told
from adapter.registry import TenantSettings
from adapter.saving import agent_id_fault
from adapter.signing_in.errors import REVOKED, SignInError
from adapter.store import admin_links, audits, people
from adapter.store.database import Cursor

log = structlog.get_logger()


def arrive(
    cursor: Cursor,
    here: TenantSettings,
    settings: SignInSettings,
    told: Told,
    now: datetime,
    *,
    where: str,
) -> Person:
    """Give the person, new or known, with what the token says of them now.

    `where` is `panel` or `portal`, for the audit log.

    Raises:
        SignInError: an admin lets this person in no more.
    """
    known = people.find(cursor, here.tenant, told.directory, told.subject)
    if known is not None and known.revoked is not None:
        raise SignInError(REVOKED, "An administrator has blocked your account here.")
    person = Person(
        id=people.new_id() if known is None else known.id,
        tenant=here.tenant,
        directory=told.directory,
        subject=told.subject,
        name=told.name,
        email=told.email,
        token_roles=told.roles,
        given_roles=frozenset() if known is None else known.given_roles,
        agent=None if known is None else known.agent,
        created=now if known is None else known.created,
        seen=now,
    )
    if person.agent is None:
        person = _proposed(cursor, here, settings, told, person)
    people.put(cursor, person)
    _tell(cursor, known, person, now, where)
    if "admin" in person.roles and admin_links.end(cursor, here.tenant):
        # They were for the time before anybody could come this way.
        what = "one-time admin links ended: an admin has signed in by the provider"
        audits.add(cursor, here.tenant, now, who=person.label, what=what)
    if told.too_many_groups:
        log.warning("the directory left groups out of the token", person=person.id)
    return person


def _proposed(
    cursor: Cursor,
    here: TenantSettings,
    settings: SignInSettings,
    told: Told,
    person: Person,
) -> Person:
    """Propose the agent of the person's name: one that a source has named, else the name itself."""
    possible = [each for each in tokens.proposals(told.names) if agent_id_fault(each) is None]
    if not possible:
        return person
    agents = [here.agent(each).id for each in possible]
    named = next(
        (each for each in agents if people.is_agent_known(cursor, here.tenant, each)), agents[0]
    )
    taken = people.of_agent(cursor, here.tenant, named)
    if settings.trust == "directory" and told.is_sure and not taken:
        return msgspec.structs.replace(person, agent=named)
    return msgspec.structs.replace(person, proposed=named)


def _tell(cursor: Cursor, known: Person | None, person: Person, now: datetime, where: str) -> None:
    """Write down what changed; that an agent came to work as every day is no news."""

    def add(what: str, before: str | None = None, after: str | None = None) -> None:
        audits.add(
            cursor, person.tenant, now, who=person.label, what=what, before=before, after=after
        )

    if known is None:
        add(f"person {person.id} signed in for the first time ({where})")
    elif where == "portal":
        add("signed in to the portal")
    before = frozenset() if known is None else known.token_roles
    if before != person.token_roles:
        add(
            f"person {person.id}: roles by the directory",
            roles.write(before),
            roles.write(person.token_roles),
        )
    if person.agent is not None and (known is None or known.agent is None):
        add(f"person {person.id}: agent by the directory's user name", None, person.agent)
