"""Find events, contacts and agents in the journal: by the index, and by the tail that it lacks."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import NamedTuple

from adapter.events import Fact
from adapter.store.journal import tail
from adapter.store.journal.rows import (
    SEQUENCE_BITS,
    Brief,
    Identity,
    position_of,
    sequence_of,
    unpack_brief,
    unpack_links,
)
from adapter.store.journal.tail import Mark, Newest, Tail
from adapter.tenants import Agent, AgentKey, ContactKey, Tenant

KEY_BITS = 63
"""Bits of an event's key; keys are spread evenly."""

_KEY_MASK = (1 << KEY_BITS) - 1
_EMPTY = hashlib.blake2b(digest_size=8)
"""Copied for each event, which takes two thirds of the time of making one."""


def mark(cursor: sqlite3.Cursor, tenant: Tenant) -> Mark | None:
    """Give a tenant's number and how far its index is written; None if it has no row at all."""
    known = loaded(cursor)
    found = known.marks.get(tenant)
    if found is None:
        row = cursor.execute(
            "SELECT number, sequence, silent FROM journal_marks WHERE tenant=?", (tenant,)
        ).fetchone()
        if row is None:
            return None
        found = known.marks[tenant] = Mark(*row)
    return found


def number_for_writing(cursor: sqlite3.Cursor, tenant: Tenant) -> int:
    """Give a tenant's number; a new one if it has none."""
    found = mark(cursor, tenant)
    if found is None:
        cursor.execute(
            "INSERT INTO journal_marks (tenant, number, sequence, silent)"
            " SELECT ?, coalesce(max(number), 0) + 1, 0, 0 FROM journal_marks",
            (tenant,),
        )
        found = mark(cursor, tenant)
        assert found is not None  # noqa: S101 - just written
    return found.number


def sequences(cursor: sqlite3.Cursor, tenant: Tenant) -> tuple[int, int]:
    """Give the first kept and the last sequence of a tenant; (1, 0) if there is none."""
    found = mark(cursor, tenant)
    if found is None:
        return 1, 0
    end = position_of(found.number + 1, 0)
    # Two subqueries: SQLite answers min or max alone from the index, but both in one by a full
    # scan.
    first, last = cursor.execute(
        "SELECT (SELECT min(position) FROM journal WHERE position>?1 AND position<?2),"
        " (SELECT max(position) FROM journal WHERE position>?1 AND position<?2)",
        (position_of(found.number, 0), end),
    ).fetchone()
    waits = tail.of(cursor).backlog.ends(position_of(found.number, 0), end)
    if waits is not None:
        first, last = first or waits[0], max(last or 0, waits[1])
    return (1, 0) if last is None else (sequence_of(first), sequence_of(last))


def last_silent(cursor: sqlite3.Cursor, tenant: Tenant) -> int:
    """Give the number of a tenant's last row without a message; 0 if there is none."""
    found = mark(cursor, tenant)
    if found is None:
        return 0
    (last,) = cursor.execute(
        "SELECT min(position) FROM journal WHERE position<? AND position>?",
        (-position_of(found.number, 0), -position_of(found.number + 1, 0)),
    ).fetchone()
    return 0 if last is None else sequence_of(-last)


def event_key(tenant: Tenant, source: str, event: str) -> int:
    """Give the first key under which an event of this identity is looked for: 63 bits of a hash."""
    hashed = _EMPTY.copy()
    hashed.update(f"{tenant}\0{source}\0{event}".encode())
    return int.from_bytes(hashed.digest(), "big") & _KEY_MASK


def next_key(key: int) -> int:
    """Give the key to try next if another event has this one (linear probing)."""
    return (key + 1) & _KEY_MASK


def find_event(
    cursor: sqlite3.Cursor, tenant: Tenant, fact: Fact | Identity, key: int | None = None
) -> tuple[int, bool]:
    """Look an event up by its identity (source, id).

    Gives its key and True; or, if it is new, a free key and False.
    """
    known = loaded(cursor)
    if key is None:
        key = event_key(tenant, fact.source, fact.id)
    while True:
        position = known.events.get(key)
        if position is None:
            row = cursor.execute("SELECT position FROM event_keys WHERE key=?", (key,)).fetchone()
            if row is None:
                return key, False
            (position,) = row
        if _is_event(cursor, position, tenant, fact):
            return key, True
        key = next_key(key)


def is_taken(cursor: sqlite3.Cursor, key: int) -> bool:
    """Whether the index has an event under a key (what it lacks is in `Tail.events`)."""
    row = cursor.execute("SELECT 1 FROM event_keys WHERE key=?", (key,)).fetchone()
    return row is not None


def has_contact(cursor: sqlite3.Cursor, key: ContactKey) -> bool:
    """Whether anything was ever reported of a contact."""
    known = tail.of(cursor)
    if key not in known.contacts and not known.seen.contacts.may_hold(hash(key)):
        return False
    return newest(cursor, key) is not None


def _is_event(cursor: sqlite3.Cursor, position: int, tenant: Tenant, fact: Fact | Identity) -> bool:
    row = cursor.execute("SELECT report FROM journal WHERE position=?", (position,)).fetchone()
    waits = tail.of(cursor).backlog.report(position) if row is None else None
    packed = waits[1] if waits is not None else row and row[0]
    if packed is None:
        return True  # it was erased, and must not come back
    report = unpack_brief(packed)
    kept = report.fact or report.seen
    found = mark(cursor, tenant)
    here = found is not None and abs(position) >> SEQUENCE_BITS == found.number
    return here and kept is not None and (kept.source, kept.id) == (fact.source, fact.id)


