"""Say at which routes events are taken, and what is special about each of them.

Plain ASGI, in front of Starlette: this is the hot path, and a Request, a Response and the router
cost as much as the whole journal (docs/decisions/0004-hot-path.md). All of them process a request
in the same way (`long_ingest`). The common POST of one event does not even come here: it is taken
by `short_ingest`, with the same checks (`intake`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from adapter import credentials, pipeline
from adapter.bodies import SMALL, Held
from adapter.errors import ScreenpopError, Unavailable
from adapter.events import Decoded
from adapter.services import Services
from adapter.telephony import amazon_connect, amazon_firehose, cloudevents
from adapter.web import intake, problems, refusal_pages, source_bodies
from adapter.web.intake import CLOSE, FAULT, JSON, NO_STORE, Answer, Headers
from adapter.web.long_ingest import LongPost
from adapter.web.source_bodies import SenderGone

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Source:
    """One route: how its requests are decoded, and whether senders may ask beforehand."""

    name: str
    decode: Callable[[Headers, bytes, datetime], Decoded]
    handshake: Callable[[Headers], dict[str, str] | None] | None = None
    """Answers the validation request of CloudEvents Web Hooks: takes the headers of an OPTIONS
    request and gives those of the answer. Only senders of web hooks may have a key in the query."""


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
            if not sending.has_begun:  # otherwise the server cuts the connection off midway
                await _write(send, FAULT)

    async def _source(self, source: Source, scope: Scope, receive: Receive, send: Send) -> None:
        post = LongPost(source.name, scope, receive)
        services, headers, request = post.services, post.headers, post.request
        try:
            tenant = intake.tenant(services, headers, request)
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
            limit = services.settings.body_limit
            receipt = await post.take(tenant, secret, limit, partial(_decode, source, post))
        except SenderGone:
            return
        except ScreenpopError as error:
            intake.note(services, request, None, error)
            await _write(send, intake.refused(services, error, unread=post.is_unread))
        else:
            await _write(send, intake.accepted(services, receipt))

    async def _firehose(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer exactly as Firehose demands: 200 and the request's id, or it sends again.

        https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
        """
        post = LongPost("amazon-firehose", scope, receive)
        services, headers, request = post.services, post.headers, post.request
        delivery = _Delivery(post, services.settings.firehose_body_limit)
        milliseconds = int(request.received.timestamp() * 1000)
        try:
            tenant = intake.tenant(services, headers, request)
            secret = credentials.presented(
                headers.get("authorization"),
                headers.get("x-api-key"),
                headers.get("x-amz-firehose-access-key"),
            )
            receipt = await post.take(tenant, secret, delivery.limit, delivery.decode)
            pipeline.count(services.metrics, receipt)
        except SenderGone:
            return
        except ScreenpopError as error:
            intake.note(services, request, None, error)
            intake.count_refusal(services, error)
            text = amazon_firehose.failure(delivery.id, milliseconds, str(error))
            more = (
                ((b"retry-after", str(error.retry_after).encode()),)
                if isinstance(error, Unavailable)
                else ()
            )
            lines = (JSON, NO_STORE, *more, *([CLOSE] if post.is_unread else ()))
            await _write(send, Answer(problems.of(error).status, lines, text))
        else:
            text = amazon_firehose.success(delivery.id, milliseconds)
            await _write(send, Answer(200, (JSON, NO_STORE), text))


async def _decode(source: Source, post: LongPost, name: str, body: bytes, _held: Held) -> Decoded:
    decoding = partial(source.decode, post.headers, body, post.request.received)
    return await post.read(name, decoding, in_thread=len(body) > SMALL)


class _Delivery:
    """One request of Firehose: its body may be compressed, and the answer repeats its id."""

    def __init__(self, post: LongPost, limit: int) -> None:
        self._post = post
        self.limit = limit
        """Most bytes of the body, both compressed and decompressed."""
        self.id = post.headers.get("x-amz-firehose-request-id", "")

    async def decode(self, name: str, body: bytes, held: Held) -> Decoded:
        """Unpack the body, and take the events and the id from it."""
        post = self._post
        if post.headers.get("content-encoding", "").strip().lower() == "gzip":
            unpacking = partial(source_bodies.gunzip, body, self.limit)
            body = await post.read(name, unpacking, in_thread=True)
            held.add(len(body))
        decoding = partial(amazon_firehose.decode, body, received=post.request.received)
        self.id, decoded = await post.read(name, decoding, in_thread=len(body) > SMALL)
        post.request.body = body
        return decoded


class _Sending:
    """A way to answer that knows whether the answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        self.has_begun = True
        await self._send(message)


def _token(services: Services, scope: Scope) -> str | None:
    """Give the key in the query (CloudEvents Web Hooks, section 3.2), if a setting allows it."""
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
