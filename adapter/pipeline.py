"""Say what happens to one event: stored once, the contact advanced, the feed told, a pop decided.

An event is atomic: all that follows from it is in one transaction (`Committer`), so nobody sees a
part of it, and a refused event leaves no trace. There is one exception: if a fault of ours comes up
midway, the contact stays advanced, with its message, because a card without its pop is better than
no card, and the story says what happened. A request is not atomic: a large one is taken in several
commits, and acknowledged after the last (`parts`). Decisions are left to plain functions:
`contacts.advance`, `pops.decide`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import structlog

from adapter import contacts, lifecycle, messages, pop_claims, pops
from adapter.batch import Batch
from adapter.contacts import Contact
from adapter.errors import FAULTS
from adapter.events import CONTACT_PREFIX, ContactEvent, Decoded, Entry, Rejected, Stage
from adapter.metrics import Metrics
from adapter.registry import TenantSettings
from adapter.store import journal, pops as stored_pops, settings as stored_settings
from adapter.tenants import Agent, ContactKey, Tenant, agent

log = structlog.get_logger()

POP_STAGES = (Stage.OFFERED, Stage.MADE, Stage.ANSWERED)
"""Stages at which an agent begins to have a contact: a policy chooses among them."""

KINDS: dict[Stage | None, str] = {
    None: messages.UPDATED,
    **{stage: CONTACT_PREFIX + stage.value for stage in Stage},
}
"""The type of the message that tells of an event's stage."""

_NAMES = {stage: stage.value for stage in Stage}
"""An enumeration's `.value` costs a call."""


class Receipt(msgspec.Struct, frozen=True):
    """The answer to a source (design 5.3): what became of each event of the request."""

    accepted: int
    duplicates: int
    ignored: int
    rejected: tuple[Rejected, ...]


ONE = Receipt(1, 0, 0, ())
"""Nearly every receipt: one event, new."""


def accept(batch: Batch, tenant: Tenant, decoded: Decoded, received: datetime) -> Receipt:
    """Take the decoded events of one request, or of a part; the job of every ingest route."""
    accepted = 0
    for entry in decoded.entries:
        accepted += _accept_entry(batch, tenant, entry, received)
    count = len(decoded.entries)
    if accepted == count == 1 and not (decoded.ignored or decoded.rejected):
        return ONE
    return Receipt(accepted, count - accepted, decoded.ignored, decoded.rejected)


def count(metrics: Metrics, receipt: Receipt) -> None:
    """Count a receipt for the operator."""
    metrics.events["accepted"].count += receipt.accepted
    metrics.events["duplicate"].count += receipt.duplicates
    metrics.events["ignored"].count += receipt.ignored
    metrics.events["rejected"].count += len(receipt.rejected)


def _accept_entry(batch: Batch, tenant: Tenant, entry: Entry, received: datetime) -> bool:
    """Take one event; give False if everything in it was known (a duplicate)."""
    new = False
    for fact in entry.facts:
        key = batch.new_event_key(tenant, fact)
        if key is None:
            continue
        new = True
        if not isinstance(fact, ContactEvent):
            batch.keep_event(tenant, fact, key, received, None)
            learn_alias(batch, tenant, fact.source_id, fact.agent)
            continue
        try:
            _advance_contact(batch, batch.registry[tenant], fact, key, received)
        except FAULTS as error:
            # A fault of ours must not make the source send the same event for a day: the event is
            # kept, with the failure on its trace, and the rest of the batch goes on.
            log.exception("event kept but not handled", source=fact.source)
            batch.keep_event(tenant, fact, key, received, repr(error))
    return new


def _advance_contact(
    batch: Batch, tenant: TenantSettings, event: ContactEvent, event_key: int, received: datetime
) -> None:
    """Advance the contact, tell the feed, plan steps, and decide whether it pops."""
    key = ContactKey(tenant.tenant, event.contact)
    known = batch.known(key)
    old, former_holder = (None, None) if known is None else (known[0], known[1].agent)
    new = contacts.advance(old, event)
    holder, named_agent = _agents_of(batch, tenant, event, new)
    told = contacts.view(new, agent=holder)
    told["event"] = {"source": event.source, "id": event.id}
    staged = batch.put_contact(
        key,
        known,
        new,
        holder,
        kind=KINDS[event.stage],
        data=told,
        audience=_audience(holder, former_holder, named_agent),
    )
    if event.links and not journal.has_links(batch.tables, key, new.links):
        journal.add_links(batch.cursor, tenant.tenant, event.contact, new.links)
    if tenant.steps.steps:
        lifecycle.plan(batch, tenant, event.stage, key, told, before=old)
    if former_holder is not None and former_holder != holder:
        reason = "the contact went to another agent" if holder else "the contact left the agent"
        pop_claims.withdraw(batch, tenant.tenant, event.contact, former_holder, reason)
    matched = None
    has_come = event.stage in POP_STAGES or event.witnessed
    if holder is not None and named_agent == holder and has_come:
        matched = _decide_pops(batch, tenant, event, new, holder)
    batch.put_event(staged, event, event_key, received, matched)


