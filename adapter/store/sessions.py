"""Keep panels' sessions: who, under which embedding origin, until when. Only digests are stored."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from adapter.store.times import micros, moment
from adapter.tenants import Tenant


class StoredSession(msgspec.Struct, frozen=True):
    """A session; `digest` is the SHA-256 of the bearer that the panel holds."""

    digest: bytes
    tenant: Tenant
    agent: str
    embedder: str
    """The origin that framed the panel when it signed in, `top` or `unknown`."""
    origin: str
    """How it began: `demo` or `key <id>`."""
    created: datetime
    expires: datetime


def add(cursor: sqlite3.Cursor, session: StoredSession) -> None:
    """Store a new session."""
    cursor.execute(
        "INSERT INTO sessions (digest, tenant, agent, embedder, origin, created, expires)"
        " VALUES (?,?,?,?,?,?,?)",
        (
            session.digest,
            session.tenant,
            session.agent,
            session.embedder,
            session.origin,
            micros(session.created),
            micros(session.expires),
        ),
    )


def get(cursor: sqlite3.Cursor, tenant: Tenant, digest: bytes) -> StoredSession | None:
    """Read a session of a tenant by its digest."""
    row = cursor.execute(
        "SELECT digest, tenant, agent, embedder, origin, created, expires FROM sessions"
        " WHERE digest=? AND tenant=?",
        (digest, tenant),
    ).fetchone()
    if row is None:
        return None
    return StoredSession(
        row[0], Tenant(row[1]), row[2], row[3], row[4], moment(row[5]), moment(row[6])
    )


def end(cursor: sqlite3.Cursor, tenant: Tenant, digest: bytes) -> None:
    """Delete a session (sign-out)."""
    cursor.execute("DELETE FROM sessions WHERE digest=? AND tenant=?", (digest, tenant))


def end_of_key(cursor: sqlite3.Cursor, key: str) -> None:
    """Delete the sessions that began with a key that is now revoked."""
    cursor.execute("DELETE FROM sessions WHERE origin=?", (f"key {key}",))
