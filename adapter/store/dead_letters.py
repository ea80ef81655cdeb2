"""Keep the dead letters: requests to Dynamics that are not tried again by themselves.

An admin reads them page by page and has each tried again or dismissed, which the audit log keeps.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from adapter.errors import MalformedInput, Place
from adapter.steps import PlannedRequest, Steps, templates
from adapter.store import audits, journal, outbox
from adapter.store.outbox import DueRequest
from adapter.store.times import micros
from adapter.tenants import ContactKey, Tenant

PAGE = 50
LONGEST_PAGE = 500
ALL_AT_ONCE = 200
"""Dead letters in one transaction where all are meant: some ten milliseconds of the event loop."""

_CURSOR = re.compile(r"([0-9]{1,19})-([0-9]{1,18})")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a tenant's dead letters, the latest first."""

    letters: list[DueRequest]
    next: str | None
    """What to give as `after` for the page after this; None on the last."""
    total: int
    """Of the tenant."""


class _Entry(NamedTuple):
    """Whose, when and by whom: of an entry of the audit log."""

    tenant: Tenant
    now: datetime
    who: str


def page(
    cursor: sqlite3.Cursor, tenant: Tenant, *, limit: int = PAGE, after: str | None = None
) -> Page:
    """Read a page; letters that come in meanwhile neither repeat nor hide any on a later page.

    Raises:
        MalformedInput: `after` is no `next` of ours, or `limit` is out of range.
    """
    if not 0 < limit <= LONGEST_PAGE:
        text = f"from 1 to {LONGEST_PAGE}"
        raise MalformedInput(f"limit: {text}", [Place("limit", text)])
    source, values = outbox.DEAD, (tenant, *_after(after))
    if after is not None:
        source += " AND (finished, position) < (?, ?)"
    order = "ORDER BY finished DESC, position DESC LIMIT ?"
    found = outbox.read_from(cursor, f"{source} {order}", (*values, limit + 1))
    shown = found[:limit]
    return Page(
        letters=shown,
        next=_cursor_of(shown[-1]) if len(found) > limit else None,
        total=count(cursor, tenant),
    )


def count(cursor: sqlite3.Cursor, tenant: Tenant) -> int:
    """Count a tenant's dead letters."""
    (total,) = cursor.execute(f"SELECT count(*) FROM {outbox.DEAD}", (tenant,)).fetchone()
    return int(total)


def summary(each: DueRequest) -> dict[str, Any]:
    """Say of a dead letter what an admin is shown: no value of a contact."""
    return {
        "id": each.position,
        "contact": each.contact.id,
        "step": each.planned.step.number,
        "action": each.planned.action,
        "cause": each.cause,
        "attempts": each.attempts,
        "created": each.created,
        "finished": each.finished,
    }


def replay(
    cursor: sqlite3.Cursor,
    tenant: Tenant,
    position: int | None,
    now: datetime,
    *,
    who: str,
    steps: Steps,
    until: datetime | None = None,
) -> list[ContactKey]:
    """Let a dead letter (None: all of the tenant) be tried again; give each one's contact.

    All are too many for one transaction: it is to be called until it gives none, with one `until`
    (now), for what fails again meanwhile is not meant.

    With a letter go those of its contact that died for want of its response: a create that works
    at last is followed by the updates. What an admin has corrected in `steps` since is sent.
    """
    letters = _chosen(cursor, tenant, position, until or now)
    if position is not None:
        letters = [*letters, *_died_of(cursor, letters)]
    cursor.executemany(
        "UPDATE outbox SET state='waiting', attempts=0, created=?, due=?, finished=NULL"
        " WHERE position=?",
        [(micros(now), micros(now), each.position) for each in letters],
    )
    for each in letters:
        planned = _corrected(each.planned, steps)
        if planned != each.planned:
            outbox.replace(cursor, each.position, planned)
    told = "tried again by an administrator"
    _tell(cursor, letters, now, "step replayed", told)
    if letters:
        _audit(cursor, letters, position, _Entry(tenant, now, who), "replayed")
    return [each.contact for each in letters]


