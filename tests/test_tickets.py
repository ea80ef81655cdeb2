from __future__ import annotations

import pytest

from adapter import tickets
from adapter.errors import Overloaded
from adapter.tenants import Agent, Tenant
from adapter.tickets import LIFETIME, Tickets

ALICE = Agent(Tenant("acme"), "alice")


def issue(
    box: Tickets, *, now: float = 100.0, key: str | None = "k", session: bytes | None = None
) -> str:
    return box.issue(ALICE, key=key, session=session, now=now)


def test_a_ticket_is_redeemed_once() -> None:
    box = Tickets()
    secret = issue(box)
    taken = box.redeem(secret, now=101.0)
    assert taken is not None
    assert (taken.agent, taken.key, taken.session) == (ALICE, "k", None)
    assert box.redeem(secret, now=101.0) is None


@pytest.mark.parametrize(("age", "good"), [(0.0, True), (29.9, True), (30.0, False), (31.0, False)])
def test_a_ticket_lives_thirty_seconds(age: float, good: bool) -> None:
    box = Tickets()
    assert (box.redeem(issue(box), now=100.0 + age) is not None) is good
    assert LIFETIME == 30.0


def test_an_unknown_ticket_is_nothing() -> None:
    assert Tickets().redeem("", now=0.0) is None


def test_two_tickets_differ() -> None:
    box = Tickets()
    assert len({issue(box) for _ in range(100)}) == 100


def test_the_tickets_of_a_revoked_key_are_taken_back() -> None:
    box = Tickets()
    revoked, good = issue(box, key="old"), issue(box, key="new")
    box.drop(frozenset({"old"}))
    assert box.redeem(revoked, now=101.0) is None
    assert box.redeem(good, now=101.0) is not None


def test_dropping_keys_spares_the_tickets_of_sessions() -> None:
    box = Tickets()
    secret = issue(box, key=None, session=b"1")
    box.drop(frozenset({"old"}))
    assert box.redeem(secret, now=101.0) is not None


def test_tickets_that_nobody_takes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "MOST", 3)
    box = Tickets()
    for _ in range(3):
        issue(box)
    with pytest.raises(Overloaded):
        issue(box)
    issue(box, now=130.0)  # the old ones are forgotten
