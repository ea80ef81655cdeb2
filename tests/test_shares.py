from __future__ import annotations

import asyncio
from functools import partial

import pytest

from adapter import shares
from adapter.errors import Overloaded
from adapter.shares import MOST_BYTES, MOST_REQUESTS, QUANTUM, Shares


async def turn() -> None:
    """Let the loop turn once."""
    await asyncio.sleep(0)


class Door:
    """Takes requests as the ingest routes do, and notes the order in which they begin."""

    def __init__(self, **events: int) -> None:
        self.shares = Shares()
        self.begun: list[str] = []
        self._events = events
        """In a request of a key; one where it is not named."""

    def post(self, *names: str) -> None:
        """Post requests that are called by a key and a number."""
        for name in names:
            if self.shares.try_begin(name[0]):
                self._begin(name)
            else:
                self.shares.wait(name[0], partial(self._begin, name))

    def _begin(self, name: str) -> None:
        self.begun.append(name)
        self.shares.count(name[0], self._events.get(name[0], 1) - 1)

    def all(self) -> list[str]:
        begun, self.begun = self.begun, []
        return begun


def test_all_of_one_key_begin_at_once_where_no_other_sends() -> None:
    async def run() -> None:
        door = Door()
        door.post("a1", "a2", "a3")
        assert door.all() == ["a1", "a2", "a3"]

    asyncio.run(run())


def test_each_key_begins_its_quantum_in_a_turn_where_several_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shares, "QUANTUM", 2)

    async def run() -> None:
        door = Door()
        door.post("a0", "b0")
        await turn()
        door.all()
        door.post("a1", "a2", "a3", "b1", "b2", "b3", "a4", "a5")
        assert door.all() == ["a1", "a2", "b1", "b2"]
        await turn()
        assert door.all() == ["a3", "a4", "b3"]
        door.post("c1", "a6", "b4", "b5")  # b has one left; a waits behind its own
        assert door.all() == ["c1", "b4"]
        await turn()
        assert door.all() == ["a5", "a6", "b5"]

    asyncio.run(run())


def test_what_a_key_begins_too_much_it_sits_out() -> None:
    async def run() -> None:
        door = Door(a=3 * QUANTUM)
        door.post("a0", "b0")
        await turn()
        door.all()
        names = [f"b{number}" for number in range(4 * QUANTUM)]
        door.post("a1", "a2", *names)
        begun: list[list[str]] = []
        for _ in range(4):
            begun.append(door.all())
            await turn()
        assert [[name for name in each if name[0] == "a"] for each in begun] == [
            *(["a1"], [], [], ["a2"])
        ]
        assert all(sum(name[0] == "b" for name in each) == QUANTUM for each in begun)

    asyncio.run(run())


def test_nobody_sits_out_what_no_other_waits_for() -> None:
    async def run() -> None:
        door = Door(a=64)
        door.post("a0", "b0")
        await turn()
        await turn()
        door.all()
        door.post("a1")
        assert door.all() == ["a1"]
        door.post("a2", "a3")
        assert door.all() == []
        await turn()
        assert door.all() == ["a2"]
        await turn()
        assert door.all() == ["a3"]

    asyncio.run(run())


def test_what_waits_has_a_limit_in_requests_and_in_bytes() -> None:
    async def run() -> None:
        door = Door()
        door.post("a0", "b0", *("a1" for _ in range(QUANTUM + 1)))
        held = door.shares
        held.check_room("b", MOST_BYTES + 1)  # one alone is never too much
        for _ in range(MOST_REQUESTS - 1):
            held.check_room("a", 1)
            held.wait("a", lambda: None)
        with pytest.raises(Overloaded, match="waiting for their turn"):
            held.check_room("a", 1)
        held.check_room("b", 1)
        large = held.wait("b", lambda: None, size=MOST_BYTES)
        with pytest.raises(Overloaded):
            held.check_room("b", 1)
        held.leave(large)
        held.check_room("b", MOST_BYTES)
        held.leave(large)
        assert held.waiting == MOST_REQUESTS

    asyncio.run(run())


def test_a_key_that_is_left_alone_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MEMORY", 0.05)

    async def run() -> None:
        door = Door()
        door.post("a1", *("b1" for _ in range(QUANTUM)), "b2")
        assert door.all() == ["a1", *("b1" for _ in range(QUANTUM))]
        for _ in range(20):  # longer than it counts
            await asyncio.sleep(0.01)
            door.all()
            door.post("b3")
        door.all()
        door.post("b4", "b5")
        assert door.all() == ["b4", "b5"]
        names = [f"c{number}" for number in range(QUANTUM + 1)]
        door.post(*names)
        assert door.all() == names[:-1]

    asyncio.run(run())


def test_who_waits_for_a_turn_gets_it_and_who_gives_up_holds_nobody() -> None:
    async def run() -> None:
        held, order = Shares(), list[str]()
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))

        async def one(name: str) -> None:
            await held.turn(name[0], QUANTUM)
            order.append(name)

        await held.turn("b", 1)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(name)) for name in ("a1", "a2", "a3", "a4")]
            await turn()
            assert order == ["a1"]  # each is a quantum
            tasks[1].cancel()
        assert order == ["a1", "a3", "a4"]
        assert not faults

    asyncio.run(run())
