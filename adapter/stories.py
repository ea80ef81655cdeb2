"""Tell what happened to a contact: its state, and its story from the event to the opened pop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from adapter import contacts
from adapter.errors import NotFound
from adapter.store import journal, pops as stored_pops
from adapter.store.database import Database
from adapter.store.journal import StoredEvent, Traced
from adapter.store.pops import StoredPop
from adapter.tenants import Agent, ContactKey

_Step = tuple[datetime, int, str, str]
"""Time, place among steps of the same time, what, detail."""


def state(database: Database, key: ContactKey, *, agent: Callable[[str], Agent]) -> dict[str, Any]:
    """Give a contact as the outside sees it; `agent` knows who stands behind an id of a source.

    Raises:
        NotFound: nobody reported on it.
    """
    with database.reading():
        cursor = database.raw.cursor()
        contact = journal.contact(cursor, key)
        links = journal.links_of(cursor, key)
    if contact is None:
        raise NotFound(f"there is no contact {key.id}")
    who = None if contact.agent is None else agent(contact.agent).id
    return contacts.view(contact, agent=who, linked=links)


def story(database: Database, key: ContactKey) -> dict[str, Any]:
    """Read a contact's story (`tell`).

    Raises:
        NotFound: nobody reported on it.
    """
    with database.reading():
        cursor = database.raw.cursor()
        events = journal.events_of(cursor, key)
        lines = journal.trace_of(cursor, key)
        lines += journal.pushes_of(cursor, events)
        pops = stored_pops.of_contact(cursor, key.tenant, key.id)
    if not events and not lines:
        raise NotFound(f"there is no contact {key.id}")
    return tell(key.id, events, lines, pops)


def tell(
    contact: str,
    events: Sequence[StoredEvent],
    lines: Sequence[Traced],
    pops: Sequence[StoredPop],
) -> dict[str, Any]:
    """Put what is known in the order of time, with milliseconds since the first of it.

    At least one event or line must be there.
    """
    steps = [step for each in events for step in _steps(each)]
    steps += [(line.at, 3, line.what, line.detail) for line in lines]
    steps.sort(key=lambda step: step[:2])
    start = steps[0][0]
    return {
        "contact": contact,
        "trace": [
            {
                "at": at,
                "ms": round((at - start).total_seconds() * 1000, 3),
                "what": what,
                "detail": detail,
            }
            for at, _, what, detail in steps
        ],
        "pops": [_pop(each) for each in pops],
    }


def _steps(stored: StoredEvent) -> list[_Step]:
    event = stored.event
    stage = event.stage.value if event.stage else "updated"
    name = f"{stage} ({event.source} {event.id})"
    steps = [(stored.received, 0, "received", name), (stored.stored, 1, "stored", name)]
    if stored.matched:
        steps.append((stored.stored, 2, "matched", stored.matched))
    if stored.failure:
        steps.append((stored.stored, 2, "failed", f"{name}: {stored.failure}"))
    return steps


def _pop(pop: StoredPop) -> dict[str, Any]:
    return {
        "pop": pop.id,
        "agent": pop.agent,
        "stage": pop.stage,
        "attempt": pop.attempt,
        "target": pop.target,
        "url": pop.url,
        "outcome": pop.outcome,
        "reason": pop.reason,
    }
