"""Share connections: how many, who first, when silent."""

from __future__ import annotations

import asyncio

import pytest

from adapter.dataverse.errors import Throttled
from adapter.dataverse.limiter import Limiter
from adapter.dataverse.requests import Priority


class Work:
    """Take turns and note their order; each holds its turn until it is told to end."""

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.order: list[str] = []
        self.end = asyncio.Event()

    async def do(self, name: str, priority: Priority = Priority.STEP) -> None:
        async with self.limiter.turn(priority, patience=10.0):
            self.order.append(name)
            await self.end.wait()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_more_than_the_limit_run_at_once() -> None:
    work = Work(Limiter(at_once=3, kept_for_pops=0))
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(work.do(str(number)))
        await settle()
        assert work.limiter.running == 3
        assert work.limiter.waiting == 7
        work.end.set()
    assert work.limiter.running == 0
    assert work.order == [str(number) for number in range(10)]


async def test_a_read_for_a_waiting_pop_goes_before_writes() -> None:
    work = Work(Limiter(at_once=1, kept_for_pops=0))
    async with asyncio.TaskGroup() as group:
        for name, priority in (
            ("first", Priority.STEP),
            ("later", Priority.BACKGROUND),
            ("write", Priority.STEP),
            ("pop", Priority.POP),
        ):
            group.create_task(work.do(name, priority))
            await settle()
        work.end.set()
    assert work.order == ["first", "pop", "write", "later"]


async def test_slow_writes_leave_room_for_pops() -> None:
    work = Work(Limiter(at_once=4, kept_for_pops=1))
    async with asyncio.TaskGroup() as group:
        for number in range(9):
            group.create_task(work.do(f"write {number}"))
        await settle()
        assert work.limiter.running == 3
        group.create_task(work.do("pop", Priority.POP))
        await settle()
        assert work.order[-1] == "pop"
        work.end.set()


async def test_silence_holds_everybody_and_then_they_go_on() -> None:
    limiter = Limiter(at_once=2, kept_for_pops=0)
    limiter.silence(0.05)
    loop = asyncio.get_running_loop()
    began = loop.time()
    work = Work(limiter)
    work.end.set()
    await asyncio.gather(*(work.do(str(number)) for number in range(5)))
    assert loop.time() - began >= 0.045
    assert len(work.order) == 5


async def test_a_long_silence_is_told_instead_of_waited_for() -> None:
    limiter = Limiter()
    limiter.silence(100.0)
    with pytest.raises(Throttled) as caught:
        async with limiter.turn(Priority.POP, patience=1.0):
            pass
    assert caught.value.retry_after == pytest.approx(100.0, abs=1.0)
    assert limiter.running == 0


async def test_who_waits_too_long_is_sent_away_and_holds_nothing() -> None:
    limiter = Limiter(at_once=1, kept_for_pops=0)
    async with limiter.turn(Priority.STEP, patience=1.0):
        with pytest.raises(Throttled, match="busy"):
            async with limiter.turn(Priority.STEP, patience=0.02):
                pass
    assert limiter.running == 0
    async with limiter.turn(Priority.STEP, patience=0.02):
        assert limiter.running == 1


async def test_a_cancelled_waiter_gives_its_turn_on() -> None:
    work = Work(Limiter(at_once=1, kept_for_pops=0))
    async with asyncio.TaskGroup() as group:
        group.create_task(work.do("first"))
        await settle()
        cancelled = group.create_task(work.do("cancelled"))
        group.create_task(work.do("third"))
        await settle()
        work.end.set()
        await asyncio.sleep(0)  # the first has ended and given its turn to the second
        cancelled.cancel()
    assert work.order[-1] == "third"
    assert work.limiter.running == 0
