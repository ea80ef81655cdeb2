from __future__ import annotations

import pytest

from bench.churn import SLOWER, judge, slowdown

MIB = 1024.0
EVERY = 15.0

STEADY_LEAK = (
    *(100.6, 116.4, 134.4, 153.7, 156.4, 156.4, 156.4, 157.5, 157.5, 157.6),
    *(158.4, 158.5, 158.5, 159.2, 159.6, 159.6, 159.9, 160.7, 160.7, 160.8),
)
"""MiB, every 7.5 s, as measured: a cache fills, and then 45 bytes an event stay for good."""


def test_memory_that_settles_after_the_warm_up_does_not_grow() -> None:
    warming = [60 * MIB + 500 * number for number in range(10)]
    steady = [75 * MIB + (number % 3) * 300 for number in range(30)]
    assert not judge(warming + steady, EVERY).grows


def test_a_leak_of_some_bytes_a_connection_is_noticed() -> None:
    verdict = judge([75 * MIB + 200 * number for number in range(240)], EVERY)
    assert verdict.grows
    assert verdict.hourly == pytest.approx(200 * 3600 / EVERY)


def test_a_steady_leak_is_noticed_in_a_short_run_too() -> None:
    verdict = judge([each * MIB for each in STEADY_LEAK], 7.5)
    assert verdict.grows
    assert 100 * MIB < verdict.hourly < 200 * MIB


def test_a_slow_drift_over_an_hour_is_let_pass() -> None:
    assert not judge([75 * MIB + 20 * number for number in range(240)], EVERY).grows


def test_steps_of_the_allocator_are_no_growth_though_the_run_is_short() -> None:
    assert not judge([75 * MIB] * 12 + [76 * MIB] * 12, EVERY).grows


def test_one_high_sample_is_no_growth() -> None:
    assert not judge([75 * MIB] * 39 + [120 * MIB], EVERY).grows


def test_too_few_samples_are_not_judged() -> None:
    with pytest.raises(ValueError, match="too few"):
        judge([75 * MIB] * 6, EVERY)


def test_a_server_that_slows_down_is_told_from_one_that_swings() -> None:
    swinging = [200.0 + 60 * (number % 3) for number in range(60)]
    assert slowdown(swinging) < SLOWER
    assert slowdown([200.0 + 10 * number for number in range(60)]) > SLOWER
