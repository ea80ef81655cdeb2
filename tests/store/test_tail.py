"""What is kept in memory of the journal's end has an end itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapter.contacts import Contact
from adapter.store.journal import tail
from adapter.store.journal.tail import Head, Tail
from adapter.tenants import Agent, ContactKey, Tenant

HERE = Tenant("here")


def head(position: int, agent: str | None = "alice") -> Head:
    return Head(position=position, depth=0, agent=agent, ended=False, updated=position)


def test_of_too_many_open_contacts_the_ones_that_came_first_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail, "KNOWN_STATES", 3)
    known = Tail()
    keys = [ContactKey(HERE, f"c-{number}") for number in range(5)]
    for position, key in enumerate([*keys, keys[2], keys[0]], start=1):
        known.put_state(key, Contact(key.id), head(position))
    assert list(known.states) == [keys[3], keys[4], keys[0]]
    over = Contact("c-4", stages={"ended": datetime(2026, 1, 1, tzinfo=UTC)})
    known.put_state(keys[4], over, head(9))
    assert list(known.states) == [keys[3], keys[0]]


def test_a_contact_is_found_at_the_agent_who_has_it_and_at_no_other() -> None:
    known = Tail()
    key = ContactKey(HERE, "c-1")
    for position, agent in enumerate(("alice", "alice", "bob", None, "alice"), start=1):
        known.put_contact(key, head(position, agent))
        for name in ("alice", "bob"):
            found = [each for each, _ in known.open_of(Agent(HERE, name))]
            assert found == ([key] if name == agent else [])
