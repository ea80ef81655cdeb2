"""Read what reached an agent lately: the contacts, and when the agent last heard of each."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import NamedTuple

from adapter.contacts import Contact
from adapter.store import journal
from adapter.tenants import Agent, ContactKey

_NEWEST = 5_000
"""Messages looked at: far more than an agent gets in a shift, and some milliseconds."""


class Heard(NamedTuple):
    """A contact as it is now, and the time of the last message about it to the agent."""

    contact: Contact
    at: datetime


def lately(cursor: sqlite3.Cursor, agent: Agent, *, since: datetime, limit: int) -> list[Heard]:
    """Read the contacts that an agent was told of since then, the last told first."""
    last: dict[str, datetime] = {}
    for sent in journal.sent_to(cursor, agent, since=since, most=_NEWEST):
        if sent.subject is not None and sent.subject not in last:
            last[sent.subject] = sent.time
            if len(last) == limit:
                break
    states = (
        (journal.contact(cursor, ContactKey(agent.tenant, contact)), at)
        for contact, at in last.items()
    )
    return [Heard(state, at) for state, at in states if state is not None]
