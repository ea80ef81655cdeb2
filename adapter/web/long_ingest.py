"""Take a source's POST through ASGI: its body may come in pieces, be large, or be compressed.

The checks are those of `short_ingest`, in the same order: what costs less comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from starlette.types import Receive, Scope

from adapter.bodies import SMALL, Held
from adapter.errors import MalformedInput
from adapter.events import Decoded
from adapter.pipeline import Receipt
from adapter.recent_requests import RecentRequest
from adapter.services import Services
from adapter.tenants import Tenant
from adapter.web import intake, source_bodies
from adapter.web.source_bodies import SenderGone

UNPROVED = "unproved"
"""Stands for the sender of a large body until its signature is checked. All such senders share this
name, so strangers leave half of the room for large bodies to those who have a key."""

T = TypeVar("T")

Decode = Callable[[str, bytes, Held], Awaitable[Decoded]]
"""Gives the events in a body; raises `MalformedInput`. Its arguments are the name by which the
sender is limited, the body, and where to count the bytes of a body that is unpacked from it."""


class LongPost:
    """One request of a source, from its head to the receipt for its events."""

    def __init__(self, source: str, scope: Scope, receive: Receive) -> None:
        self.services: Services = scope["state"]["services"]
        self.headers = intake.text_headers(scope["headers"])
        self.request = RecentRequest(source, datetime.now(UTC), scope["headers"])
        self.is_unread = intake.has_body(self.headers)
        """Whether it has a body that may not have been read to its end."""
        self._receive = receive

    async def take(self, tenant: Tenant, secret: str | None, limit: int, decode: Decode) -> Receipt:
        """Check who sends, read a body of at most `limit` bytes, and keep the events in it.

        Raises:
            SenderGone: nobody is there to be answered.
            ScreenpopError: it is refused.
        """
        services, headers, request = self.services, self.headers, self.request
        sender = intake.sender(services, tenant, headers, secret)
        with services.bodies.held(sender.key or UNPROVED) as held:
            body = await source_bodies.receive_all(headers, self._receive, limit, held)
            self.is_unread = False
            name = intake.prove(services, sender, headers, request, body)
            await _turn(services, name, len(body), self._receive)
            try:
                decoded = await decode(name, body, held)
            except MalformedInput:
                intake.charge(services, name)
                raise
            return await self._keep(tenant, name, decoded)

    async def read(self, name: str, work: Callable[[], T], *, in_thread: bool) -> T:
        """Unpack or decode a body; a large one in a thread."""
        return await self.services.bodies.read(name, work) if in_thread else work()

    async def _keep(self, tenant: Tenant, name: str, decoded: Decoded) -> Receipt:
        services, request = self.services, self.request
        decoded = intake.take(services, tenant, name, request, decoded)
        if decoded.entries:
            receipt = await services.parts.accept(tenant, decoded, request.received, sender=name)
        else:
            receipt = Receipt(0, 0, decoded.ignored, decoded.rejected)
        intake.note(services, request, receipt)
        return receipt


async def _turn(services: Services, name: str, size: int, receive: Receive) -> None:
    """Wait for the sender's turn.

    Raises:
        SenderGone: the sender did not wait.
        Overloaded: too much of the sender's is waiting already.
    """
    if services.shares.try_begin(name):
        return
    come: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def tell(is_here: bool) -> None:
        if not come.done():
            come.set_result(is_here)

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        tell(False)

    # `bodies` counts a large one already; counted here too, it would keep out its key's small ones.
    waiter = intake.wait(services, name, size if size <= SMALL else 0, partial(tell, True))
    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch())
            is_here = await come
            watching.cancel()
    finally:
        services.shares.leave(waiter)
    if not is_here:
        raise SenderGone
