from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adapter import shares
from adapter.shares import Shares


async def turn() -> None:
    """Let the loop turn once."""
    await asyncio.sleep(0)


class Door:
    """Takes requests as the ingest routes do, and notes the order in which they begin."""

    def __init__(self) -> None:
        self.shares = Shares()
        self.begun: list[str] = []

    def post(self, *names: str) -> None:
        """Post requests that are called by a key and a number."""
        for name in names:
            work: Callable[[], None] = lambda name=name: self.begun.append(name)  # type: ignore[misc]  # noqa: E731
            if self.shares.may_begin(name[0]):
                work()
            else:
                self.shares.wait(name[0], work)

    def all(self) -> list[str]:
        begun, self.begun = self.begun, []
        return begun


def test_all_of_one_key_begin_at_once_where_no_other_sends() -> None:
    async def run() -> None:
        door = Door()
        door.post("a1", "a2", "a3")
        assert door.all() == ["a1", "a2", "a3"]

    asyncio.run(run())


def test_each_key_begins_one_in_a_turn_where_several_send() -> None:
    async def run() -> None:
        door = Door()
        door.post("a0", "b0")
        await turn()
        door.all()
        door.post("a1", "a2", "a3", "b1", "b2", "a4")
        assert door.all() == ["a1", "b1"]
        await turn()
        assert door.all() == ["a2", "b2"]
        door.post("c1", "a5", "b3")  # b has had its turn; a waits behind its own
        assert door.all() == ["c1"]
        await turn()
        assert door.all() == ["a3", "b3"]
        await turn()
        await turn()
        assert door.all() == ["a4", "a5"]

    asyncio.run(run())


def test_a_key_that_is_left_alone_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MEMORY", 0.05)

    async def run() -> None:
        door = Door()
        door.post("a1", "b1", "b2")
        assert door.all() == ["a1", "b1"]
        for _ in range(20):  # longer than it counts
            await asyncio.sleep(0.01)
            door.all()
            door.post("b3")
        door.all()
        door.post("b4", "b5")
        assert door.all() == ["b4", "b5"]
        door.post("c1", "c2")
        assert door.all() == ["c1"]

    asyncio.run(run())


def test_who_waits_for_a_turn_gets_it_and_who_gives_up_holds_nobody() -> None:
    async def run() -> None:
        held, order = Shares(), list[str]()
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))

        async def one(name: str) -> None:
            await held.turn(name[0])
            order.append(name)

        await held.turn("b")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(name)) for name in ("a1", "a2", "a3", "a4")]
            await turn()
            assert order == ["a1"]
            tasks[1].cancel()
        assert order == ["a1", "a3", "a4"]
        assert not faults

    asyncio.run(run())
