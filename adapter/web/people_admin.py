"""Let an admin key read the people who have signed in, and change what they may do."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter import changes, people
from adapter.batch import Batch
from adapter.errors import InvalidSettings, MalformedInput, Place
from adapter.identity.people import Person
from adapter.store import people as stored
from adapter.web import requests
from adapter.web.contacts import json_response


async def list_people(request: Request) -> Response:
    """List the people by name: roles, the agent that each is, the link that waits for a yes."""
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    with services.database.reading():
        found = stored.listed(services.database.raw.cursor(), tenant)
    return json_response({"people": [view(each) for each in found]})


async def put_person(request: Request) -> Response:
    """Change what is given of a person: `roles`, `agent` (null: none), `revoked`.

    Sessions that a change ends are over at once, their feeds too.
    """
    tenant, key = requests.admin(request)
    services = requests.services(request)
    body = await requests.json_object(request)
    person_id = request.path_params["id"]
    _check(body)
    who = f"key {key.id}"

    def job(batch: Batch) -> Person:
        person = people.get(batch.cursor, tenant, person_id)
        if "roles" in body:
            person = people.set_roles(batch.cursor, person, body["roles"], batch.now, who=who)
        if "agent" in body:
            person = people.link(batch.cursor, person, body["agent"], batch.now, who=who)
        if body.get("revoked") is True:
            person = people.revoke(batch.cursor, person, batch.now, who=who)
        elif body.get("revoked") is False:
            person = people.restore(batch.cursor, person, batch.now, who=who)
        return person

    person = await services.committer.submit(job)
    await changes.close_ended_sessions(services)
    return json_response(view(person))


async def confirm(request: Request) -> Response:
    """Confirm the links that people of one directory wait for: `tid` (or an issuer).

    `left` has those in doubt, who are confirmed one by one, each with the reason.
    """
    tenant, key = requests.admin(request)
    services = requests.services(request)
    directory = (await requests.json_object(request)).get("tid")
    if not isinstance(directory, str) or not directory:
        raise MalformedInput("/tid: name the directory whose people are confirmed")

    def job(batch: Batch) -> people.Confirmed:
        return people.confirm(batch.cursor, tenant, directory, batch.now, who=f"key {key.id}")

    done = await services.committer.submit(job)
    left = [{"person": view(each), "reason": reason} for each, reason in done.left]
    return json_response({"people": [view(each) for each in done.people], "left": left})


def view(person: Person) -> dict[str, Any]:
    """Give what is told of a person."""
    return {
        "id": person.id,
        "name": person.name,
        "email": person.email,
        "directory": person.directory,
        "subject": person.subject,
        "roles": sorted(person.roles),
        "given_roles": sorted(person.given_roles),
        "token_roles": sorted(person.token_roles),
        "agent": person.agent,
        "proposed": person.proposed,
        "revoked": person.revoked,
        "created": person.created,
        "seen": person.seen,
    }


def _check(body: dict[str, Any]) -> None:
    faults = [
        Place(f"/{name}", "there is no such field; known are roles, agent, revoked")
        for name in body
        if name not in ("roles", "agent", "revoked")
    ]
    given = body.get("roles", [])
    if not isinstance(given, list) or any(not isinstance(each, str) for each in given):
        faults.append(Place("/roles", "expected a list of names"))
    if not isinstance(body.get("agent", ""), str | None):
        faults.append(Place("/agent", "expected an agent's id, or null"))
    if not isinstance(body.get("revoked", False), bool):
        faults.append(Place("/revoked", "expected true or false"))
    if faults:
        told = "; ".join(f"{each.at}: {each.detail}" for each in faults)
        raise InvalidSettings(f"person: {told}", faults)
