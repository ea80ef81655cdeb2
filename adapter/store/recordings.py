"""Keep the links to contacts' files: they outlive the contact, and know who had it.

Events are forgotten after the retention; what they say of the agents is copied to the link first
(`keep_agents`), so that a link works and refuses the same people after a year.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from adapter import recordings
from adapter.events import ContactEvent, Recording, Stage
from adapter.recordings import Link
from adapter.steps import File
from adapter.store import journal
from adapter.store.times import micros, moment
from adapter.tenants import ContactKey, Tenant

_NOT_YET = (Stage.CREATED, Stage.OFFERED)
"""Stages at which the agent who is named does not have the contact yet."""

_COLUMNS = "token, tenant, contact, kind, url, redacted, agents, created"


def token(cursor: sqlite3.Cursor, key: ContactKey, file: Recording | File, now: datetime) -> str:
    """Give the token of a contact's file, always the same one; made at first use."""
    cursor.execute(
        f"INSERT OR IGNORE INTO recording_links ({_COLUMNS}) VALUES (?,?,?,?,?,?,'[]',?)",
        (recordings.new_token(), *key, file.kind, file.url, file.redacted, micros(now)),
    )
    found = known_token(cursor, key, file)
    assert found is not None  # noqa: S101 - it has just been stored, or was there
    return found


def known_token(cursor: sqlite3.Cursor, key: ContactKey, file: Recording | File) -> str | None:
    """Read the token of a contact's file, if it has one."""
    row = cursor.execute(
        "SELECT token FROM recording_links WHERE tenant=? AND contact=? AND url=?",
        (*key, file.url),
    ).fetchone()
    return None if row is None else str(row[0])


def get(cursor: sqlite3.Cursor, tenant: Tenant, token: str) -> Link | None:
    """Read what a tenant's token stands for, with every agent who had the contact."""
    row = cursor.execute(
        f"SELECT {_COLUMNS} FROM recording_links WHERE token=? AND tenant=?", (token, tenant)
    ).fetchone()
    if row is None:
        return None
    key = ContactKey(Tenant(row[1]), row[2])
    return Link(
        token=row[0],
        tenant=key.tenant,
        contact=key.id,
        kind=row[3],
        url=row[4],
        redacted=bool(row[5]),
        agents=_kept(row[6]) | _told(cursor, key),
        created=moment(row[7]),
    )


def keep_agents(cursor: sqlite3.Cursor, key: ContactKey) -> None:
    """Copy to the contact's links which agents its events name, before events are deleted."""
    rows = cursor.execute(
        "SELECT token, agents FROM recording_links WHERE tenant=? AND contact=?", key
    ).fetchall()
    if not rows:
        return
    told = _told(cursor, key)
    cursor.executemany(
        "UPDATE recording_links SET agents=? WHERE token=?",
        [
            (msgspec.json.encode(sorted(told | _kept(agents))).decode(), token)
            for token, agents in rows
        ],
    )


def forget(cursor: sqlite3.Cursor, key: ContactKey) -> int:
    """Delete the links of a contact that is to be erased; give how many there were."""
    return cursor.execute("DELETE FROM recording_links WHERE tenant=? AND contact=?", key).rowcount


def _kept(agents: str) -> frozenset[str]:
    return frozenset(msgspec.json.decode(agents, type=list[str]))


def _told(cursor: sqlite3.Cursor, key: ContactKey) -> frozenset[str]:
    return frozenset(
        stored.event.agent
        for stored in journal.events_of(cursor, key)
        if stored.event.agent is not None and had(stored.event)
    )


def had(event: ContactEvent) -> bool:
    """Tell if the agent whom an event names had the contact (it did not only ring there)."""
    answered = Stage.ANSWERED in event.witnessed or Stage.MADE in event.witnessed
    return answered or event.stage not in _NOT_YET
