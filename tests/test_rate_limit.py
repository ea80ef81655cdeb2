"""Spend a key's allowance: so many events a second, as many again at once, the rest later."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from adapter.errors import Overloaded
from adapter.rate_limit import MOST, RateLimit


def test_a_second_of_events_may_come_at_once_and_then_as_they_are_saved_up() -> None:
    limit = RateLimit(10)
    limit.take("k", 10, 0.0)
    limit.take("k", 1, 0.0)  # what was saved up may be overdrawn once
    with pytest.raises(Overloaded):
        limit.take("k", 1, 0.0)
    limit.take("k", 1, 0.2)


def test_a_refusal_says_when_the_same_request_passes() -> None:
    limit = RateLimit(10)
    limit.take("k", 65, 0.0)
    with pytest.raises(Overloaded) as refused:
        limit.take("k", 1, 0.0)
    assert refused.value.retry_after == 6
    with pytest.raises(Overloaded):
        limit.take("k", 1, 5.4)
    limit.take("k", 1, 0.0 + refused.value.retry_after)


def test_a_refusal_says_what_was_too_much() -> None:
    limit = RateLimit(1, "too many reports")
    limit.take("k", 2, 0.0)
    with pytest.raises(Overloaded, match="too many reports"):
        limit.take("k", 1, 0.0)


def test_a_refusal_costs_nothing() -> None:
    limit = RateLimit(10)
    limit.take("k", 11, 0.0)
    for _ in range(100):
        with pytest.raises(Overloaded):
            limit.take("k", 10, 0.0)
    limit.take("k", 1, 0.11)


def test_each_key_has_its_own_allowance() -> None:
    limit = RateLimit(1)
    limit.take("loud", 100, 0.0)
    limit.take("quiet", 1, 0.0)


def test_silence_saves_up_no_more_than_one_second() -> None:
    limit = RateLimit(10)
    limit.take("k", 1, 0.0)
    limit.take("k", 11, 1000.0)
    with pytest.raises(Overloaded):
        limit.take("k", 1, 1000.0)


def test_any_number_of_keys_takes_bounded_memory() -> None:
    limit = RateLimit(1)
    for number in range(2 * MOST):
        limit.take(f"k-{number}", 1, 0.0)
    assert len(limit._full) <= MOST  # noqa: SLF001 - the bound is what is promised


@given(
    st.lists(st.tuples(st.floats(0, 2), st.integers(1, 30)), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_what_passes_in_a_long_run_is_the_rate(
    requests: list[tuple[float, int]], rate: int
) -> None:
    limit, now, passed, largest = RateLimit(rate), 0.0, 0, 0
    for pause, tokens in requests:
        now += pause
        try:
            limit.take("k", tokens, now)
        except Overloaded:
            continue
        passed += tokens
        largest = max(largest, tokens)
    assert passed <= rate * (now + 1) + largest + 1e-6
