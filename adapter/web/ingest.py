"""Take events from sources: check the credential, read, decode, commit, answer.

Plain ASGI, in front of Starlette: this is the hot path, and a Request, a Response and the router
cost as much as the whole journal (docs/decisions/0004-hot-path.md). The common POST of one event
does not even come here: see `short_ingest`, which shares the checks of `intake`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qs

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from adapter import credentials, pipeline
from adapter.bodies import SMALL
from adapter.errors import MalformedInput, ScreenpopError, Unavailable
from adapter.events import Decoded
from adapter.pipeline import Receipt
from adapter.recent_requests import RecentRequest
from adapter.services import Services
from adapter.telephony import amazon_connect, amazon_firehose, cloudevents
from adapter.tenants import Tenant
from adapter.web import intake, problems, refusal_pages, source_bodies
from adapter.web.intake import CLOSE, FAULT, JSON, NO_STORE, Answer, Headers
from adapter.web.source_bodies import SenderGone

log = structlog.get_logger()

UNPROVED = "unproved"
"""Whose large body it is while a signature is still to be checked, of all tenants together: so
strangers leave half of what large bodies may take to those who have a key."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """One ingest route: how its requests are decoded and whether it has a header of its own."""

    name: str
    decode: Callable[[Headers, bytes, datetime], Decoded]
    handshake: Callable[[Headers], dict[str, str] | None] | None = None
    """The abuse protection of CloudEvents Web Hooks, whose senders may put a key in the query."""


SOURCES: dict[str, Source] = {
    "/v1/events": Source(
        "cloudevents",
        lambda headers, body, received: cloudevents.decode(headers, body, received=received),
        cloudevents.webhook_handshake,
    ),
    "/v1/events/amazon-connect": Source(
        "amazon-connect",
        lambda _headers, body, received: amazon_connect.decode(body, received=received),
    ),
}

FIREHOSE = "/v1/events/amazon-firehose"


class Ingest:
    """The ingest routes; everything else goes to `rest`."""

    def __init__(self, rest: Callable[[Scope, Receive, Send], Any]) -> None:
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch by the exact path."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        source = SOURCES.get(scope["path"])
        if source is None and scope["path"] != FIREHOSE:
            await self._rest(scope, receive, send)
            return
        methods = ("POST", "OPTIONS") if source is not None and source.handshake else ("POST",)
        sending = _Sending(send)
        try:
            if scope["method"] not in methods:
                await _not_taken(", ".join(methods), scope, receive, sending)
            elif source is not None:
                await self._source(source, scope, receive, sending)
            else:
                await self._firehose(scope, receive, sending)
        except Exception:
            log.exception("a request failed")
            if not sending.has_begun:  # else the server ends the connection in the midst of it
                await _write(send, FAULT)

    async def _source(self, source: Source, scope: Scope, receive: Receive, send: Send) -> None:
        services: Services = scope["state"]["services"]
        headers = intake.text_headers(scope["headers"])
        unread = intake.has_body(headers)
        arrival = RecentRequest(source.name, datetime.now(UTC), scope["headers"])
        try:
            tenant = intake.tenant(services, headers, arrival)
            if scope["method"] == "OPTIONS" and source.handshake is not None:
                granted = source.handshake(headers)
                if granted is None:
                    await _not_taken("POST", scope, receive, send)
                else:
                    await _handshake(granted, send)
                return
            secret = credentials.presented(headers.get("authorization"), headers.get("x-api-key"))
            if secret is None and source.handshake is not None:
                secret = _token(services, scope)
            intake.require_plain(headers)
            sender = intake.sender(services, tenant, headers, secret)
            with services.bodies.held(sender.key or UNPROVED) as held:
                body = await source_bodies.receive_all(
                    headers, receive, services.settings.body_limit, held
                )
                unread = False
                name = intake.prove(services, sender, headers, arrival, body)
                await _turn(services, name, len(body), receive)
                reading = partial(source.decode, headers, body, arrival.received)
                decoded = await _read(services, name, reading, in_thread=len(body) > SMALL)
                receipt = await _accept(services, name, tenant, arrival, decoded)
        except SenderGone:
            return
        except ScreenpopError as error:
            intake.note(services, arrival, None, error)
            await _write(send, intake.refused(services, error, unread=unread))
        else:
            await _write(send, intake.accepted(services, receipt))

    async def _firehose(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer exactly as Firehose demands: 200 and the request's id, or it sends again.

        https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
        """
        services: Services = scope["state"]["services"]
        headers = intake.text_headers(scope["headers"])
        arrival = RecentRequest("amazon-firehose", datetime.now(UTC), scope["headers"])
        milliseconds = int(arrival.received.timestamp() * 1000)
        request_id = headers.get("x-amz-firehose-request-id", "")
        unread = intake.has_body(headers)
        try:
            tenant = intake.tenant(services, headers, arrival)
            secret = credentials.presented(
                headers.get("authorization"),
                headers.get("x-api-key"),
                headers.get("x-amz-firehose-access-key"),
            )
            limit = services.settings.firehose_body_limit
            sender = intake.sender(services, tenant, headers, secret)
            with services.bodies.held(sender.key or UNPROVED) as held:
                body = await source_bodies.receive_all(headers, receive, limit, held)
                unread = False
                name = intake.prove(services, sender, headers, arrival, body)
                await _turn(services, name, len(body), receive)
                is_packed = headers.get("content-encoding", "").strip().lower() == "gzip"
                if is_packed:
                    unpacking = partial(source_bodies.gunzip, body, limit)
                    body = await _read(services, name, unpacking, in_thread=True)
                    held.add(len(body))
                reading = partial(amazon_firehose.decode, body, received=arrival.received)
                in_thread = len(body) > SMALL
                request_id, decoded = await _read(services, name, reading, in_thread=in_thread)
                arrival.body = body
                receipt = await _accept(services, name, tenant, arrival, decoded)
            pipeline.count(services.metrics, receipt)
        except SenderGone:
            return
        except ScreenpopError as error:
            intake.note(services, arrival, None, error)
            intake.count_refusal(services, error)
            text = amazon_firehose.failure(request_id, milliseconds, str(error))
            more = (
                ((b"retry-after", str(error.retry_after).encode()),)
                if isinstance(error, Unavailable)
                else ()
            )
            lines = (JSON, NO_STORE, *more, *([CLOSE] if unread else ()))
            await _write(send, Answer(problems.of(error).status, lines, text))
        else:
            text = amazon_firehose.success(request_id, milliseconds)
            await _write(send, Answer(200, (JSON, NO_STORE), text))


