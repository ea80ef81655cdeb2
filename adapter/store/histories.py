"""Read what reached an agent lately: the contacts, and when the agent last heard of each."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import NamedTuple

from adapter import contacts
from adapter.contacts import Contact
from adapter.store.times import micros, moment
from adapter.tenants import Agent

_NEWEST = 5_000
"""Messages looked at: far more than an agent gets in a shift, and some milliseconds."""


class Heard(NamedTuple):
    """A contact as it is now, and the time of the last message about it to the agent."""

    contact: Contact
    at: datetime


def lately(cursor: sqlite3.Cursor, agent: Agent, *, since: datetime, limit: int) -> list[Heard]:
    """Read the contacts that an agent was told of since then, the last told first."""
    rows = cursor.execute(
        "SELECT c.state, t.at FROM"
        " (SELECT m.subject, max(m.sequence) AS last, max(m.time) AS at FROM"
        "   (SELECT sequence FROM message_agents WHERE tenant=?1 AND agent=?2"
        "    ORDER BY sequence DESC LIMIT ?5) a"
        "  JOIN messages m ON m.tenant=?1 AND m.sequence=a.sequence"
        "  WHERE m.subject IS NOT NULL AND m.time>=?3"
        "  GROUP BY m.subject) t"
        " JOIN contacts c ON c.tenant=?1 AND c.id=t.subject"
        " ORDER BY t.last DESC LIMIT ?4",
        (agent.tenant, agent.id, micros(since), limit, _NEWEST),
    ).fetchall()
    return [Heard(contacts.decode(state), moment(at)) for state, at in rows]
