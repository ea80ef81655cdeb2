"""Stage what one transaction writes; nothing of it is seen before it is committed."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from adapter import messages
from adapter.contacts import Contact
from adapter.events import Fact
from adapter.hub import Hub, Outgoing
from adapter.messages import Message
from adapter.registry import Registry
from adapter.step_queue import StepQueue
from adapter.store import journal
from adapter.store.database import Cursor
from adapter.store.journal import AcceptedEvent, TraceLine
from adapter.store.pops import StoredPop
from adapter.tenants import Agent, ContactKey, Tenant


class Batch:
    """One transaction in the making.

    Jobs of one batch see each other's changes; the world sees them after the commit.
    """

    def __init__(
        self,
        cursor: Cursor,
        *,
        now: datetime,
        registry: Registry,
        hub: Hub,
        queue: StepQueue,
        cached: dict[ContactKey, Contact],
        last_sequences: dict[Tenant, int],
    ) -> None:
        self.cursor = cursor
        self.now = now
        self.registry = registry
        self.hub = hub
        self._cached = cached
        self._last = dict(last_sequences)
        self.contacts: dict[ContactKey, tuple[Contact, str | None]] = {}
        self.outgoing: list[Outgoing] = []
        self.learnt: dict[Agent, Agent] = {}
        self.queue = queue
        self.due: list[ContactKey] = []
        """Contacts that have something due in Dynamics from this commit on."""
        self.renamed: list[Agent] = []
        """Ids that stand for another agent from this commit on."""
        self._events: dict[tuple[Tenant, str, str], AcceptedEvent] = {}
        self._traces: list[TraceLine] = []

    def knows(self, tenant: Tenant, fact: Fact) -> bool:
        """Whether a fact of this identity was accepted before, in this batch too."""
        return (tenant, fact.source, fact.id) in self._events or journal.knows_event(
            self.cursor, tenant, fact.source, fact.id
        )

    def put_event(self, event: AcceptedEvent) -> None:
        """Stage an event that is not known yet."""
        self._events[event.tenant, event.fact.source, event.fact.id] = event

    def trace(self, tenant: Tenant, contact: str | None, what: str, detail: str) -> None:
        """Stage a line of a contact's story."""
        self._traces.append((tenant, contact, self.now, what, detail))

    def agent(self, tenant: Tenant, source_id: str) -> Agent:
        """Give the agent behind an id of a source, aliases of this very batch included."""
        known = self.registry[tenant].agent(source_id)
        return self.learnt.get(known, known)

    def later(self, seconds: float) -> datetime:
        """Give a time from now on."""
        return self.now + timedelta(seconds=seconds)

    def contact(self, key: ContactKey) -> Contact | None:
        """Read a contact: as staged here, as remembered, or from the database."""
        staged = self.contacts.get(key)
        if staged is not None:
            return staged[0]
        return self._cached.get(key) or journal.contact(self.cursor, key)

    def open_contacts(self, agent: Agent) -> list[tuple[ContactKey, Contact]]:
        """Read what is open at an agent, as it is after the jobs before this one."""
        keys = dict.fromkeys(journal.agents_contacts(self.cursor, agent))
        keys.update((key, None) for key, (_, who) in self.contacts.items() if who == agent.id)
        found: list[tuple[ContactKey, Contact]] = []
        for key in keys:
            staged = self.contacts.get(key)
            state = self.contact(key)
            moved = staged is not None and staged[1] != agent.id
            if key.tenant == agent.tenant and state is not None and not moved and not state.ended:
                found.append((key, state))
        return found

    def put_contact(self, key: ContactKey, state: Contact, agent: str | None) -> None:
        """Stage a contact's new state with the tenant's id of its agent."""
        self.contacts[key] = (state, agent)

    def say(
        self,
        tenant: Tenant,
        type_: str,
        data: Any,
        *,
        agents: tuple[str, ...],
        subject: str | None = None,
    ) -> int:
        """Stage a message and give its sequence."""
        return self._append(tenant, type_, messages.json(data), agents=agents, subject=subject)

    def next_sequence(self, tenant: Tenant) -> int:
        """Give the sequence that the next message of a tenant will have."""
        if tenant not in self._last:
            self._last[tenant] = journal.sequences(self.cursor, tenant)[1]
        return self._last[tenant] + 1

    def announce(self, pop: StoredPop, data: bytes) -> None:
        """Stage the message of a pop, whose `sequence` must be `next_sequence`."""
        self._append(
            pop.tenant, messages.POP, data, agents=(pop.agent,), subject=pop.contact, pop=pop
        )

    def finish(self) -> dict[Tenant, int]:
        """Write what was staged and give each tenant's last sequence."""
        if self._events:
            journal.add_events(self.cursor, list(self._events.values()), self.now)
        if self._traces:
            journal.add_traces(self.cursor, self._traces)
        if self.contacts:
            rows = [(key, state, agent) for key, (state, agent) in self.contacts.items()]
            journal.save_contacts(self.cursor, rows, self.now)
        by_tenant: dict[Tenant, list[Message]] = {}
        for each in self.outgoing:
            by_tenant.setdefault(each.tenant, []).append(each.message)
        for tenant, new in by_tenant.items():
            journal.add_messages(self.cursor, tenant, new)
        return self._last

    def _append(
        self,
        tenant: Tenant,
        type_: str,
        data: bytes,
        *,
        agents: tuple[str, ...],
        subject: str | None,
        pop: StoredPop | None = None,
    ) -> int:
        sequence = self.next_sequence(tenant)
        self._last[tenant] = sequence
        pop_id = None if pop is None else pop.id
        message = Message(sequence, type_, subject, self.now, data, agents, pop_id)
        self.outgoing.append(Outgoing(tenant, message, pop))
        return sequence


def new_pop_id() -> str:
    """Give a pop's id: random, unique over all tenants."""
    return secrets.token_hex(8)