class _Sending:
    """A way to answer that knows whether the answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        self.has_begun = True
        await self._send(message)


async def _turn(services: Services, name: str, size: int, receive: Receive) -> None:
    """Wait for the sender's turn; raises `SenderGone` where it does not, and `Overloaded`."""
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

    # A large one counts among the `bodies`; here it would keep the small ones of its key out.
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


async def _read(services: Services, name: str, work: Callable[[], T], *, in_thread: bool) -> T:
    """Unpack or decode a body; what cannot be read costs its sender what an event costs."""
    try:
        return await services.bodies.read(name, work) if in_thread else work()
    except MalformedInput as error:
        raise intake.charged(services, name, error) from None


async def _accept(
    services: Services, name: str, tenant: Tenant, arrival: RecentRequest, decoded: Decoded
) -> Receipt:
    decoded = intake.take(services, tenant, name, arrival, decoded)
    if decoded.entries:
        receipt = await services.parts.accept(tenant, decoded, arrival.received, sender=name)
    else:
        receipt = Receipt(0, 0, decoded.ignored, decoded.rejected)
    intake.note(services, arrival, receipt)
    return receipt


def _token(services: Services, scope: Scope) -> str | None:
    """Give the key in the query (CloudEvents Web Hooks, section 3.2), where a setting allows it."""
    if not services.settings.allow_access_token_query:
        return None
    query = parse_qs(str(scope["query_string"], "latin-1"))
    return query["access_token"][0] if "access_token" in query else None


async def _handshake(granted: dict[str, str], send: Send) -> None:
    """Answer the CloudEvents WebHook validation request (http-webhook.md, section 4)."""
    lines = ((name.lower().encode(), value.encode()) for name, value in granted.items())
    await _write(send, Answer(200, (JSON, NO_STORE, *lines), b""))


async def _not_taken(allow: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a method as the router would; a browser gets a page, an unknown host is told so."""
    error = HTTPException(405, f"use {allow}", headers={"allow": allow})
    answer = await refusal_pages.on_http_exception(Request(scope), error)
    await answer(scope, receive, send)


async def _write(send: Send, answer: Answer) -> None:
    lines = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": lines})
        await send({"type": "http.response.body", "body": answer.body})
    except RuntimeError as error:
        # The sender has gone, and uvloop knows before uvicorn does. What it sent is kept.
        if "closed" not in str(error):
            raise
