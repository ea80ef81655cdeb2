"""The last requests of a source are kept, bounded, and each tenant's apart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from adapter.errors import Unauthenticated
from adapter.events import Decoded, Entry, Rejected
from adapter.greetings import Greeting, Greetings
from adapter.key_uses import KeyUses
from adapter.recent_requests import (
    KEPT,
    KEPT_BYTES,
    KEPT_ENTRIES,
    KEPT_OF_STRANGERS,
    RecentRequest,
    RecentRequests,
)
from adapter.tenants import Agent, Tenant

NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
LATER = datetime(2026, 11, 21, 21, tzinfo=UTC)
CONTOSO, FABRIKAM = Tenant("contoso"), Tenant("fabrikam")


def note(recent: RecentRequests, tenant: Tenant, source: str, **said: Any) -> None:
    recent.keep(RecentRequest(source, NOW, [], tenant, **said))


def test_the_latest_come_first_and_the_oldest_go() -> None:
    recent = RecentRequests()
    for number in range(KEPT + 5):
        note(recent, CONTOSO, "cloudevents", sender="k", body=b"%d" % number)
    found = recent.of(CONTOSO)["cloudevents"]
    assert [each.body for each in found] == [b"%d" % n for n in range(KEPT + 4, 4, -1)]


def test_strangers_cannot_push_out_what_a_key_sent() -> None:
    recent = RecentRequests()
    note(recent, CONTOSO, "cloudevents", sender="k", body=b"mine", accepted=1)
    for _ in range(KEPT + 5):
        note(recent, CONTOSO, "cloudevents", error=Unauthenticated("no key"))
    found = recent.of(CONTOSO)["cloudevents"]
    assert len(found) == 1 + KEPT_OF_STRANGERS
    assert found[-1].body == b"mine"


def test_each_source_has_its_own_and_so_has_each_tenant() -> None:
    recent = RecentRequests()
    note(recent, CONTOSO, "b", sender="k")
    note(recent, CONTOSO, "a", sender="k")
    note(recent, FABRIKAM, "a", sender="k")
    assert list(recent.of(CONTOSO)) == ["a", "b"]
    assert list(recent.of(FABRIKAM)) == ["a"]
    number = recent.of(FABRIKAM)["a"][0].number
    assert recent.get(FABRIKAM, number) is not None
    assert recent.get(CONTOSO, number) is None
    recent.forget(FABRIKAM)
    assert recent.of(FABRIKAM) == {}
    assert len(recent.of(CONTOSO)) == 2


def test_large_bodies_and_batches_are_cut() -> None:
    recent = RecentRequests()
    decoded = Decoded(tuple(Entry(index, ()) for index in range(1000)), 7)
    note(recent, CONTOSO, "a", sender="k", body=b"x" * (KEPT_BYTES + 1), decoded=decoded)
    kept = recent.of(CONTOSO)["a"][0]
    assert len(kept.body) == KEPT_BYTES
    assert kept.size == KEPT_BYTES + 1
    assert kept.decoded is not None
    assert len(kept.decoded.entries) == KEPT_ENTRIES
    assert kept.decoded.ignored == 7


def test_a_request_of_faults_is_cut_too() -> None:
    recent = RecentRequests()
    decoded = Decoded((), 0, tuple(Rejected(index, "wrong") for index in range(1000)))
    note(recent, CONTOSO, "a", sender="k", body=b"x", decoded=decoded)
    kept = recent.of(CONTOSO)["a"][0].decoded
    assert kept is not None
    assert len(kept.rejected) == KEPT_ENTRIES


def test_uses_of_keys_are_taken_once_and_given_back_where_they_cannot_be_written() -> None:
    uses = KeyUses()
    uses.note("a", NOW)
    uses.note("a", LATER)
    taken = uses.take()
    assert taken == {"a": LATER}
    assert uses.take() == {}
    uses.note("b", NOW)
    uses.give_back(taken)
    assert uses.latest("a") == LATER
    assert uses.latest("b") == NOW
    assert uses.latest("c") is None


def test_a_use_that_could_not_be_written_does_not_cover_a_later_one() -> None:
    uses = KeyUses()
    uses.note("a", NOW)
    taken = uses.take()
    uses.note("a", LATER)
    uses.give_back(taken)
    assert uses.take() == {"a": LATER}


def test_greetings_are_bounded_and_the_oldest_goes() -> None:
    greetings = Greetings(most=2)
    agent = Agent(CONTOSO, "alice")
    for panel in ("p1", "p2", "p1", "p3"):
        greetings.note(agent, panel, Greeting(NOW, "1.0"))
    assert greetings.of(agent, "p1") is not None  # it came again after p2
    assert greetings.of(agent, "p2") is None
    assert greetings.of(agent, "p3") == Greeting(NOW, "1.0")
    assert greetings.of(Agent(FABRIKAM, "alice"), "p1") is None
