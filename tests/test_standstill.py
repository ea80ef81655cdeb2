from __future__ import annotations

from adapter.standstill import LONGEST, MOST, Standstills


def test_a_standstill_is_an_excuse_until_everybody_can_have_been_asked() -> None:
    standstills = Standstills(100.0, patience=30.0)
    assert standstills.seconds_at(101.0) == 0.0
    assert standstills.seconds_at(101.0 + 75) == 75.0
    looks = [176.0 + second for second in range(1, 40)]
    assert [standstills.seconds_at(now) for now in looks] == [
        75.0 if now <= 176 + 30 else 0.0 for now in looks
    ]


def test_two_standstills_count_together_up_to_a_limit() -> None:
    standstills = Standstills(0.0, patience=30.0)
    standstills.seconds_at(60.0)
    assert standstills.seconds_at(120.0) == 120.0
    assert standstills.seconds_at(120.0 + 2 * MOST) == MOST


def test_a_late_look_is_no_standstill() -> None:
    assert Standstills(0.0, patience=30.0).seconds_at(LONGEST) == 0.0
