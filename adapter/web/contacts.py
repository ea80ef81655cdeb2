"""Show a contact's state and its story, to who holds an admin key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter import contacts
from adapter.errors import NotFound
from adapter.services import Services
from adapter.store import journal, pops as stored_pops
from adapter.tenants import ContactKey, Tenant
from adapter.web import requests

NO_STORE = {"cache-control": "no-store"}


def json_response(value: Any, *, status: int = 200) -> Response:
    """Answer with JSON (times as RFC 3339)."""
    return Response(msgspec.json.encode(value), status, NO_STORE, media_type="application/json")


async def contact(request: Request) -> Response:
    """Give the state of a contact (design 5.2)."""
    tenant, _ = requests.admin(request)
    key = ContactKey(tenant, request.path_params["id"])
    return json_response(_view(requests.services(request), key))


async def trace(request: Request) -> Response:
    """Give the story of a contact with milliseconds: received, stored, matched, pushed, opened."""
    tenant, _ = requests.admin(request)
    key = ContactKey(tenant, request.path_params["id"])
    return json_response(story(requests.services(request), key))


def story(services: Services, key: ContactKey) -> dict[str, Any]:
    """Tell what happened to a contact, in the order of time.

    Raises:
        NotFound: nobody reported on it.
    """
    with services.database.reading():
        cursor = services.database.raw.cursor()
        events = journal.events_of(cursor, key)
        lines = journal.trace_of(cursor, key)
        pops = stored_pops.of_contact(cursor, key.tenant, key.id)
    if not events and not lines:
        raise NotFound(f"there is no contact {key.id}")
    steps: list[tuple[datetime, int, str, str]] = []
    for each in events:
        stage = each.event.stage.value if each.event.stage else "updated"
        name = f"{stage} ({each.event.source} {each.event.id})"
        steps.append((each.received, 0, "received", name))
        steps.append((each.stored, 1, "stored", name))
        if each.failure:
            steps.append((each.stored, 2, "failed", f"{name}: {each.failure}"))
    steps.extend((line.at, 3, line.what, line.detail) for line in lines)
    steps.sort(key=lambda step: step[:2])
    start = steps[0][0]
    return {
        "contact": key.id,
        "trace": [
            {
                "at": at,
                "ms": round((at - start).total_seconds() * 1000, 3),
                "what": what,
                "detail": detail,
            }
            for at, _, what, detail in steps
        ],
        "pops": [
            {
                "pop": pop.id,
                "agent": pop.agent,
                "stage": pop.stage,
                "attempt": pop.attempt,
                "target": pop.target,
                "url": pop.url,
                "outcome": pop.outcome,
                "reason": pop.reason,
            }
            for pop in pops
        ],
    }


def _view(services: Services, key: ContactKey) -> dict[str, Any]:
    with services.database.reading():
        cursor = services.database.raw.cursor()
        state = journal.contact(cursor, key)
        links = journal.links_of(cursor, key)
    if state is None:
        raise NotFound(f"there is no contact {key.id}")
    return contacts.view(state, agent=_agent(services, key.tenant, state.agent), linked=links)


def _agent(services: Services, tenant: Tenant, source_id: str | None) -> str | None:
    return None if source_id is None else services.registry[tenant].agent(source_id).id
