"""Take events from sources: check the credential, read, decode, commit, answer.

Plain ASGI, in front of Starlette: this is the hot path, and a Request, a Response and the router
cost as much as the whole journal (docs/decisions/0004-hot-path.md). The order of the checks is
the order of their cost: nothing that an unauthenticated sender posts costs more than the check.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from adapter import credentials, pipeline
from adapter.errors import (
    MalformedInput,
    PayloadTooLarge,
    Place,
    ScreenpopError,
    StoreUnavailable,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from adapter.events import Decoded
from adapter.pipeline import Receipt
from adapter.rate_limit import RateLimit
from adapter.services import Services
from adapter.telephony import amazon_connect, amazon_firehose, cloudevents, standard_webhooks
from adapter.tenants import Tenant
from adapter.web import problems
from adapter.web.requests import UnknownTenant

log = structlog.get_logger()

Headers = Mapping[str, str]

MAX_MEMBERS = 1000
"""Gzip members of one body: Firehose writes one."""

_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"no-store")
_CLOSE = (b"connection", b"close")
"""Said where a body was not read: what follows on the connection would be its rest."""


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
        self._limit: RateLimit | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch by the exact path."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        source = SOURCES.get(scope["path"])
        if source is not None:
            await self._source(source, scope, receive, send)
        elif scope["path"] == FIREHOSE:
            await self._firehose(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    async def _source(self, source: Source, scope: Scope, receive: Receive, send: Send) -> None:
        services: Services = scope["state"]["services"]
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        unread = _has_body(headers)
        try:
            if scope["method"] == "OPTIONS" and source.handshake is not None:
                await _handshake(source.handshake(headers), send)
                return
            if scope["method"] != "POST":
                allow = "POST, OPTIONS" if source.handshake else "POST"
                await _method_not_allowed(send, allow, unread=unread)
                return
            received = datetime.now(UTC)
            tenant = _tenant(services, headers)
            secret = credentials.presented(headers.get("authorization"), headers.get("x-api-key"))
            if secret is None and source.handshake is not None:
                secret = _token(services, scope)
            _require_plain(headers)
            limit = services.settings.body_limit
            sender, body = await _body_of_known(
                services, tenant, headers, receive, secret=secret, limit=limit
            )
            unread = False
            decoded = source.decode(headers, body, received)
            self._spend(services, sender, decoded)
            if not decoded.entries and decoded.rejected:
                raise _none_good(decoded)
            receipt = await self._accept(services, tenant, decoded, received)
        except _Gone:
            return
        except ScreenpopError as error:
            await _refuse(services, error, send, unread=unread)
        else:
            await _answer(send, 202, msgspec.json.encode(receipt))

    async def _firehose(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer exactly as Firehose demands: 200 and the request's id, or it sends again.

        https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
        """
        services: Services = scope["state"]["services"]
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        received = datetime.now(UTC)
        milliseconds = int(received.timestamp() * 1000)
        request_id = headers.get("x-amz-firehose-request-id", "")
        unread = _has_body(headers)
        try:
            if scope["method"] != "POST":
                await _method_not_allowed(send, "POST", unread=unread)
                return
            tenant = _tenant(services, headers)
            secret = credentials.presented(
                headers.get("authorization"),
                headers.get("x-api-key"),
                headers.get("x-amz-firehose-access-key"),
            )
            limit = services.settings.firehose_body_limit
            sender, body = await _body_of_known(
                services, tenant, headers, receive, secret=secret, limit=limit
            )
            unread = False
            if headers.get("content-encoding", "").strip().lower() == "gzip":
                body = _gunzip(body, limit)
            request_id, decoded = amazon_firehose.decode(body, received=received)
            self._spend(services, sender, decoded)
            if not decoded.entries and decoded.rejected:
                raise _none_good(decoded)
            await self._accept(services, tenant, decoded, received)
        except _Gone:
            return
        except ScreenpopError as error:
            problem = problems.of(error)
            services.metrics.requests_refused.labels(type(error).__name__).inc()
            text = amazon_firehose.failure(request_id, milliseconds, str(error))
            more = (
                [(b"retry-after", str(error.retry_after).encode())]
                if isinstance(error, Unavailable)
                else []
            )
            await _answer(send, problem.status, text, [*more, *([_CLOSE] if unread else [])])
        else:
            await _answer(send, 200, amazon_firehose.success(request_id, milliseconds))

    def _spend(self, services: Services, sender: str, decoded: Decoded) -> None:
        if self._limit is None:
            self._limit = RateLimit(services.settings.rate_limit)
        self._limit.take(sender, max(1, len(decoded.entries)), time.monotonic())

    @staticmethod
    async def _accept(
        services: Services, tenant: Tenant, decoded: Decoded, received: datetime
    ) -> Receipt:
        if not decoded.entries:
            receipt = Receipt(0, 0, decoded.ignored, decoded.rejected)
        else:
            receipt = await services.committer.submit(
                lambda batch: pipeline.accept(batch, tenant, decoded, received),
                weight=len(decoded.entries),
            )
        pipeline.count(services.metrics, receipt)
        return receipt


