"""Give each pop to one panel, hand it on when that panel dies, and keep what became of it.

The claim is committed before the panel is told, so that no crash makes a second panel open it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from adapter import messages
from adapter.batch import Batch
from adapter.hub import Hub, Panel, pop_data, pop_view
from adapter.messages import PopOutcome, PopView
from adapter.store import pops as stored
from adapter.store.database import Cursor
from adapter.store.pops import StoredPop
from adapter.tenants import Agent, Tenant

FINISHING = frozenset(("opened", "dismissed", "unknown"))
"""Outcomes after which nobody is offered the pop again; `blocked` and `failed` leave a card."""

WITHDRAWN = "withdrawn"
_GONE = frozenset((WITHDRAWN, stored.ERASED))

MOVED = "this id turned out to be another agent's"

FORGOTTEN = timedelta(hours=24)
"""Age at which a pop that nobody reported on is no longer offered (nor its contact shown)."""


@dataclass(frozen=True, slots=True)
class NewPop:
    """What was decided to be shown to an agent."""

    agent: Agent
    contact: str | None
    stage: str | None
    target: str
    url: str
    record: dict[str, str] | None
    reason: str
    stale_after: int
    since: datetime | None = None
    """When the agent began to wait for it; now, where it is None."""


class Settled(NamedTuple):
    """What a panel's report was about."""

    pop: StoredPop | None
    """None if the agent has no such pop."""
    is_news: bool


def make(batch: Batch, new: NewPop) -> str | None:
    """Store a pop, claim it for the best panel and announce it; None where it exists already."""
    best, sole = batch.hub.best_panel(new.agent)
    pop = StoredPop(
        id=secrets.token_hex(8),  # unique over all tenants
        tenant=new.agent.tenant,
        contact=new.contact,
        agent=new.agent.id,
        stage=new.stage,
        created=new.since or batch.now,
        stale_after=new.stale_after,
        target=new.target,
        url=new.url,
        record=new.record,
        reason=new.reason,
        sequence=batch.next_sequence(new.agent.tenant),
        attempt=1,
        owner=None if best is None else best.id,
        sole=sole,
    )
    if not stored.insert(batch.cursor, pop):
        return None
    batch.announce(pop, pop_data(pop, None, batch.now))
    return pop.id


def unfinished(cursor: Cursor, agent: Agent, now: datetime) -> list[StoredPop]:
    """Read the agent's pops that can still be opened, oldest first."""
    return stored.unfinished(cursor, agent, since=now - FORGOTTEN)


def attachable(
    hub: Hub,
    pops: list[StoredPop],
    agent: Agent,
    panel: Panel,
    *,
    after: int | None,
    expected: Collection[str],
) -> list[StoredPop]:
    """Choose which of the agent's pops nobody else will open than a panel that has just joined.

    A pop without an owner, and a pop whose owner has gone: unless it is that owner itself, come
    back (`after`) with what it had seen, or that owner is `expected` back any moment.
    """
    others = _others(hub, agent, panel)
    return [
        pop
        for pop in pops
        if pop.owner is None
        or not (
            pop.owner in others
            or (pop.owner in expected and pop.owner != panel.id)
            or _is_owner(pop, panel, after)
        )
    ]


def attach(
    batch: Batch,
    agent: Agent,
    panel: Panel,
    *,
    after: int | None,
    among: Collection[str],
    expected: Collection[str] = (),
) -> None:
    """Claim for a panel that has just joined what is `attachable`, `among` the pops it found.

    A pop without an owner is its to open; another becomes its card. What was made since it joined
    is its own already, if it is to be.
    """
    sole = not _others(batch.hub, agent, panel)
    pops = [pop for pop in unfinished(batch.cursor, agent, batch.now) if pop.id in among]
    for pop in attachable(batch.hub, pops, agent, panel, after=after, expected=expected):
        if pop.owner is None and (after is None or after < pop.sequence):
            stored.claim(
                batch.cursor, pop.id, owner=panel.id, sole=sole, attempt=1, sequence=pop.sequence
            )
        else:
            _hand_over(batch, pop, panel, sole=sole)


def release(batch: Batch, agent: Agent, panel: str) -> None:
    """Hand the pops of a panel that is gone to another one, if there is one."""
    if batch.hub.has_panel(agent, panel):
        return  # it came back in time
    for pop in unfinished(batch.cursor, agent, batch.now):
        if pop.owner == panel:
            best, sole = batch.hub.best_panel(agent)
            if best is not None:
                _hand_over(batch, pop, best, sole=sole)