def newest(cursor: sqlite3.Cursor, key: ContactKey) -> Newest | None:
    """Give a contact's newest row; None if nothing was ever reported of it."""
    found = loaded(cursor).contacts.get(key)
    if found is not None:
        return found
    row = cursor.execute(
        "SELECT position, depth, agent, ended, updated FROM contact_heads"
        " WHERE tenant=? AND contact=?",
        key,
    ).fetchone()
    return None if row is None else Newest(row[0], row[1], row[2], bool(row[3]), row[4])


def last_to(cursor: sqlite3.Cursor, agent: AgentKey) -> int:
    """Give the last sequence that went to an agent; 0 if none did."""
    known = loaded(cursor)
    found = known.known_agents.get(agent)
    if found is None:  # 0 is known as well: that is `EVERYONE`, if nothing went to all
        found = known.agents.get(agent)
    if found is None:
        row = cursor.execute(
            "SELECT sequence FROM agent_heads WHERE tenant=? AND agent=?", agent
        ).fetchone()
        found = 0 if row is None else int(row[0])
        if known.is_writer:
            known.known_agents[agent] = found
    return found


def loaded(cursor: sqlite3.Cursor) -> Tail:
    """Give the tail, after reading it from the journal if need be.

    The writer reads it once; another process reads it again whenever the journal may have grown,
    except during such a read, which calls this function itself.
    """
    known = tail.of(cursor)
    if not known.is_writer and not known.is_loading:
        (version,) = cursor.connection.execute("PRAGMA data_version").fetchone()
        if version != known.version:
            known.forget_all()
            known.version = version
    if not known.is_loaded:
        known.is_loaded = known.is_loading = True
        try:
            _load(cursor, known)
        except BaseException:
            known.forget_all()  # or a part of it would pass for the whole
            raise
        finally:
            known.is_loading = False
    return known


def _load(cursor: sqlite3.Cursor, known: Tail) -> None:
    for tenant, *numbers in cursor.execute(
        "SELECT tenant, number, sequence, silent FROM journal_marks"
    ).fetchall():
        known.marks[Tenant(tenant)] = behind = Mark(*numbers)
        end = position_of(behind.number + 1, 0)
        rows = cursor.execute(
            "SELECT position, time, subject, links, report FROM journal WHERE"
            " position>? AND position<? OR position<? AND position>? ORDER BY abs(position)",
            (
                position_of(behind.number, behind.sequence),
                end,
                -position_of(behind.number, behind.silent),
                -end,
            ),
        )
        # Each is cut down as it is read: after a flood there are many, with all that the events
        # say.
        ends = [
            _End(position, time, subject, links, None if report is None else unpack_brief(report))
            for position, time, subject, links, report in rows
        ]
        ends += _backlog_of(known, behind.number, {row.position for row in ends})
        # Rows with and without a message are numbered separately, so their order does not tell
        # which row of a contact is the newest: it is the one that no other row names as its
        # previous one.
        followed = {row.report.previous for row in ends if row.report is not None}
        for row in ends:
            _take_up(cursor, known, Tenant(tenant), row, is_last=row.position not in followed)


def _backlog_of(known: Tail, number: int, found: set[int]) -> list[_End]:
    """Give a tenant's rows that even the database lacks; none is older than those it has.

    In a transaction that writes them they are found in both.
    """
    least, end = position_of(number, 0), position_of(number + 1, 0)
    backlog = known.backlog
    silent = reversed(backlog.between(-end, -least))
    ends = []
    for position in (*backlog.between(least, end), *silent):
        row = backlog.row(position)
        if row is not None and position not in found:
            _, time, _, subject, links, _, _, report, _ = row
            brief = None if report is None else unpack_brief(report)
            ends.append(_End(position, time, subject, links, brief))
    return ends


class _End(NamedTuple):
    """A row that the index lacks."""

    position: int
    time: int
    subject: str | None
    links: bytes
    report: Brief | None


def _take_up(
    cursor: sqlite3.Cursor, known: Tail, tenant: Tenant, row: _End, *, is_last: bool
) -> None:
    """Note what the index lacks of a row that was committed before a crash."""
    position, report = row.position, row.report
    sequence = sequence_of(abs(position))
    for name, _before in unpack_links(row.links):
        known.put_agent(Agent(tenant, name), sequence)
    if report is not None:
        event = report.fact or report.seen
        if event is not None:
            known.events[find_event(cursor, tenant, event)[0]] = position
        if row.subject is not None and report.seen is None and is_last:
            last = Newest(position, report.depth, report.agent, report.ended, row.time)
            known.put_contact(ContactKey(tenant, row.subject), last)
    count(known, tenant, position)


def count(known: Tail, tenant: Tenant, position: int) -> None:
    """Count one more row that the index lacks, of a tenant whose mark is known."""
    known.rows += 1
    last, silent = known.ends.get(tenant) or known.marks[tenant][1:]
    if position > 0:
        known.ends[tenant] = (sequence_of(position), silent)
    else:
        known.ends[tenant] = (last, sequence_of(-position))