def _agents_of(
    batch: Batch, tenant: TenantSettings, event: ContactEvent, contact: Contact
) -> tuple[str | None, str | None]:
    """Give the ids of the agent who has the contact after an event, and of the one it names.

    Sources have names of their own for agents. An event that names nobody is about the holder.
    """
    holder_at_source = contact.agent
    holder = batch.agent_id(tenant, holder_at_source) if holder_at_source else None
    if event.agent is None or event.agent == holder_at_source:
        return holder, holder
    return holder, batch.agent_id(tenant, event.agent)


def _decide_pops(
    batch: Batch, tenant: TenantSettings, event: ContactEvent, contact: Contact, agent_id: str
) -> str | None:
    """Decide for each stage that this event shows the agent to have reached."""
    reasons = []
    for stage in POP_STAGES:  # a comprehension would box all that it captures
        if stage is event.stage or stage in event.witnessed:
            reasons.append(_pop_at_stage(stage, batch, tenant, contact, agent_id))  # noqa: PERF401
    return "; ".join(reasons) or None


def _pop_at_stage(
    stage: Stage, batch: Batch, tenant: TenantSettings, contact: Contact, agent_id: str
) -> str:
    if tenant.steps.pop is not None:  # it replaces the policy
        return lifecycle.pop(batch, tenant, stage, contact, Agent(tenant.tenant, agent_id))
    policy = tenant.policy
    if policy is None:
        return f"{_NAMES[stage]} at {agent_id}: {pops.NO_POLICY}"
    who = Agent(tenant.tenant, agent_id)
    decision = pops.decide(
        policy,
        stage,
        who.id,
        channel=contact.channel,
        direction=contact.direction,
        attributes=contact.attributes,
        ended=contact.ended,
        popped=stored_pops.stages(batch.tables, who, contact.id),
    )
    reason = f"{_NAMES[stage]} at {who.id}: {decision.reason}"
    if decision.kind == "none" or decision.url is None:
        return reason
    made = pop_claims.make(
        batch,
        pop_claims.NewPop(
            agent=who,
            contact=contact.id,
            stage=stage.value,
            target=policy.target,
            url=decision.url,
            record={"table": decision.table or "", "id": decision.record_id or ""},
            reason=decision.reason,
            stale_after=policy.stale_after,
        ),
    )
    return f"{reason} (pop {made})" if made else f"{reason} (popped before)"


def learn_alias(batch: Batch, tenant: Tenant, source_id: str, agent_id: str) -> None:
    """Learn from a source which agent one of its ids stands for; an admin's alias stays."""
    source, target = agent(tenant, source_id), agent(tenant, agent_id)
    known = batch.registry[tenant].aliases.get(source.id)
    if known is not None or source == target:
        return
    stored_settings.learn_alias(batch.cursor, tenant, source.id, target.id, batch.now)
    batch.learnt[source] = target
    merge(batch, source, target)


def merge(batch: Batch, source: Agent, target: Agent) -> None:
    """Give an agent the open contacts of an id that turned out to be theirs."""
    for key, known in batch.open_contacts(source):
        view = contacts.view(known[0], agent=target.id)
        batch.put_contact(
            key,
            known,
            known[0],
            target.id,
            kind=messages.UPDATED,
            data=view,
            audience=(target.id,),
        )
    pop_claims.move(batch, source, target)
    batch.renamed.append(source)


def _audience(
    holder: str | None, former_holder: str | None, named_agent: str | None
) -> tuple[str, ...]:
    """Name the agents to tell: who has the contact, who had it, and whom the event names."""
    if holder is not None and holder == named_agent and former_holder in (None, holder):
        return (holder,)
    everybody = (holder, former_holder, named_agent)
    return tuple(dict.fromkeys(each for each in everybody if each is not None))
