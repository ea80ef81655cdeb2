"""Hold the windows under way within bounds, whoever begins them."""

from __future__ import annotations

import pytest

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
    monkeypatch.setattr(windows, "MOST_OF_TENANT", 3)
    held = Windows()
    first = begin(held, 0)
    first.become("at-provider")
    for number in range(1, 10):
        begin(held, number)
    assert held.find(DEFAULT, first.tx, 1.0) is first


def test_a_full_tenant_makes_room_for_whoever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST_OF_TENANT", 3)
    monkeypatch.setattr(windows, "PORTAL_SHARE", 1)
    held = Windows()
    panel = begin(held, 0)
    portal = held.for_portal(DEFAULT, "/admin", 0.0, choose=False)
    failed = held.for_portal(DEFAULT, "/admin", 0.0, choose=False)
    for window in (panel, portal):
        window.become("at-provider")
    failed.fail("refused", "")
    second = held.for_portal(DEFAULT, "/admin", 0.0, choose=False)
    assert held.find(DEFAULT, failed.tx, 1.0) is None
    third = held.for_portal(DEFAULT, "/admin", 0.0, choose=False)
    assert held.find(DEFAULT, portal.tx, 1.0) is None
    assert (portal.phase, portal.reason) == ("failed", "unavailable")
    assert [held.find(DEFAULT, each.tx, 1.0) for each in (panel, second, third)] == [
        panel,
        second,
        third,
    ]


def test_windows_of_panels_do_not_push_an_admins_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST_OF_TENANT", 3)
    monkeypatch.setattr(windows, "PORTAL_SHARE", 1)
    held = Windows()
    admin = held.for_portal(DEFAULT, "/admin", 0.0, choose=False)
    for number in range(10):
        begin(held, number).become("at-provider")
    assert held.find(DEFAULT, admin.tx, 1.0) is admin


def test_the_tenant_with_the_most_windows_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST", 4)
    held = Windows()
    other = held.for_portal(Tenant("other"), "/admin", 0.0, choose=False)
    crowd = [begin(held, number) for number in range(9)]
    assert held.find(Tenant("other"), other.tx, 1.0) is other
    assert [held.find(DEFAULT, each.tx, 1.0) is not None for each in crowd] == [False] * 6 + [
        True
    ] * 3


def test_codes_have_no_letters_that_look_alike() -> None:
    held = Windows()
    codes = {begin(held, number).code for number in range(50)}
    assert len(codes) > 40
    assert not set("".join(codes)) & set("01IO")
