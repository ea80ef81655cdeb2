from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime

from adapter import sockets
from adapter.close_codes import CloseCode
from adapter.pulse import pulse
from adapter.sockets import Sockets
from adapter.tenants import Agent


class Dummy:
    # 240 bytes with the collector's: addresses in steps of 15 times 16, which divides badly by 25
    __slots__ = tuple(f"slot_{number}" for number in range(26))
    key: str | None = None
    session: bytes | None = None
    agent: Agent | None = None

    def close(self, code: CloseCode) -> None:
        """Do nothing."""

    def sweep(self, now: float, date: datetime, excused: float) -> None:
        """Do nothing."""

    def abandon(self) -> None:
        """Do nothing."""


def test_each_socket_is_in_one_part_until_it_goes() -> None:
    held, some = Sockets(), [Dummy() for _ in range(300)]
    for each in some:
        held.add(each)
    for each in some[:100]:
        held.discard(each)
        held.discard(each)
    parts = [held.part(number) for number in range(sockets.PARTS)]
    assert Counter(map(id, held)) == Counter(map(id, some[100:]))
    assert Counter(id(each) for part in parts for each in part) == Counter(map(id, held))


def test_no_part_has_many_more_than_the_others() -> None:
    held, some = Sockets(), [Dummy() for _ in range(10_000)]
    for each in some:
        held.add(each)
    sizes = [len(held.part(number)) for number in range(sockets.PARTS)]
    assert max(sizes) < 1.5 * 10_000 / sockets.PARTS


def test_what_pulses_with_the_same_period_wakes_together() -> None:
    async def woken() -> list[float]:
        loop, at = asyncio.get_running_loop(), []

        async def one(later: float) -> None:
            await asyncio.sleep(later)
            for _ in range(2):
                await pulse(0.1)
                at.append(loop.time())

        await asyncio.gather(*(one(later) for later in (0.0, 0.013, 0.04)))
        return at

    at = asyncio.run(woken())
    # The clock may have passed a multiple between two of the first sleeps: then one is a beat late.
    beats = {round(each * 10) for each in at}
    assert all(-0.002 <= each - round(each * 10) / 10 < 0.04 for each in at)
    assert len(beats) <= 3
