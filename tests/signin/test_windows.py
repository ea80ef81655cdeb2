"""Hold the windows under way within bounds, whoever begins them."""

from __future__ import annotations

import pytest

from adapter.errors import Overloaded
from adapter.signing_in import windows
from adapter.signing_in.windows import Window, Windows
from adapter.tenants import DEFAULT, Tenant

CHALLENGE = "c" * 43


def begin(held: Windows, number: int, now: float = 0.0) -> Window:
    return held.register(DEFAULT, tx=f"{number:024d}", challenge=CHALLENGE, around="top", now=now)


def test_a_window_is_forgotten_after_ten_minutes() -> None:
    held = Windows()
    window = begin(held, 1)
    assert held.find(DEFAULT, window.tx, windows.LIFETIME - 1) is window
    assert held.find(DEFAULT, window.tx, windows.LIFETIME) is None
    begin(held, 2, now=windows.LIFETIME + 1)
    begin(held, 1, now=windows.LIFETIME + 1)  # its name is free again


def test_a_window_of_one_tenant_is_none_of_another() -> None:
    held = Windows()
    window = begin(held, 1)
    assert held.find(Tenant("other"), window.tx, 1.0) is None


def test_strangers_who_begin_many_push_out_what_nobody_has_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "MOST", 3)
    held = Windows()
    first = begin(held, 0)
    first.become("at-provider")
    for number in range(1, 10):
        begin(held, number)
    assert held.find(DEFAULT, first.tx, 1.0) is first
    for number in (8, 9):
        found = held.find(DEFAULT, f"{number:024d}", 1.0)
        assert found is not None
        found.become("at-provider")
    with pytest.raises(Overloaded):
        begin(held, 10)


def test_codes_have_no_letters_that_look_alike() -> None:
    held = Windows()
    codes = {begin(held, number).code for number in range(50)}
    assert len(codes) > 40
    assert not set("".join(codes)) & set("01IO")
