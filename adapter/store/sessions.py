"""Keep sessions of panels and of the portal. Only digests of their bearers are stored.

A session is a chain: each renewal adds a bearer, and the one before it ends a moment after the new
one is first used. `chain` stays, so feeds are closed by it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Literal

import msgspec

from adapter.identity.limits import GRACE
from adapter.store.times import micros, moment
from adapter.tenants import Tenant

Kind = Literal["panel", "portal"]

_COLUMNS = (
    "digest, chain, tenant, kind, person, agent, embedder, origin, created, issued, seen, expires,"
    " replaced"
)

_AGENT = (
    "CASE WHEN sessions.person IS NULL THEN sessions.agent"
    " WHEN people.revoked IS NULL AND ' '||given_roles||' '||token_roles||' ' LIKE '% agent %'"
    " THEN people.agent END"
)
"""Who a session with its person is now; NULL without the role for it."""


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """One bearer of a session; `digest` is the SHA-256 of what the browser holds."""

    digest: bytes
    tenant: Tenant
    agent: str | None
    """The agent of a session without a person (demo, feed key)."""
    embedder: str
    """The origins that framed the panel when it signed in, `top` or `unknown`."""
    origin: str
    """How it began: `demo`, `key <id>`, `link` (first admin) or `sign-in`."""
    created: datetime
    """When somebody signed in: the absolute limit counts from here."""
    expires: datetime
    """The absolute limit."""
    kind: Kind = "panel"
    person: str | None = None
    chain_of: bytes | None = None
    issued_at: datetime | None = None
    """When this bearer was made; None where it is the session's first."""
    seen_at: datetime | None = None
    replaced: datetime | None = None
    """When a newer bearer was first used; this one ends `GRACE` later."""

    @property
    def chain(self) -> bytes:
        """What stays the same over renewals: the digest of the first bearer."""
        return self.chain_of or self.digest

    @property
    def issued(self) -> datetime:
        """When this bearer was made."""
        return self.issued_at or self.created

    @property
    def seen(self) -> datetime:
        """When it was last used, or had a feed open."""
        return self.seen_at or self.created


class EmbeddedPanel(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a panel's session where only the pages around it matter."""

    row: int
    """Its place in the table: where the next part begins."""
    chain: bytes
    around: tuple[str, ...]
    """The origins that framed it, the nearest first; `top` or `unknown`."""
    agent: str
    """Whose it is: the agent's id, else the person's name, else `?`."""
    seen: datetime


def add(cursor: sqlite3.Cursor, session: StoredSession) -> None:
    """Store a new bearer."""
    cursor.execute(
        f"INSERT INTO sessions ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            session.digest,
            session.chain,
            session.tenant,
            session.kind,
            session.person,
            session.agent,
            session.embedder,
            session.origin,
            micros(session.created),
            micros(session.issued),
            micros(session.seen),
            micros(session.expires),
            None if session.replaced is None else micros(session.replaced),
        ),
    )


def get(
    cursor: sqlite3.Cursor, tenant: Tenant, digest: bytes, *, kind: Kind = "panel"
) -> StoredSession | None:
    """Read a session of a tenant by the digest of a bearer."""
    row = cursor.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE digest=? AND tenant=? AND kind=?",
        (digest, tenant, kind),
    ).fetchone()
    return None if row is None else _session(row)


def of_chain(cursor: sqlite3.Cursor, tenant: Tenant, chain: bytes) -> StoredSession | None:
    """Read a session's newest bearer by its chain."""
    row = cursor.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE chain=? AND tenant=?"
        " ORDER BY issued DESC, rowid DESC LIMIT 1",
        (chain, tenant),
    ).fetchone()
    return None if row is None else _session(row)


def of_chains(
    cursor: sqlite3.Cursor, tenant: Tenant, chains: Collection[bytes]
) -> dict[bytes, StoredSession]:
    """Read the newest bearers of some sessions, by their chains, in one statement."""
    marks = ",".join("?" * len(chains))
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE chain IN ({marks}) AND tenant=?"
        " ORDER BY issued, rowid",
        (*chains, tenant),
    )
    return {each.chain: each for each in map(_session, rows)}


