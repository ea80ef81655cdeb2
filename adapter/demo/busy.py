"""Play a busy hour: calls that come, are answered, passed on and end, at a chosen rate."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Iterator

import msgspec

from adapter.demo import samples
from adapter.demo.calls import State
from adapter.demo.phone_system import PhoneSystem
from adapter.errors import NotFound, ScreenpopError
from adapter.events import Stage

HIGHEST_RATE = 6000
"""Events a minute: more than one process of one machine should be asked for by a page."""
LONGEST = 3600
MOST_AT_ONCE = 200
"""Events under way at once; a slow adapter slows the busy hour down instead of filling memory."""


class Busy(msgspec.Struct, kw_only=True):
    """A running busy hour: `rate` events a minute, for `seconds`, of which so many were sent."""

    rate: float
    seconds: float
    sent: int = 0
    failed: int = 0


class _Story(msgspec.Struct):
    """A call of the busy hour, and what is to happen to it next."""

    call: str
    rest: deque[str]


def plot(number: int) -> tuple[str, ...]:
    """Say what happens to the n-th call, one event each; the same at every start.

    Every tenth caller gives up, every seventh is passed on.
    """
    if (number + 1) % 10 == 0:
        return ("offered", "hangup")
    if (number + 1) % 7 == 0:
        return ("offered", "answer", "transfer", "answer", "hangup", "recording")
    return ("offered", "answer", "hangup", "recording")


class BusyHour:
    """Make one event a tick, so that the rate is what was asked for; `plan` is its progress."""

    def __init__(self, phone: PhoneSystem, plan: Busy) -> None:
        self.plan = plan
        self._phone = phone
        self._waiting: deque[_Story] = deque()
        self._numbers: Iterator[int] = itertools.count()
        self._live = 0
        self._stopped = asyncio.Event()
        self._free = asyncio.Semaphore(MOST_AT_ONCE)

    def stop(self) -> None:
        """End early; `run` still hangs up what it started."""
        self._stopped.set()

    async def run(self) -> None:
        """Play until the time is up or `stop`, then hang up what still rings or talks."""
        pause = 60 / self.plan.rate
        start = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as steps:
            for tick in range(max(1, round(self.plan.seconds / pause))):
                await self._free.acquire()
                steps.create_task(self._step())
                if await self._stopped_before(start + (tick + 1) * pause):
                    break
        await self._finish()

    async def _stopped_before(self, when: float) -> bool:
        """Wait until the loop's clock shows `when`; True, at once, where `stop` was called."""
        try:
            async with asyncio.timeout_at(when):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return True

    async def _finish(self) -> None:
        """Hang up the calls of this busy hour that have not ended, so that no panel keeps them."""
        while self._waiting:
            story = self._waiting.popleft()
            with contextlib.suppress(NotFound):  # ended, and forgotten since
                if self._phone.get(story.call).state is not State.ENDED:
                    await self._do(story, "hangup")

    async def _step(self) -> None:
        """Advance the call that waits longest; start one while there are fewer than agents."""
        if self._waiting and self._live >= len(self._phone.agents):
            story = self._waiting.popleft()
            await self._do(story, story.rest.popleft())
        else:
            self._live += 1
            story = self._begin(next(self._numbers))
            await self._do(story, "created")
        if story.rest:
            self._waiting.append(story)
        else:
            self._live -= 1
        self._free.release()

    def _begin(self, number: int) -> _Story:
        agents = list(self._phone.agents)
        caller = samples.CONTACTS[number % len(samples.CONTACTS)]
        channel = "voice" if (number + 1) % 4 else "chat"
        call = self._phone.begin(agents[number % len(agents)], caller.id, channel, "inbound")
        return _Story(call.id, deque(plot(number)))

    async def _do(self, story: _Story, what: str) -> None:
        try:
            await self._act(story, what)
        except ScreenpopError:
            self.plan.failed += 1
        else:
            self.plan.sent += 1

    async def _act(self, story: _Story, what: str) -> None:
        match what:
            case "created" | "offered":
                await self._phone.report(story.call, Stage(what))
            case "answer":
                await self._phone.answer(story.call)
            case "transfer":
                await self._phone.transfer(story.call, self._other(story.call))
            case "hangup":
                await self._phone.hang_up(story.call)
            case _:
                await self._phone.record(story.call)

    def _other(self, call_id: str) -> str:
        agents = list(self._phone.agents)
        here = agents.index(self._phone.get(call_id).agent)
        return agents[(here + 1) % len(agents)]
