"""Change what people may do and which agent each is: one audit entry each, sessions ended.

Every function runs within the caller's transaction. A running server closes the feeds concerned
(`changes.close_ended_sessions`), also where a command line made the change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from adapter import agent_ids, credentials
from adapter.errors import InvalidSettings, NotFound, Place
from adapter.identity import roles
from adapter.identity.people import FIRST_ADMIN, LOCAL, Person
from adapter.store import admin_links, audits, people, sessions
from adapter.store.database import Cursor
from adapter.tenants import Tenant, agent

Reason = Literal["revoked", "agent-taken", "proposed-twice"]
"""Why a proposal is left for an admin to settle alone: the person is locked out, somebody is that
agent already, several people of the directory would become the same agent."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What came of confirming a whole directory."""

    people: Sequence[Person]
    left: Sequence[tuple[Person, Reason]]


def get(cursor: Cursor, tenant: Tenant, person: str) -> Person:
    """Read a person.

    Raises:
        NotFound: the tenant has no such person.
    """
    found = people.get(cursor, tenant, person)
    if found is None:
        raise NotFound(f"there is no person {person}")
    return found


def set_roles(
    cursor: Cursor, person: Person, names: Iterable[str], now: datetime, *, who: str
) -> Person:
    """Replace the roles that are assigned here; those of the directory's token stay.

    With the first admin's role end the one-time links.

    Raises:
        InvalidSettings: naming the one that is no role.
    """
    changed = msgspec.structs.replace(person, given_roles=roles.parse(names))
    if "admin" in person.roles and "admin" not in changed.roles:
        _end_links(cursor, person, now, who, "is admin no more")
    return _save(cursor, person, changed, now, who)


def link(
    cursor: Cursor, person: Person, agent_id: str | None, now: datetime, *, who: str
) -> Person:
    """Say which agent a person is (None: no agent). What was proposed is settled by it.

    Raises:
        InvalidSettings: it is no agent's id.
    """
    if agent_id is None:
        return _save(
            cursor, person, msgspec.structs.replace(person, agent=None, proposed=None), now, who
        )
    fault = agent_ids.fault(agent_id) if agent_id.strip() else "name one"
    if fault is not None:
        raise InvalidSettings(f"agent: {fault}", [Place("/agent", fault)])
    named = agent(person.tenant, agent_id).id
    return _save(
        cursor, person, msgspec.structs.replace(person, agent=named, proposed=None), now, who
    )


def sharing(cursor: Cursor, person: Person, agent_id: str) -> list[Person]:
    """Give the others who are an agent already: whoever becomes it too shares its contacts."""
    named = agent(person.tenant, agent_id).id
    everybody = people.listed(cursor, person.tenant)
    return [each for each in everybody if each.agent == named and each.id != person.id]


def revoke(cursor: Cursor, person: Person, now: datetime, *, who: str) -> Person:
    """Let a person in no more: every session ends now, panels and portal.

    With the first admin end the one-time links, which would sign the same person in.
    """
    sessions.end_of_person(cursor, person.tenant, person.id)
    _end_links(cursor, person, now, who, "was revoked")
    return _save(
        cursor, person, msgspec.structs.replace(person, revoked=person.revoked or now), now, who
    )


def restore(cursor: Cursor, person: Person, now: datetime, *, who: str) -> Person:
    """Let a revoked person sign in again."""
    return _save(cursor, person, msgspec.structs.replace(person, revoked=None), now, who)


def confirm(
    cursor: Cursor, tenant: Tenant, directory: str, now: datetime, *, who: str
) -> Confirmed:
    """Confirm the links that people of one directory wait for, but for those in doubt."""
    everybody = people.listed(cursor, tenant)
    taken = {each.agent for each in everybody if each.agent is not None}
    waiting = [
        (each, agent(tenant, each.proposed).id)
        for each in everybody
        if each.directory == directory and each.proposed and each.agent is None
    ]
    wishes = Counter(wanted for _, wanted in waiting)
    done: list[Person] = []
    left: list[tuple[Person, Reason]] = []
    for each, wanted in waiting:
        if each.revoked is not None:
            left.append((each, "revoked"))
        elif wanted in taken:
            left.append((each, "agent-taken"))
        elif wishes[wanted] > 1:
            left.append((each, "proposed-twice"))
        else:
            done.append(link(cursor, each, wanted, now, who=who))
    return Confirmed(done, left)


def sign_out(cursor: Cursor, person: Person, now: datetime, *, who: str) -> None:
    """End every session of a person, who may sign in again."""
    sessions.end_of_person(cursor, person.tenant, person.id)
    audits.add(cursor, person.tenant, now, who=who, what=f"signed out {person.label} everywhere")


def sign_out_agent(
    cursor: Cursor, tenant: Tenant, agent_id: str, now: datetime, *, who: str
) -> None:
    """End every panel session of an agent, also those that a feed key or the demo began."""
    sessions.end_of_agent(cursor, tenant, agent(tenant, agent_id).id)
    audits.add(cursor, tenant, now, who=who, what=f"signed out agent {agent_id} everywhere")


def admin_link(cursor: Cursor, tenant: Tenant, now: datetime, *, who: str) -> str:
    """Make a one-time token for the first admin's page; it is good once, for a day."""
    token = credentials.new_bearer()
    admin_links.add(cursor, tenant, credentials.digest(token), now)
    audits.add(cursor, tenant, now, who=who, what="one-time admin link made")
    return token


def _end_links(cursor: Cursor, person: Person, now: datetime, who: str, why: str) -> None:
    """End the links by which the first admin would come in again, if this is that person."""
    is_first = (person.directory, person.subject) == (LOCAL, FIRST_ADMIN)
    if is_first and admin_links.end(cursor, person.tenant):
        what = f"one-time admin links ended: the first admin {why}"
        audits.add(cursor, person.tenant, now, who=who, what=what)


def _save(cursor: Cursor, before: Person, after: Person, now: datetime, who: str) -> Person:
    if after == before:
        return before
    people.put(cursor, after)
    audits.add(
        cursor,
        before.tenant,
        now,
        who=who,
        what=f"person {before.id} ({before.label})",
        before=_told(before),
        after=_told(after),
    )
    return after


def _told(person: Person) -> str:
    said = {
        "roles": roles.write(person.given_roles),
        "agent": person.agent,
        "proposed": person.proposed,
        "revoked": person.revoked is not None,
    }
    return msgspec.json.encode(said).decode()
