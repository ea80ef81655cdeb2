"""Say what happens to one event: stored once, the contact advanced, the feed told, a pop decided.

All of it is one transaction (`Committer`), so that what was acknowledged is whole, and what was
not leaves no trace. Deciding is left to plain functions: `contacts.advance`, `pops.decide`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
import structlog

from adapter import contacts, lifecycle, messages, pop_claims, pops
from adapter.batch import Batch
from adapter.contacts import Contact
from adapter.events import AgentSeen, ContactEvent, Decoded, Entry, Rejected, Stage
from adapter.metrics import Metrics
from adapter.registry import TenantSettings
from adapter.store import journal, pops as stored_pops
from adapter.store.journal import AcceptedEvent
from adapter.tenants import Agent, ContactKey, Tenant, agent

log = structlog.get_logger()

POP_STAGES = (Stage.OFFERED, Stage.MADE, Stage.ANSWERED)
"""Stages at which an agent begins to have a contact: a policy chooses among them."""


class Receipt(msgspec.Struct, frozen=True):
    """The answer to a source (design 5.3): what became of each event of the request."""

    accepted: int
    duplicates: int
    ignored: int
    rejected: tuple[Rejected, ...]


def accept(batch: Batch, tenant: Tenant, decoded: Decoded, received: datetime) -> Receipt:
    """Take the decoded events of one request; the job of every ingest route."""
    accepted = sum(_take(batch, tenant, entry, received) for entry in decoded.entries)
    return Receipt(accepted, len(decoded.entries) - accepted, decoded.ignored, decoded.rejected)


def count(metrics: Metrics, receipt: Receipt) -> None:
    """Count a receipt for the operator."""
    for result, number in (
        ("accepted", receipt.accepted),
        ("duplicate", receipt.duplicates),
        ("ignored", receipt.ignored),
        ("rejected", len(receipt.rejected)),
    ):
        if number:
            metrics.events.labels(result).inc(number)


def _take(batch: Batch, tenant: Tenant, entry: Entry, received: datetime) -> bool:
    """Take one event; False where all that it says was known (a duplicate)."""
    new = False
    for fact in entry.facts:
        if batch.knows(tenant, fact):
            continue
        new = True
        matched = failure = None
        try:
            if isinstance(fact, AgentSeen):
                learn(batch, tenant, fact.source_id, fact.agent)
            else:
                matched = _advance(batch, batch.registry[tenant], fact)
        except (ValueError, TypeError, LookupError) as error:
            # A fault of ours must not make the source send the same event for a day: the event is
            # kept, with the failure on its trace, and the rest of the batch goes on.
            log.exception("event kept but not handled", source=fact.source)
            failure = repr(error)
        batch.put_event(AcceptedEvent(tenant, fact, received, matched, failure))
    return new


def _advance(batch: Batch, tenant: TenantSettings, event: ContactEvent) -> str | None:
    """Advance the contact and tell the feed; give why it popped or not, where that was asked."""
    key = ContactKey(tenant.tenant, event.contact)
    old = batch.contact(key)
    new = contacts.advance(old, event)
    before = _agent_id(batch, key, old)
    now = _agent_id(batch, key, new)
    named = batch.agent(key.tenant, event.agent).id if event.agent else None
    batch.put_contact(key, new, now)
    if event.links:
        journal.add_links(batch.cursor, tenant.tenant, event.contact, new.links)
    view = contacts.view(new, agent=now)
    data = {**view, "event": {"source": event.source, "id": event.id}}
    batch.say(
        tenant.tenant,
        messages.UPDATED if event.stage is None else messages.CONTACT_PREFIX + event.stage.value,
        data,
        agents=_audience(now, before, named),
        subject=event.contact,
    )
    if tenant.steps.steps:
        lifecycle.plan(batch, tenant, event.stage, key, view)
    if before is not None and before != now:
        reason = "the contact went to another agent" if now else "the contact left the agent"
        pop_claims.withdraw(batch, tenant.tenant, event.contact, before, reason)
    if now is None or named not in (None, now):
        return None
    return _pop(batch, tenant, event, new, Agent(tenant.tenant, now))


def _pop(
    batch: Batch, tenant: TenantSettings, event: ContactEvent, contact: Contact, who: Agent
) -> str | None:
    """Decide for each stage that this event shows the agent to have reached."""
    reasons = [
        _pop_at(stage, batch, tenant, contact, who)
        for stage in POP_STAGES
        if stage is event.stage or stage in event.witnessed
    ]
    return "; ".join(reasons) or None


def _pop_at(
    stage: Stage, batch: Batch, tenant: TenantSettings, contact: Contact, who: Agent
) -> str:
    if lifecycle.pop_step(tenant) is not None:
        return lifecycle.pop(batch, tenant, stage, contact, who)
    policy = tenant.policy
    decision = pops.decide(
        policy,
        stage,
        who.id,
        channel=contact.channel,
        direction=contact.direction,
        attributes={name: value for name, (_, value) in contact.attributes.items()},
        ended=contact.ended,
        popped=() if policy is None else stored_pops.stages(batch.cursor, who, contact.id),
    )
    reason = f"{stage.value} at {who.id}: {decision.reason}"
    if decision.kind == "none" or decision.url is None or policy is None:
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


def learn(batch: Batch, tenant: Tenant, source_id: str, agent_id: str) -> None:
    """Take from a source which agent stands behind one of its ids; an admin's alias stays."""
    source, target = agent(tenant, source_id), agent(tenant, agent_id)
    known = batch.registry[tenant].aliases.get(source.id)
    if known is not None or source == target:
        return
    journal.add_alias(batch.cursor, tenant, source.id, target.id, batch.now)
    batch.learnt[source] = target
    merge(batch, source, target)


def merge(batch: Batch, source: Agent, target: Agent) -> None:
    """Give an agent what is open at an id that turned out to be theirs."""
    for key, state in batch.open_contacts(source):
        batch.put_contact(key, state, target.id)
        batch.say(
            key.tenant,
            messages.UPDATED,
            contacts.view(state, agent=target.id),
            agents=(target.id,),
            subject=key.id,
        )
    pop_claims.move(batch, source, target)
    batch.renamed.append(source)


def _agent_id(batch: Batch, key: ContactKey, contact: Contact | None) -> str | None:
    if contact is None or contact.agent is None:
        return None
    return batch.agent(key.tenant, contact.agent).id


def _audience(*agents: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_present(agents)))


def _present(agents: Iterable[str | None]) -> Iterable[str]:
    return (each for each in agents if each is not None)
