"""Read what reached an agent lately: the contacts, and when the agent last heard of each."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from adapter.contacts import Contact
from adapter.events import CONTACT_PREFIX
from adapter.store import journal
from adapter.tenants import Agent, ContactKey

_NEWEST = 5_000
"""Messages looked at: far more than an agent gets in a shift, and some milliseconds."""


class Heard(NamedTuple):
    """A contact as it is now, and the time of the last message about it to the agent."""

    contact: Contact
    at: datetime
    told: int | None
    """Sequence of the last message that told the agent the contact's state."""


def lately(cursor: sqlite3.Cursor, agent: Agent, *, since: datetime, limit: int) -> list[Heard]:
    """Read the contacts that an agent was told of since then, the last told first."""
    last: dict[str, datetime] = {}
    told: dict[str, int] = {}
    for sent in journal.sent_to(cursor, agent, since=since, most=_NEWEST):
        if sent.subject is None or (len(last) == limit and sent.subject not in last):
            continue
        last.setdefault(sent.subject, sent.time)
        if sent.type is not None and sent.type.startswith(CONTACT_PREFIX):
            told.setdefault(sent.subject, sent.sequence)
            if len(told) == limit:
                break
    states = (
        (journal.contact(cursor, ContactKey(agent.tenant, contact)), contact, at)
        for contact, at in last.items()
    )
    return [
        Heard(state, at, told.get(contact)) for state, contact, at in states if state is not None
    ]


def as_told(cursor: sqlite3.Cursor, agent: Agent, heard: Heard) -> dict[str, Any] | None:
    """Read the view of a contact as it was last sent to the agent; None where it is gone."""
    wanted = () if heard.told is None else (heard.told,)
    for message in journal.read(cursor, agent.tenant, wanted):
        if message.subject == heard.contact.id:
            view: dict[str, Any] = msgspec.json.decode(message.data)
            view.pop("event", None)  # of the message, no part of the contact
            return view
    return None
