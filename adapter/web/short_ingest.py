"""Take a POST to `/v1/events` that is whole already, without ASGI: no task, no scope, no future.

It does what `ingest` does, in the same order and with the same checks (`intake`); a test posts
everything that can go wrong to both and compares the answers byte by byte.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import structlog

from adapter import credentials, parts, pipeline
from adapter.batch import Batch
from adapter.errors import MalformedInput, ScreenpopError
from adapter.events import Decoded
from adapter.jobs import Job
from adapter.pipeline import Receipt
from adapter.recent_requests import RecentRequest
from adapter.services import Services
from adapter.shares import Waiter
from adapter.telephony import cloudevents
from adapter.tenants import Tenant
from adapter.web import intake
from adapter.web.intake import Answer, Headers, Sender
from adapter.web.known_heads import KnownHead

log = structlog.get_logger()

SOURCE: Final = "cloudevents"
NOTHING: Final = Decoded()


class Post(Job, kw_only=True, eq=False):
    """One request, from its complete body to its answer.

    It is itself the job in the committer's queue: a separate object would cost time for each event.
    """

    services: Services
    request: RecentRequest
    generation: int = -1
    """That of the registry when the head was checked."""
    decoded: Decoded = NOTHING
    """The events to be committed; `request` has all that came."""

    def answer(self, answer: Answer | None) -> None:
        """Take the answer, once; None stands for a fault of ours."""
        raise NotImplementedError

    def waits(self, waiter: Waiter) -> None:
        """Learn that it waits for its sender's turn; `Shares.leave` ends the wait."""
        raise NotImplementedError

    def check(self, body: bytes) -> None:
        """Check who sends, decode and queue; the answer comes now or after the commit."""
        services, request = self.services, self.request
        headers = intake.text_headers(request.headers)
        unread = intake.has_body(headers)  # as on the long way, which has not read it yet
        self.generation = services.registry.generation
        try:
            tenant = intake.tenant(services, headers, request)
            sender = self._sender(tenant, headers, len(body))
            unread = False
            name = intake.prove(services, sender, headers, request, body)
            self._decode_in_turn(tenant, name, headers, body)
        except ScreenpopError as error:
            self._refuse(error, unread=unread)

    def reuse_checks(self, head: KnownHead, body: bytes) -> None:
        """Decode and queue: the head was checked before, and nothing has changed since."""
        self.services.key_uses.note(head.key, self.request.received)
        try:
            self._decode_in_turn(head.tenant, head.key, head.headers, body)
        except ScreenpopError as error:
            self._refuse(error, unread=False)

    def _sender(self, tenant: Tenant, headers: Headers, length: int) -> Sender:
        secret = credentials.presented(headers.get("authorization"), headers.get("x-api-key"))
        intake.require_plain(headers)
        sender = intake.sender(self.services, tenant, headers, secret)
        limit = self.services.settings.body_limit
        if length > limit:
            intake.require_short(headers, limit)
            raise intake.too_long(limit)  # it was chunked, with no length declared
        return sender

    def _decode_in_turn(self, tenant: Tenant, name: str, headers: Headers, body: bytes) -> None:
        """Decode and queue in this turn of the loop or, while others send too, in a later one."""
        if self.services.shares.try_begin(name):
            self._decode_and_queue(tenant, name, headers, body)
        else:
            # A lambda would box its variables for each request, and few have to wait.
            work = partial(self._resume, tenant, name, headers, body)
            self.waits(intake.wait(self.services, name, len(body), work))

    def _resume(self, tenant: Tenant, name: str, headers: Headers, body: bytes) -> None:
        try:
            self._decode_and_queue(tenant, name, headers, body)
        except ScreenpopError as error:
            self._refuse(error, unread=False)
        except Exception:
            log.exception("a request failed")
            self.answer(None)

    def _decode_and_queue(self, tenant: Tenant, name: str, headers: Headers, body: bytes) -> None:
        services, request = self.services, self.request
        try:
            decoded = cloudevents.decode(headers, body, received=request.received)
        except MalformedInput:
            intake.charge(services, name)
            raise
        self.decoded = decoded = intake.take(services, tenant, name, request, decoded)
        if decoded.entries:
            self.weight = len(decoded.entries)
            if self.weight > parts.PART:
                services.tasks.spawn(self._take_in_parts(tenant, name), name="a large request")
            else:
                services.committer.enqueue(self)
        else:
            self.tell(Receipt(0, 0, decoded.ignored, decoded.rejected))

    async def _take_in_parts(self, tenant: Tenant, name: str) -> None:
        try:
            receipt = await self.services.parts.accept(
                tenant, self.decoded, self.request.received, sender=name
            )
        except ScreenpopError as error:
            self._refuse(error, unread=False)
        except Exception:
            log.exception("a request failed")
            self.answer(None)
        else:
            self.tell(receipt)

    def work(self, batch: Batch) -> Receipt:
        """Keep the events."""
        request = self.request
        tenant = request.tenant
        assert tenant is not None  # noqa: S101 - or it would have been refused
        return pipeline.accept(batch, tenant, self.decoded, request.received)

    def tell(self, result: Receipt | Exception) -> None:
        """Note the outcome and answer."""
        if isinstance(result, Receipt):
            intake.note(self.services, self.request, result)
            self.answer(intake.accepted(self.services, result))
        elif isinstance(result, ScreenpopError):
            self._refuse(result, unread=False)
        else:
            self.answer(None)

    def _refuse(self, error: ScreenpopError, *, unread: bool) -> None:
        intake.note(self.services, self.request, None, error)
        self.answer(intake.refused(self.services, error, unread=unread))
