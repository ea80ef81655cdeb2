"""A contact's story tells of the tries that somebody wants to read of."""

from __future__ import annotations

from adapter.outbox import TOLD, is_told


def test_the_first_tries_are_told_one_by_one_and_a_days_outage_in_a_few_lines() -> None:
    told = [attempts for attempts in range(300) if is_told(attempts)]
    assert told[:TOLD] == list(range(TOLD))
    assert told[TOLD:] == [16, 32, 64, 128, 256]