def dismiss(
    cursor: sqlite3.Cursor,
    tenant: Tenant,
    position: int | None,
    now: datetime,
    *,
    who: str,
    reason: str = "",
    until: datetime | None = None,
) -> list[ContactKey]:
    """Give up a dead letter (None: all of the tenant) for good; give each one's contact.

    All are given up as `replay` tries all again.
    """
    letters = _chosen(cursor, tenant, position, until or now)
    cursor.executemany(
        "UPDATE outbox SET dismissed=? WHERE position=?",
        [(micros(now), each.position) for each in letters],
    )
    told = f"given up by an administrator{f': {reason}' if reason else ''}"
    _tell(cursor, letters, now, "step dismissed", told)
    if letters:
        what = f"dismissed{f': {reason}' if reason else ''}"
        _audit(cursor, letters, position, _Entry(tenant, now, who), what)
    return [each.contact for each in letters]


def _corrected(planned: PlannedRequest, steps: Steps) -> PlannedRequest:
    """Give a request with its step's texts as they are now.

    Its account stays: there is the row that it is about. So does a step that does something else
    by now, or is gone.
    """
    old, new = planned.step, steps.request(planned.step.number)
    if new is None or (new.method, new.table.entity_set) != (old.method, old.table.entity_set):
        return planned
    step = msgspec.structs.replace(
        old, query_string=new.query_string, body=new.body, impersonate=new.impersonate
    )
    wanted = planned.represent or (planned.action == "send" and new.want_response)
    return msgspec.structs.replace(planned, step=step, represent=wanted)


def _chosen(
    cursor: sqlite3.Cursor, tenant: Tenant, position: int | None, until: datetime
) -> list[DueRequest]:
    if position is None:  # the first of all: a contact's have failed in their order
        source = f"{outbox.DEAD} AND finished<=? ORDER BY finished, position LIMIT ?"
        return outbox.read_from(cursor, source, (tenant, micros(until), ALL_AT_ONCE))
    return outbox.read(cursor, f"{outbox.IS_DEAD} AND position=?", (tenant, position))


def _died_of(cursor: sqlite3.Cursor, letters: list[DueRequest]) -> list[DueRequest]:
    found: list[DueRequest] = []
    for letter in letters:
        where = f"{outbox.IS_DEAD} AND contact=? ORDER BY position"
        others = outbox.read(cursor, where, letter.contact)
        found += dependents(letter, others)
    return found


def dependents(letter: DueRequest, others: Iterable[DueRequest]) -> list[DueRequest]:
    """Give those of a contact's other dead letters that need, directly or not, its response."""
    numbers = {letter.planned.step.number} if letter.planned.action == "send" else set[int]()
    rest = [each for each in others if each.position != letter.position]
    found: list[DueRequest] = []
    while True:
        more = [each for each in rest if each not in found and _needs(each, numbers)]
        if not more:
            return sorted(found, key=lambda each: each.position)
        found += more
        numbers |= {each.planned.step.number for each in more}


def _needs(each: DueRequest, numbers: set[int]) -> bool:
    return any(reference.step in numbers for reference in templates.references(each.planned.step))


def _cursor_of(each: DueRequest) -> str:
    assert each.finished is not None  # noqa: S101 - a dead letter has been given up some time
    return f"{micros(each.finished)}-{each.position}"


def _after(after: str | None) -> tuple[int, ...]:
    if after is None:
        return ()
    match = _CURSOR.fullmatch(after)
    if match is None:
        text = "not the next of a page"
        raise MalformedInput(f"after: {text}", [Place("after", text)])
    return int(match[1]), int(match[2])


def _tell(
    cursor: sqlite3.Cursor, letters: list[DueRequest], now: datetime, what: str, told: str
) -> None:
    journal.add_traces(
        cursor,
        [
            (*each.contact, now, what, f"step {each.planned.step.number}: {told}")
            for each in letters
        ],
    )


def _audit(
    cursor: sqlite3.Cursor, letters: list[DueRequest], position: int | None, at: _Entry, what: str
) -> None:
    which = f"{len(letters)} dead letters" if position is None else f"dead letter {position}"
    ids = msgspec.json.encode([each.position for each in letters]).decode()
    audits.add(cursor, at.tenant, at.now, who=at.who, what=f"{which} {what}", before=ids)