class _Gone(Exception):
    """The sender closed the connection before its body was whole."""


def _tenant(services: Services, headers: Headers) -> Tenant:
    tenant = services.registry.tenant_of_host(headers.get("host", ""))
    if tenant is None:
        raise UnknownTenant("this host name is no tenant of this server")
    return tenant


def _token(services: Services, scope: Scope) -> str | None:
    """Give the key in the query (CloudEvents Web Hooks, section 3.2), where a setting allows it."""
    if not services.settings.allow_access_token_query:
        return None
    query = parse_qs(str(scope["query_string"], "latin-1"))
    return query["access_token"][0] if "access_token" in query else None


async def _body_of_known(
    services: Services,
    tenant: Tenant,
    headers: Headers,
    receive: Receive,
    *,
    secret: str | None,
    limit: int,
) -> tuple[str, bytes]:
    """Give who sends and the body, which is read only after what can be checked without it."""
    if secret is None and "webhook-signature" in headers:
        secrets = services.registry[tenant].signing_secrets
        if not secrets:
            raise Unauthenticated("this tenant has no signing secret")
        now = time.time()
        standard_webhooks.looks_signed(headers, now)
        body = await _body(headers, receive, limit)
        standard_webhooks.verify(secrets, headers, body, now=now)
        return f"signed/{tenant}", body
    key = services.registry.check_key(tenant, secret, "ingest")
    return key.id, await _body(headers, receive, limit)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _require_plain(headers: Headers) -> None:
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("this content encoding is not taken here: send it plain")


def _none_good(decoded: Decoded) -> MalformedInput:
    first = decoded.rejected[0]
    more = f" (and {len(decoded.rejected) - 1} more)" if len(decoded.rejected) > 1 else ""
    places = [Place(f"/{each.index}", each.detail) for each in decoded.rejected]
    return MalformedInput(f"event {first.index}: {first.detail}{more}", places)


async def _body(headers: Headers, receive: Receive, limit: int) -> bytes:
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:19]) > limit:
        raise PayloadTooLarge(f"the body has {declared} bytes; {limit} is the limit")
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _Gone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise PayloadTooLarge(f"the body has more than {limit} bytes")
        return body
    chunks = [body]
    size = len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise PayloadTooLarge(f"the body has more than {limit} bytes")
    return b"".join(chunks)


def _gunzip(body: bytes, limit: int) -> bytes:
    """Unpack gzip of one member or several (RFC 1952, 2.2), never more than `limit` bytes."""
    plain = b""
    for _ in range(MAX_MEMBERS):
        if not body:
            return plain
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            plain += inflater.decompress(body, limit + 1 - len(plain))
        except zlib.error as error:
            raise MalformedInput(f"the body is no gzip: {error}") from error
        if len(plain) > limit:
            raise PayloadTooLarge(f"the body has more than {limit} bytes when unpacked")
        if not inflater.eof:
            raise MalformedInput("the gzip body is cut off")
        body = inflater.unused_data
    raise PayloadTooLarge(f"the body has more than {MAX_MEMBERS} gzip members")


async def _handshake(granted: dict[str, str] | None, send: Send) -> None:
    """Answer the CloudEvents WebHook validation request (http-webhook.md, section 4)."""
    if granted is None:
        await _method_not_allowed(send, "POST")
        return
    await _answer(
        send, 200, b"", [(name.lower().encode(), value.encode()) for name, value in granted.items()]
    )


async def _method_not_allowed(send: Send, allow: str, *, unread: bool = False) -> None:
    detail = f"use {allow}"
    problem = problems.plain(405, "method-not-allowed", "This method is not taken here", detail)
    more = [(b"allow", allow.encode()), *([_CLOSE] if unread else [])]
    await _send_problem(problem, send, more)


async def _refuse(services: Services, error: ScreenpopError, send: Send, *, unread: bool) -> None:
    services.metrics.requests_refused.labels(type(error).__name__).inc()
    if isinstance(error, StoreUnavailable):
        log.warning("event refused", error=str(error))
    await _send_problem(problems.of(error), send, [_CLOSE] if unread else None)


async def _send_problem(
    problem: problems.Problem, send: Send, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(name.encode(), value.encode()) for name, value in problem.headers]
    await _write(send, problem.status, problem.body, headers + (more or []))


async def _answer(
    send: Send, status: int, body: bytes, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    await _write(send, status, body, [_JSON, _NO_STORE, *(more or [])])


async def _write(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    try:
        await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": body})
    except RuntimeError as error:
        # The sender has gone, and uvloop knows before uvicorn does. What it sent is kept.
        if "closed" not in str(error):
            raise
