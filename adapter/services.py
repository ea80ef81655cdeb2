"""Name the objects that every part of the server shares; `app.py` makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypedDict

import structlog

from adapter.bodies import Bodies
from adapter.close_codes import UNAUTHENTICATED
from adapter.committer import Committer
from adapter.connections import Connections
from adapter.embedders import Embedders
from adapter.environments import Environments
from adapter.greetings import Greetings
from adapter.hub import Hub
from adapter.key_uses import KeyUses
from adapter.metrics import Metrics
from adapter.outbox import Outbox
from adapter.parts import Parts
from adapter.rate_limit import RateLimit
from adapter.reading_turns import ReadingTurns
from adapter.recent_requests import RecentRequests
from adapter.registry import Registry
from adapter.secret_box import SecretBox
from adapter.settings import Settings
from adapter.shares import Shares
from adapter.signing_in import SigningIn
from adapter.sockets import Sockets
from adapter.step_desk import StepDesk
from adapter.store.database import Database
from adapter.subscriptions import Subscriptions
from adapter.tickets import Tickets

log = structlog.get_logger()

REFUSALS_A_SECOND = 50
"""Refused embedders that one tenant may have written down; strangers send them."""
SIGN_INS_A_SECOND = 200
"""Windows that one address may begin at a tenant: a whole shift comes from one within a minute."""


class Tasks:
    """Own the short tasks that callbacks start, so that somebody awaits them."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work`; an exception is logged, not lost."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task failed", task=task.get_name(), exc_info=task.exception())

    async def finish(self) -> None:
        """Wait for what is running."""
        while self._running:
            await asyncio.wait(self._running)


@dataclass(frozen=True, slots=True)
class Services:
    """What a request or a socket may use."""

    settings: Settings
    database: Database
    box: SecretBox
    registry: Registry
    hub: Hub
    committer: Committer
    subscriptions: Subscriptions
    tickets: Tickets
    metrics: Metrics
    tasks: Tasks
    connections: Connections
    environments: Environments
    step_desk: StepDesk
    outbox: Outbox
    event_limit: RateLimit
    """Of each key that sends events, whichever way they come."""
    signing_in: SigningIn
    parts: Parts
    shares: Shares
    """Of the loop's turns, between the keys that send events."""
    bodies: Bodies
    reading_turns: ReadingTurns = field(default_factory=ReadingTurns)
    """The same, between the feeds that send much."""
    demo: bool = False
    refusal_limit: RateLimit = field(
        default_factory=lambda: RateLimit(REFUSALS_A_SECOND, "too many reports of blocked frames")
    )
    sign_in_limit: RateLimit = field(
        default_factory=lambda: RateLimit(SIGN_INS_A_SECOND, "too many sign-ins at once")
    )
    sockets: Sockets = field(default_factory=Sockets)
    key_uses: KeyUses = field(default_factory=KeyUses)
    recent_requests: RecentRequests = field(default_factory=RecentRequests)
    greetings: Greetings = field(default_factory=Greetings)
    embedders: Embedders = field(default_factory=Embedders)
    workers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """The background tasks by name; `/readyz` says which has died."""

    def close_session(self, digest: bytes) -> None:
        """Close the feeds of a session that is over."""
        ended = (socket for socket in self.sockets if socket.session == digest)
        self.sockets.close_all(ended, UNAUTHENTICATED)

    def close_keys(self, keys: frozenset[str]) -> None:
        """Close the feeds opened with keys that are revoked now, and take back their tickets."""
        self.tickets.drop(keys)
        opened = (socket for socket in self.sockets if socket.key in keys)
        self.sockets.close_all(opened, UNAUTHENTICATED)


class State(TypedDict):
    """The lifespan state that uvicorn hands to every request and socket."""

    services: Services
