"""Remember, for each connection, the end of the journal that is not in the index yet.

The journal is the truth, and a commit appends nothing but rows of it. The index says where an
event, a contact or an agent stands in it: three tables (`event_keys`, `contact_heads`,
`agent_heads`), written for many commits at once a moment later, because each event by itself would
change a page in each of them. Until then a tail holds what they lack; after a crash it is read
again from the journal (docs/decisions/0010-one-row-per-event.md).
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from adapter.contacts import Contact
from adapter.store.journal.backlog import Backlog
from adapter.store.journal.seen import Seen
from adapter.tenants import Agent, AgentKey, ContactKey, Tenant

KNOWN_STATES = 20_000
KNOWN_AGENTS = 100_000
"""Most states and agents kept in memory though the index has them too."""


class Newest(msgspec.Struct, frozen=True, gc=False):
    """The newest row of a contact, with what a list of open contacts needs of it."""

    position: int
    depth: int
    """Rows since the last one that holds the contact's whole state."""
    agent: str | None
    """The tenant's id of the agent who has it."""
    ended: bool
    updated: int
    """Microseconds since 1970."""


class Push(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The record that a message was written to sockets."""

    position: int
    at: int
    """Microseconds since 1970."""
    sockets: int


class Mark(NamedTuple):
    """How far the index of a tenant is written."""

    number: int
    """The tenant's number, the upper part of its positions."""
    sequence: int
    """The sequence of the last message that the index knows."""
    silent: int
    """Number of the last row without a message that the index knows."""


@dataclass(slots=True)
class Tail:
    """What the index lacks, and what is kept of what was read from it."""

    is_writer: bool = False
    """Whether this connection writes the journal: then no other adds to it."""
    is_loaded: bool = False
    is_loading: bool = False
    version: int = -1
    """PRAGMA data_version when it was read."""
    generation: int = 0
    """How often it was emptied as a whole."""
    marks: dict[Tenant, Mark] = field(default_factory=dict)
    rows: int = 0
    """Rows of the journal that the index lacks."""
    events: dict[int, int] = field(default_factory=dict)
    """Event key to position."""
    contacts: dict[ContactKey, Newest] = field(default_factory=dict)
    contacts_of: dict[AgentKey, set[ContactKey]] = field(default_factory=dict)
    """By agent, the contacts that they have, of those in `contacts`."""
    agents: dict[AgentKey, int] = field(default_factory=dict)
    """By agent, the last sequence that went to them."""
    ends: dict[Tenant, tuple[int, int]] = field(default_factory=dict)
    """The last sequence and the last silent number of the tenants that have rows here."""
    pushes: dict[int, Push] = field(default_factory=dict)
    """By position."""
    known_agents: dict[AgentKey, int] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
    backlog: Backlog = field(default_factory=lambda: Backlog([]))
    """Empty if this connection does not write the journal."""
    states: OrderedDict[ContactKey, tuple[Contact, Newest]] = field(default_factory=OrderedDict)
    """The states of open contacts, in the order in which they came in."""

    def put_contact(self, key: ContactKey, newest: Newest) -> None:
        """Note the newest row of a contact."""
        before = self.contacts.get(key)
        self.contacts[key] = newest
        if before is None or before.agent != newest.agent:
            if before is not None:
                self._leave(key, before)
            if newest.agent is not None:
                self.contacts_of.setdefault((key.tenant, newest.agent), set()).add(key)

    def forget_contact(self, key: ContactKey) -> None:
        """Forget the newest row of a contact; harmless if it is not known."""
        newest = self.contacts.pop(key, None)
        if newest is not None:
            self._leave(key, newest)

    def _leave(self, key: ContactKey, newest: Newest) -> None:
        if newest.agent is not None:
            agent = key.tenant, newest.agent
            keys = self.contacts_of[agent]
            keys.remove(key)
            if not keys:
                del self.contacts_of[agent]

    def put_state(self, key: ContactKey, state: Contact, newest: Newest) -> None:
        """Keep a contact's state in memory while it is open.

        If there are too many, the one that came first is dropped, and comes back with its next
        event. Dropping the least recently used would make each event touch neighbours that are in
        no cache.
        """
        if newest.ended:
            self.states.pop(key, None)
            return
        self.states[key] = (state, newest)
        if len(self.states) > KNOWN_STATES:
            self.states.popitem(last=False)

    def drop_contact(self, key: ContactKey) -> None:
        """Forget a contact that was erased."""
        self.states.pop(key, None)
        self.forget_contact(key)

    def put_agent(self, agent: AgentKey, sequence: int) -> None:
        """Note the last sequence that went to an agent."""
        self.agents[agent] = self.known_agents[agent] = sequence

    def put_push(self, push: Push) -> None:
        """Note that a message was pushed; a crash before the index is written forgets it."""
        self.pushes[push.position] = push

    def move_marks(self, ends: Mapping[Tenant, tuple[int, int]], rows: int) -> None:
        """Note that the index knows all rows up to `ends`, `rows` more than before."""
        for tenant, (sequence, silent) in ends.items():
            if tenant in self.marks:  # otherwise it is read again when it is needed
                self.marks[tenant] = self.marks[tenant]._replace(sequence=sequence, silent=silent)
            if self.ends.get(tenant) == (sequence, silent):
                del self.ends[tenant]
        self.rows -= rows
        if len(self.known_agents) > KNOWN_AGENTS:
            self.known_agents.clear()

    def forget_written(self) -> None:
        """Drop everything: the index has it now."""
        self.events.clear()
        self.contacts.clear()
        self.contacts_of.clear()
        self.agents.clear()
        self.pushes.clear()
        self.move_marks(dict(self.ends), self.rows)
        self.generation += 1

    def forget_all(self) -> None:
        """Drop everything: another process has changed what was read, and the index too."""
        self.forget_written()
        self.seen.forget()
        self.marks.clear()
        self.known_agents.clear()
        self.states.clear()
        self.is_loaded = False

    def open_of(self, agent: Agent) -> Iterator[tuple[ContactKey, Newest]]:
        """Give the open contacts of an agent that the index lacks."""
        for key in self.contacts_of.get(agent, ()):
            newest = self.contacts.get(key)
            if newest is not None and newest.agent == agent.id and not newest.ended:
                yield key, newest


class Connection(sqlite3.Connection):
    """A connection that knows the end of its journal."""

    tail: Tail

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        self.tail = Tail()


def of(cursor: sqlite3.Cursor) -> Tail:
    """Give the tail of a cursor's connection."""
    return cursor.connection.tail  # type: ignore[attr-defined,no-any-return]  # a `Connection`