def settle(batch: Batch, agent: Agent, report: PopOutcome) -> Settled:
    """Keep a panel's report, if it says anything new."""
    pop = stored.get(batch.cursor, agent.tenant, report.pop)
    if pop is None or pop.agent != agent.id:
        return Settled(None, is_news=False)
    if pop.outcome in _GONE | {report.outcome}:
        return Settled(pop, is_news=False)
    if pop.finished is not None and report.outcome != "opened":
        return Settled(pop, is_news=False)  # opened stays opened, whatever another panel says later
    finished = batch.now if report.outcome in FINISHING else None
    stored.settle(batch.cursor, pop.id, report.outcome, finished)
    detail = " ".join(part for part in (report.rung, report.detail) if part)
    text = f"pop {pop.id} {report.outcome}" + (f": {detail}" if detail else "")
    batch.trace(agent.tenant, pop.contact, report.outcome, text)
    return Settled(pop, is_news=True)


def withdraw(batch: Batch, tenant: Tenant, contact: str, agent: str, reason: str) -> None:
    """Take a contact's unfinished pops from an agent who no longer has it."""
    for pop in stored.unfinished_of_contact(batch.tables, tenant, contact):
        if pop.agent == agent:
            stored.settle(batch.cursor, pop.id, WITHDRAWN, batch.now)
            data = {"pop": pop.id, "contact": contact, "agent": agent, "reason": reason}
            batch.say(tenant, messages.POP_WITHDRAWN, data, agents=(agent,), subject=contact)
            batch.trace(tenant, contact, WITHDRAWN, f"pop {pop.id}: {reason}")


def withdraw_orphans(batch: Batch, tenant: Tenant, reason: str) -> None:
    """Take from the panels the open pops whose contacts another process has erased."""
    for pop in stored.orphaned(batch.cursor, tenant):
        data = {"pop": pop.id, "contact": None, "agent": pop.agent, "reason": reason}
        batch.say(tenant, messages.POP_WITHDRAWN, data, agents=(pop.agent,))
        stored.delete(batch.cursor, pop.id)


def move(batch: Batch, source: Agent, target: Agent) -> None:
    """Give the unfinished pops of an unmapped id to the agent behind it."""
    for pop in unfinished(batch.cursor, source, batch.now):
        data = {"pop": pop.id, "contact": pop.contact, "agent": source.id, "reason": MOVED}
        batch.say(
            source.tenant,
            messages.POP_WITHDRAWN,
            data,
            agents=(source.id,),
            subject=pop.contact,
        )
        if not stored.move(batch.cursor, pop.id, target.id):
            stored.settle(batch.cursor, pop.id, WITHDRAWN, batch.now)
            continue
        moved = msgspec.structs.replace(pop, agent=target.id)
        best, sole = batch.hub.best_panel(target)
        if pop.owner is not None:
            if best is not None:
                _hand_over(batch, moved, best, sole=sole)
            continue
        first = msgspec.structs.replace(
            moved,
            owner=None if best is None else best.id,
            sole=sole,
            sequence=batch.next_sequence(target.tenant),
        )
        _store_claim(batch, first)


def views(pops: list[StoredPop], panel: Panel | None, now: datetime) -> list[PopView]:
    """Give pops as a snapshot shows them to a panel."""
    return [pop_view(pop, None if panel is None else panel.id, now) for pop in pops]


def _others(hub: Hub, agent: Agent, panel: Panel) -> set[str]:
    """Give the ids of the agent's other panels that are connected."""
    panels = (feed.panel for feed in hub.panels(agent))
    return {each.id for each in panels if each is not None and each is not panel}


def _is_owner(pop: StoredPop, panel: Panel, after: int | None) -> bool:
    # A client without an id of its own is taken for the owner only where there was no other.
    return pop.owner == panel.id and after is not None and (pop.sole or not panel.anonymous)


def _hand_over(batch: Batch, pop: StoredPop, panel: Panel, *, sole: bool) -> None:
    _store_claim(
        batch,
        msgspec.structs.replace(
            pop,
            owner=panel.id,
            sole=sole,
            attempt=pop.attempt + 1,
            sequence=batch.next_sequence(pop.tenant),
        ),
    )


def _store_claim(batch: Batch, pop: StoredPop) -> None:
    stored.claim(
        batch.cursor,
        pop.id,
        owner=pop.owner,
        sole=pop.sole,
        attempt=pop.attempt,
        sequence=pop.sequence,
    )
    batch.announce(pop, pop_data(pop, None, batch.now))
