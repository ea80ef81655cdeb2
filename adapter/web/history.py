"""Give an agent's panel what it showed before: today's contacts, their records, the notes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter import contacts, notes
from adapter.batch import Batch
from adapter.contacts import Contact
from adapter.errors import MalformedInput, NotFound
from adapter.notes import Note
from adapter.services import Services
from adapter.store import histories, journal, notes as stored_notes, pops as stored_pops
from adapter.store.histories import Heard
from adapter.store.pops import StoredPop
from adapter.tenants import Agent, ContactKey
from adapter.web import panel_sessions, requests
from adapter.web.contacts import json_response

MOST = 60
"""Contacts in a history."""

LONGEST = timedelta(hours=36)
"""Today has at most this many hours, wherever the agent is and however long the shift."""


async def history(request: Request) -> Response:
    """Give what reached the agent of the session today, the last first, and the notes on it.

    `since` is when today began for the agent (RFC 3339). `ancestors` are the origins around the
    panel with a space between them, empty for none; left out where the browser does not tell.
    """
    told = request.query_params.get("ancestors")
    around = {} if told is None else {"ancestors": told.split()}
    agent = panel_sessions.agent(request, around)
    now = datetime.now(UTC)
    since = max(_since(request.query_params.get("since"), now), now - LONGEST)
    return json_response(_history(requests.services(request), agent, since))


def _since(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now - timedelta(days=1)
    try:
        since = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedInput("since: expected a time like 2026-11-22T00:00:00Z") from error
    if since.tzinfo is None:
        raise MalformedInput("since: the time needs an offset, like 2026-11-22T00:00:00Z")
    return since


def _history(services: Services, agent: Agent, since: datetime) -> dict[str, Any]:
    with services.database.reading():
        cursor = services.database.raw.cursor()
        heard = histories.lately(cursor, agent, since=since, limit=MOST)
        ids = [each.contact.id for each in heard]
        pops = stored_pops.latest_of_agent(cursor, agent, ids)
        written = stored_notes.of_contacts(cursor, agent, ids)
        behind = services.registry[agent.tenant].agent
        listed = []
        for each in heard:
            holder = behind(each.contact.agent) if each.contact.agent else None
            left = _left(each.contact, holder, agent)
            if left is None:
                continue
            # What was added after it left them is not theirs to read.
            own = holder == agent
            shown = (
                contacts.view(each.contact, agent=agent.id)
                if own
                else histories.as_told(cursor, agent, each)
            )
            if shown is not None:
                listed.append(_item(each, shown, left, pops.get(each.contact.id)))
    return {"agent": agent.id, "contacts": listed, "notes": written}


def _left(contact: Contact, holder: Agent | None, agent: Agent) -> str | None:
    """Say how a contact left the agent; None while the agent has it."""
    if contact.ended and holder in (None, agent):
        return "ended"
    return None if holder == agent else "transferred"


def _item(heard: Heard, shown: dict[str, Any], left: str, pop: StoredPop | None) -> dict[str, Any]:
    return {
        "contact": shown,
        "left": left,
        "at": shown["stages"].get("ended", heard.at) if left == "ended" else heard.at,
        "pop": None if pop is None else _pop(pop),
    }


def _pop(pop: StoredPop) -> dict[str, Any]:
    return {
        "pop": pop.id,
        "contact": pop.contact,
        "target": pop.target,
        "url": pop.url,
        "record": pop.record,
        "outcome": pop.outcome,
        "at": pop.created,
    }


async def put_note(request: Request) -> Response:
    """Save what the agent wrote about a contact; the last writer wins, and no words are lost."""
    body = await requests.json_object(request)
    agent = panel_sessions.agent(request, body)
    draft = notes.read(body)
    services = requests.services(request)
    key = ContactKey(agent.tenant, request.path_params["id"])

    def job(batch: Batch) -> Note:
        known = stored_notes.get(batch.cursor, agent, key.id)
        if known is None and not _had(batch, agent, key):
            raise NotFound("no contact of this id reached you")
        merged = notes.merge(known, draft, batch.now)
        if merged is not known:
            stored_notes.put(batch.cursor, agent, key.id, merged)
        return merged

    return json_response(await services.committer.submit(job))


def _had(batch: Batch, agent: Agent, key: ContactKey) -> bool:
    """Whether a contact is or was at an agent."""
    contact = batch.contact(key)
    if contact is None:
        return False
    if contact.agent is not None and batch.agent(key.tenant, contact.agent) == agent:
        return True
    return any(
        stored.event.agent is not None and batch.agent(key.tenant, stored.event.agent) == agent
        for stored in journal.events_of(batch.cursor, key)
    )
