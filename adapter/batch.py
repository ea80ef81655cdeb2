"""Stage what one transaction writes; nothing of it is seen before it is committed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from adapter import contacts, messages
from adapter.contacts import Contact
from adapter.errors import StoreUnavailable
from adapter.events import AgentSeen, ContactEvent, Fact
from adapter.messages import Message
from adapter.registry import TenantSettings
from adapter.staged import Silent, Staged
from adapter.store import journal
from adapter.store.database import Cursor
from adapter.store.journal import Links, Report, Row, TraceLine
from adapter.store.journal.tail import Newest
from adapter.store.pops import StoredPop
from adapter.store.times import moment
from adapter.tenants import Agent, AgentKey, ContactKey, Tenant
from adapter.workbench import Workbench

Known = tuple[Contact, Newest]
"""A contact's state and its newest row."""

_NO_ROW = Newest(position=0, depth=-1, agent=None, ended=False, updated=0)


class Batch:
    """One transaction in the making.

    Jobs of one batch see each other's changes; the world sees them after the commit.
    """

    # With dictionaries, objects of thirty attributes or more share no layout, and cost double.
    __slots__ = (
        *("_agents", "_events", "_micros", "_numbers", "_read_at", "_reader", "_silent"),
        *("_silent_numbers", "_tail", "_traces", "_unhandled", "_workbench", "contacts", "due"),
        *("erased", "failed", "hub", "is_remembered", "last_sequences", "learnt", "now"),
        *("outgoing", "registry", "renamed", "seconds", "step_queue", "transaction"),
    )

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self.registry = workbench.registry
        self.hub = workbench.hub
        self.step_queue = workbench.step_queue
        self.transaction: Cursor | None = None
        """The database transaction; None while only rows of the journal are to be written."""
        self._tail = workbench.database.raw.tail
        self._reader = workbench.database.reader
        """For what is read without a transaction of its own (`Database.reader`)."""
        self._read_at: int | None = None
        """The version of the database when its tables were first read without a transaction."""
        self._numbers: dict[Tenant, int] = {}
        """The journal's number of each tenant that has rows in this batch."""
        self.last_sequences: dict[Tenant, int] = {}
        """The sequence of each tenant's last staged message."""
        self.contacts: dict[ContactKey, Known] = {}
        self._unhandled: dict[ContactKey, Newest] = {}
        """The newest rows of contacts that have no state yet, as no event could be handled."""
        self.outgoing: list[Staged] = []
        self._silent: list[Silent] = []
        self._silent_numbers: dict[Tenant, int] = {}
        self.learnt: dict[Agent, Agent] = {}
        """Aliases that a source has reported: the agent that an id stands for from now on."""
        self.due: list[ContactKey] = []
        """Contacts that have something due in Dynamics from this commit on."""
        self.erased: set[ContactKey] = set()
        """Contacts of which nothing is kept any more."""
        self.renamed: list[Agent] = []
        """Ids that stand for another agent from this commit on."""
        self._events: dict[int, tuple[Tenant, str, str]] = {}
        """The tenant, source and id of each staged event, by its key."""
        self._agents: dict[AgentKey, int] = {}
        """By agent, the sequence of the last staged message to them."""
        self._traces: list[TraceLine] = []
        self.failed = 0
        """Events that are kept though they could not be handled."""
        self.is_remembered = False
        self.seconds = 0.0
        """How long its commit took."""

    def begin(self, transaction: Cursor | None, micros: int) -> None:
        """Begin at a time, in microseconds since 1970: that of all that it stages."""
        self.transaction = transaction
        self._micros = micros
        self.now = moment(micros)
        journal.loaded(self._reader)

    @property
    def cursor(self) -> Cursor:
        """Give the cursor to read and write anything with; begins the transaction if need be."""
        if self.transaction is None:
            self.transaction = self._workbench.begin(self._read_at)
        return self.transaction

    @property
    def tables(self) -> Cursor:
        """Give the cursor to read what only transactions write (pops, the outbox); begins none.

        Most events only ask, and then have nothing to write. Of the journal's readers, only those
        that look in the backlog too may use it (`journal.backlog`). The cursor is shared: read each
        statement to its end.
        """
        if self.transaction is not None:
            return self.transaction
        if self._read_at is None:
            self._read_at = self._workbench.database.data_version()
        return self._reader

    @property
    def rows(self) -> int:
        """How many rows of the journal it appends."""
        return len(self.outgoing) + len(self._silent)

    def new_event_key(self, tenant: Tenant, fact: Fact) -> int | None:
        """Give a free key for a new event; None if the event was accepted before."""
        key = journal.event_key(tenant, fact.source, fact.id)
        known = self._tail
        if key in self._events or key in known.events:
            return self._free_event_key(tenant, fact, key)
        if known.seen.events.may_hold(key) and journal.is_taken(self._reader, key):
            return self._free_event_key(tenant, fact, key)
        return key  # nearly always

    def _free_event_key(self, tenant: Tenant, fact: Fact, key: int) -> int | None:
        """Give a free key if another event has this one; None if it is the same event again."""
        while True:
            holder = self._events.get(key)
            if holder is None:
                key, known = journal.find_event(self.tables, tenant, fact, key)
                if known:
                    return None
                holder = self._events.get(key)
                if holder is None:
                    return key
            if holder == (tenant, fact.source, fact.id):
                return None
            key = journal.next_key(key)

    def keep_event(
        self, tenant: Tenant, fact: Fact, event_key: int, received: datetime, failure: str | None
    ) -> None:
        """Stage an event without a message: it could not be handled, or concerns no contact."""
        if tenant not in self._silent_numbers:
            self._silent_numbers[tenant] = journal.last_silent(self.cursor, tenant)
        self._silent_numbers[tenant] += 1
        number = self._numbers.get(tenant) or self._number(tenant)
        position = -journal.position_of(number, self._silent_numbers[tenant])
        contact = last = None
        if isinstance(fact, AgentSeen):
            report = Report(None, fact, received, None, failure, 0, 0, None, False)
        else:
            contact = fact.contact
            before, last = self._next_row(ContactKey(tenant, contact), position)
            report = Report(
                fact, None, received, None, failure, before, last.depth, last.agent, last.ended
            )
        self._silent.append(Silent(tenant, position, contact, report, event_key, last))
        self._events[event_key] = (tenant, fact.source, fact.id)
        self.failed += failure is not None

    def _next_row(self, key: ContactKey, position: int) -> tuple[int, Newest]:
        """Make a row that changes no state the contact's newest; give the position before it."""
        known = self.known(key)
        before = known[1] if known else self._unhandled.get(key, _NO_ROW)
        newest = Newest(position, before.depth + 1, before.agent, before.ended, self._micros)
        if known is None:
            self._unhandled[key] = newest
        else:
            self.contacts[key] = (known[0], newest)
        return before.position, newest

    def trace(self, tenant: Tenant, contact: str | None, what: str, detail: str) -> None:
        """Stage a line of a contact's story."""
        self._traces.append((tenant, contact, self.now, what, detail))

    def agent_id(self, settings: TenantSettings, source_id: str) -> str:
        """Give the agent behind an id of a source, aliases of this very batch included."""
        known = settings.agent_id(source_id)
        if self.learnt:
            agent = Agent(settings.tenant, known)
            known = self.learnt.get(agent, agent).id
        return known

    def agent(self, tenant: Tenant, source_id: str) -> Agent:
        """Do what `agent_id` does, and give the agent."""
        return Agent(tenant, self.agent_id(self.registry[tenant], source_id))

    def later(self, seconds: float) -> datetime:
        """Give a time from now on."""
        return self.now + timedelta(seconds=seconds)

    def contact(self, key: ContactKey) -> Contact | None:
        """Read a contact: as staged here, as remembered, or from the database."""
        found = self.known(key)
        return None if found is None else found[0]

    def known(self, key: ContactKey) -> Known | None:
        """Read a contact as `contact` does, with its newest row."""
        if self.erased and key in self.erased:
            return self.contacts.get(key)
        found = self.contacts.get(key) or self._tail.states.get(key)
        if found is None and journal.has_contact(self._reader, key):
            found = journal.contact_with_newest(self.tables, key)
            if found is None and key not in self._unhandled:
                self._unhandled[key] = journal.newest(self.cursor, key) or _NO_ROW
        return found

    def forget(self, key: ContactKey) -> None:
        """Forget a contact whose rows are emptied in this transaction.

        What earlier jobs have staged of it is emptied too; its sequences stay.
        """
        self.erased.add(key)
        self.contacts.pop(key, None)
        self._unhandled.pop(key, None)
        for staged in self.outgoing:
            if staged.tenant == key.tenant and staged.message.subject == key.id:
                staged.empty()
        for silent in self._silent:
            if silent.tenant == key.tenant and silent.contact == key.id:
                silent.empty()

    def open_contacts(self, agent: Agent) -> list[tuple[ContactKey, Known]]:
        """Read the contacts open at an agent, as earlier jobs have left them."""
        keys = dict.fromkeys(journal.agents_contacts(self.cursor, agent))
        keys.update(
            (key, None)
            for key, (_, newest) in self.contacts.items()
            if key.tenant == agent.tenant and newest.agent == agent.id
        )
        found = ((key, self.known(key)) for key in keys)
        return [
            (key, known)
            for key, known in found
            if known is not None and not known[0].ended and known[1].agent == agent.id
        ]

    def put_contact(
        self,
        key: ContactKey,
        before: Known | None,
        state: Contact,
        agent: str | None,
        *,
        kind: str,
        data: Any,
        audience: tuple[str, ...],
    ) -> Staged:
        """Stage a contact's new state and its message; `agent` is the tenant's id of its agent.

        `before` is what `known` has just given for it.
        """
        staged = self._append(key.tenant, kind, messages.json(data), audience, subject=key.id)
        depth = 0
        last = self._unhandled.get(key) if before is None else before[1]
        if last is not None:
            staged.previous = last.position
            depth = last.depth + 1
            if depth >= journal.STATE_EVERY:
                depth = 0
                staged.state = contacts.encode(state)
        newest = Newest(staged.position, depth, agent, state.ended, self._micros)
        staged.newest = newest
        self.contacts[key] = (state, newest)
        return staged

    def put_event(
        self,
        staged: Staged,
        fact: ContactEvent,
        event_key: int,
        received: datetime,
        matched: str | None,
    ) -> None:
        """Add to a contact's row the event that it came from."""
        newest = staged.newest
        assert newest is not None  # noqa: S101 - the row is a contact's
        staged.report = journal.pack_report_of(fact, received, matched, staged.previous, newest)
        staged.event_key = event_key
        self._events[event_key] = (staged.tenant, fact.source, fact.id)

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
        staged = self._append(tenant, type_, messages.json(data), agents, subject=subject)
        return staged.message.sequence

    def next_sequence(self, tenant: Tenant) -> int:
        """Give the sequence that the next message of a tenant will have."""
        last = self.last_sequences.get(tenant)
        if last is None:
            last = self._workbench.last_sequences.get(tenant)
        if last is None:
            last = self._workbench.last_sequence(tenant)
        return last + 1

    def announce(self, pop: StoredPop, data: bytes) -> None:
        """Stage the message of a pop, whose `sequence` must be `next_sequence`."""
        self._append(pop.tenant, messages.POP, data, (pop.agent,), subject=pop.contact, pop=pop)

    def finish(self) -> None:
        """Write what was staged.

        Into the redo log, where it is durable at once; or, in a transaction, into the database,
        with whose commit it becomes durable. If the redo log refuses, this becomes a transaction.
        """
        if self._traces:
            journal.add_traces(self.cursor, self._traces)
        rows: list[Row] = []
        for staged in self.outgoing:  # for a lone event this is cheaper than any other way
            rows.append(staged.row(self._micros, self._links(staged)))  # noqa: PERF401
        for silent in self._silent:
            rows.append(silent.row(self._micros))  # noqa: PERF401
        if rows and self.transaction is None:
            try:
                self._workbench.database.durability.keep(rows)
            except StoreUnavailable as error:
                # A transaction is as durable, and writes the backlog first, so that no row
                # overtakes another.
                self._workbench.redo_refused(error)
                journal.append(self.cursor, rows)
        elif rows:
            journal.append(self.cursor, rows)

    def remember(self) -> None:
        """Note in memory, after the commit, where everything is in the journal."""
        self.is_remembered = True
        self._workbench.last_sequences.update(self.last_sequences)
        known = self._tail
        for key in self.erased:
            known.drop_contact(key)
        events = known.events
        for staged in self.outgoing:
            if staged.event_key is not None:
                events[staged.event_key] = staged.position
        for silent in self._silent:
            known.events[silent.event_key] = silent.position
            if silent.newest is not None and silent.contact is not None:
                known.put_contact(ContactKey(silent.tenant, silent.contact), silent.newest)
        for key, (state, newest) in self.contacts.items():
            known.put_contact(key, newest)
            known.put_state(key, state, newest)
        known.agents.update(self._agents)
        known.known_agents.update(self._agents)
        known.rows += len(self.outgoing) + len(self._silent)
        for tenant in self._numbers:
            last, silent_number = known.ends.get(tenant) or known.marks[tenant][1:]
            known.ends[tenant] = (
                self._workbench.last_sequences.get(tenant, last),
                self._silent_numbers.get(tenant, silent_number),
            )

    def _number(self, tenant: Tenant) -> int:
        known = self._tail.marks.get(tenant) or journal.mark(self._reader, tenant)
        number = known.number if known else journal.number_for_writing(self.cursor, tenant)
        self._numbers[tenant] = number
        return number

    def _append(
        self,
        tenant: Tenant,
        kind: str,
        data: bytes,
        agents: tuple[str, ...],
        *,
        subject: str | None,
        pop: StoredPop | None = None,
    ) -> Staged:
        sequence = self.next_sequence(tenant)
        self.last_sequences[tenant] = sequence
        pop_id = None if pop is None else pop.id
        message = Message(sequence, kind, subject, self.now, data, agents, pop_id)
        number = self._numbers.get(tenant) or self._number(tenant)
        staged = Staged(tenant, message, pop, number << journal.SEQUENCE_BITS | sequence)
        self.outgoing.append(staged)
        return staged

    def _links(self, staged: Staged) -> Links:
        tenant, message = staged.tenant, staged.message
        links = []
        for name in message.agents:
            agent = (tenant, name)
            before = self._agents.get(agent) or self._tail.known_agents.get(agent)
            if before is None:
                before = journal.last_to(self._reader, agent)
            links.append((name, before))
            self._agents[agent] = message.sequence
        return links
