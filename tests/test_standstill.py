from __future__ import annotations

from adapter.standstill import LONGEST, Silence


def test_a_standstill_is_left_out_until_everybody_can_have_been_asked() -> None:
    silence = Silence(100.0, patience=30.0)
    assert silence.at(101.0) == 101.0
    assert silence.at(101.0 + 75) == 101.0
    looks = [176.0 + second for second in range(1, 40)]
    assert [silence.at(now) for now in looks] == [
        now - 75 if now <= 176 + 30 else now for now in looks
    ]


def test_two_standstills_are_left_out_together() -> None:
    silence = Silence(0.0, patience=30.0)
    silence.at(60.0)
    assert silence.at(120.0) == 0.0


def test_a_late_look_is_no_standstill() -> None:
    silence = Silence(0.0, patience=30.0)
    assert silence.at(LONGEST) == LONGEST
