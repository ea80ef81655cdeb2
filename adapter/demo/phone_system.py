"""Keep the simulated calls, and tell the adapter of every change, in order within a call."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from uuid import uuid4

from adapter.demo import calls
from adapter.demo.calls import Call, State
from adapter.demo.delivery import Delivery
from adapter.errors import MalformedInput, NotFound, Place
from adapter.events import Stage

KEPT = 500
"""So many calls are kept; beyond that the oldest finished one is forgotten."""
CHANNELS = ("voice", "chat")
DIRECTIONS = ("inbound", "outbound")


class PhoneSystem:
    """A phone system with a few agents. Its own state counts, whatever the adapter answers."""

    def __init__(
        self,
        agents: Mapping[str, str],
        delivery: Delivery,
        now: Callable[[], datetime],
        files: str,
    ) -> None:
        self.agents = agents
        self.delivery = delivery
        self._now = now
        self._files = files
        self._calls: dict[str, Call] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def list(self) -> tuple[Call, ...]:
        """Give the calls, newest first."""
        return tuple(reversed(self._calls.values()))

    def get(self, call_id: str) -> Call:
        """Find a call. Raises NotFound."""
        if call_id not in self._calls:
            raise NotFound(f"there is no call {call_id!r}")
        return self._calls[call_id]

    def begin(self, agent: str, caller: str, channel: str, direction: str) -> Call:
        """Start a call without telling the adapter yet (see `report`). Raises MalformedInput."""
        self._expect("agent", agent, self.agents)
        self._expect("channel", channel, CHANNELS)
        self._expect("direction", direction, DIRECTIONS)
        customer = calls.find_customer(caller, channel)
        call = calls.start(
            f"call-{uuid4()}",
            customer,
            self._now(),
            agent=agent,
            channel=channel,
            direction=direction,
        )
        self._calls[call.id] = call
        self._forget()
        return call

    async def ring(self, agent: str, caller: str, channel: str, direction: str) -> Call:
        """Start a call. Raises MalformedInput; Unavailable where the adapter takes no event."""
        call = self.begin(agent, caller, channel, direction)
        return await self._tell(call.id, lambda call, _: call, calls.first_stages(call))

    async def report(self, call_id: str, stage: Stage) -> Call:
        """Tell the adapter of one stage that the call has reached."""
        return await self._tell(call_id, lambda call, _: call, (stage,))

    async def answer(self, call_id: str) -> Call:
        """Pick up at the agent whom the call rings."""
        return await self._tell(call_id, calls.answer, (Stage.ANSWERED,))

    async def transfer(self, call_id: str, agent: str) -> Call:
        """Pass the call on to another agent, where it rings."""
        self._expect("agent", agent, self.agents)
        return await self._tell(
            call_id, lambda call, now: calls.transfer(call, agent, now), (Stage.TRANSFERRED,)
        )

    async def hang_up(self, call_id: str) -> Call:
        """End the call."""
        return await self._tell(call_id, calls.hang_up, (Stage.ENDED,))

    async def record(self, call_id: str) -> Call:
        """Say that the recording, or a chat's transcript, is ready."""
        stage = calls.recorded_stage(self.get(call_id))
        return await self._tell(call_id, calls.record, (stage,))

    async def _tell(
        self, call_id: str, change: Callable[[Call, datetime], Call], stages: Iterable[Stage]
    ) -> Call:
        self.get(call_id)
        async with self._locks[call_id]:
            now = self._now()
            self._calls[call_id] = change(self.get(call_id), now)
            for stage in stages:
                self._calls[call_id], event = calls.event(
                    self._calls[call_id], stage, now, self._files
                )
                await self.delivery.post(event)
            return self._calls[call_id]

    def _forget(self) -> None:
        over = len(self._calls) - KEPT
        ended = [
            call.id
            for call in self._calls.values()
            if call.state is State.ENDED and not self._locks[call.id].locked()
        ]
        for call_id in ended[: max(over, 0)]:
            del self._calls[call_id]
            self._locks.pop(call_id, None)

    def _expect(self, name: str, value: str, allowed: Iterable[str]) -> None:
        if value not in allowed:
            known = ", ".join(allowed)
            raise MalformedInput(
                f"{name} is one of {known}, not {value!r}", [Place(name, "not known")]
            )
