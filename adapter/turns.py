"""Give contacts their turns: one piece of work per contact at a time, fairly between tenants."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from adapter.tenants import ContactKey, Tenant

Work = Callable[[ContactKey], Awaitable[float | None]]
"""Works on a contact; gives the seconds until it wants another turn, None for no more."""


class Turns:
    """Who has a turn, who waits for one, and who comes back when. Used by one event loop."""

    def __init__(self, work: Work, *, at_once: int) -> None:
        self._work = work
        self._at_once = at_once
        # To take the first out of a plain dictionary costs as much as were taken out before it.
        self._due: dict[Tenant, OrderedDict[ContactKey, None]] = {}
        self._busy: Counter[Tenant] = Counter()
        self._working: set[ContactKey] = set()
        self._news: set[ContactKey] = set()
        self._timers: dict[ContactKey, asyncio.TimerHandle] = {}
        self._wakeup = asyncio.Event()

    def wake(self, keys: Iterable[ContactKey]) -> None:
        """Give these contacts a turn soon; one that has its turn is told of news."""
        for key in keys:
            if key in self._working:
                self._news.add(key)
            else:
                self._due.setdefault(key.tenant, OrderedDict())[key] = None
        self._wakeup.set()

    def has_news(self, key: ContactKey) -> bool:
        """Tell, once, whether a contact was woken during its turn."""
        if key not in self._news:
            return False
        self._news.discard(key)
        return True

    async def run(self) -> None:
        """Give turns for good."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wakeup.wait()
                self._wakeup.clear()
                for key in self._next():
                    tasks.create_task(self._turn(key), name="steps of a contact")

    def _next(self) -> list[ContactKey]:
        """Take what may begin: a tenant whose Dynamics hangs uses up its own places alone."""
        chosen: list[ContactKey] = []
        for tenant in list(self._due):
            waiting = self._due[tenant]
            while waiting and self._busy[tenant] < self._at_once:
                key, _ = waiting.popitem(last=False)
                self._busy[tenant] += 1
                self._working.add(key)
                chosen.append(key)
            if not waiting:
                del self._due[tenant]
        return chosen

    async def _turn(self, key: ContactKey) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        wait: float | None = None
        try:
            wait = await self._work(key)
        finally:
            self._working.discard(key)
            self._busy[key.tenant] -= 1
            if not self._busy[key.tenant]:
                del self._busy[key.tenant]
            self._wakeup.set()
        if self.has_news(key):
            self.wake((key,))
        elif wait is not None:
            self._timers[key] = asyncio.get_running_loop().call_later(wait, self._back, key)

    def _back(self, key: ContactKey) -> None:
        self._timers.pop(key, None)
        self.wake((key,))
