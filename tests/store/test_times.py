"""Times go into the database as microseconds, and come back as they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given, strategies as st

from adapter.store.times import micros, moment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATE = (1 << 32) * 1_000_000
counts = st.one_of(
    st.integers(0, LATE), st.integers(LATE - 1_000, LATE + 1_000), st.integers(-(10**15), 10**17)
)


@example(LATE - 1)
@example(LATE)
@example(-1)
@example((1 << 36) * 1_000_000 + 1)  # a float of seconds is microseconds off
@given(counts)
def test_a_moment_is_exact_to_the_microsecond(count: int) -> None:
    found = moment(count)
    assert found == EPOCH + timedelta(microseconds=count)
    assert found.tzinfo is UTC
    assert micros(found) == count