def embedded(
    cursor: sqlite3.Cursor, tenant: Tenant, now: datetime, *, after: int, most: int
) -> list[EmbeddedPanel]:
    """Read a part of the tenant's panels within their absolute limit: those behind row `after`.

    A session that two tabs have renewed is there twice.
    """
    # Who takes no contacts (yet) has no agent's name.
    rows = cursor.execute(
        "SELECT sessions.rowid, chain, embedder,"
        f" coalesce(nullif({_AGENT}, ''), nullif(sessions.agent, ''), people.name, '?'),"
        " sessions.seen FROM sessions LEFT JOIN people ON people.id=sessions.person"
        " WHERE sessions.tenant=? AND kind='panel' AND expires>? AND replaced IS NULL"
        " AND sessions.rowid>? ORDER BY sessions.rowid LIMIT ?",
        (tenant, micros(now), after, most),
    )
    return [
        EmbeddedPanel(
            row=row,
            chain=bytes(chain),
            around=tuple(embedder.split()),
            agent=agent,
            seen=moment(seen),
        )
        for row, chain, embedder, agent, seen in rows
    ]


def agents(cursor: sqlite3.Cursor, chains: Collection[bytes]) -> dict[bytes, str | None]:
    """Read who these panel sessions are, by their chains; what was ended is missing.

    A session with a person is the agent that the person is now; None without the role for it.
    """
    marks = ",".join("?" * len(chains))
    rows = cursor.execute(
        f"SELECT sessions.chain, {_AGENT} FROM sessions"
        " LEFT JOIN people ON people.id=sessions.person"
        f" WHERE sessions.kind='panel' AND sessions.chain IN ({marks})",
        tuple(chains),
    )
    return {bytes(chain): agent for chain, agent in rows}


def touch(cursor: sqlite3.Cursor, seen: Iterable[bytes], now: datetime) -> None:
    """Note that sessions are in use, by their chains."""
    cursor.executemany(
        "UPDATE sessions SET seen=? WHERE chain=? AND seen<?",
        [(micros(now), chain, micros(now)) for chain in seen],
    )


def replace(
    cursor: sqlite3.Cursor, old: StoredSession, digest: bytes, now: datetime
) -> StoredSession:
    """Add a new bearer to a session; the old one stays good until the new one is used."""
    new = msgspec.structs.replace(
        old, digest=digest, chain_of=old.chain, issued_at=now, seen_at=now, replaced=None
    )
    add(cursor, new)
    return new


def confirm(cursor: sqlite3.Cursor, session: StoredSession, now: datetime) -> None:
    """Note that a bearer is in use: the older ones end in a moment.

    Two tabs that renew in the same minute have each its own; neither ends the other's.
    """
    cursor.execute(
        "UPDATE sessions SET replaced=? WHERE chain=? AND replaced IS NULL AND issued<?",
        (micros(now), session.chain, micros(session.issued - GRACE)),
    )


def end(cursor: sqlite3.Cursor, tenant: Tenant, chain: bytes) -> None:
    """Delete a session (sign-out)."""
    cursor.execute("DELETE FROM sessions WHERE chain=? AND tenant=?", (chain, tenant))


def end_of_key(cursor: sqlite3.Cursor, key: str) -> None:
    """Delete the sessions that began with a key that is now revoked."""
    cursor.execute("DELETE FROM sessions WHERE origin=?", (f"key {key}",))


def end_of_person(
    cursor: sqlite3.Cursor, tenant: Tenant, person: str, *, kind: Kind | None = None
) -> int:
    """Delete a person's sessions everywhere; gives how many bearers there were."""
    only = "" if kind is None else f" AND kind='{kind}'"
    cursor.execute(f"DELETE FROM sessions WHERE tenant=? AND person=?{only}", (tenant, person))
    return cursor.rowcount


def end_of_agent(cursor: sqlite3.Cursor, tenant: Tenant, agent: str) -> int:
    """Delete an agent's panel sessions, also those without a person; gives how many bearers."""
    cursor.execute(
        "DELETE FROM sessions WHERE tenant=? AND kind='panel' AND (agent=? OR person IN"
        " (SELECT id FROM people WHERE tenant=? AND agent=?))",
        (tenant, agent, tenant, agent),
    )
    return cursor.rowcount


def forget(cursor: sqlite3.Cursor, now: datetime) -> None:
    """Delete what is past its absolute limit, and bearers that newer ones have replaced."""
    cursor.execute(
        "DELETE FROM sessions WHERE expires<=? OR replaced<=?",
        (micros(now), micros(now - GRACE)),
    )


def _session(row: tuple[object, ...]) -> StoredSession:
    (digest, chain, tenant, kind, person, agent, embedder, origin, *times) = row
    created, issued, seen, expires = (moment(int(str(each))) for each in times[:4])
    return msgspec.convert(
        {
            "digest": digest,
            "chain_of": chain,
            "tenant": tenant,
            "kind": kind,
            "person": person,
            "agent": agent,
            "embedder": embedder,
            "origin": origin,
            "created": created,
            "issued_at": issued,
            "seen_at": seen,
            "expires": expires,
            "replaced": None if times[4] is None else moment(int(str(times[4]))),
        },
        StoredSession,
    )
