"""Check what a source sends, and word the answer, for every way in which an event comes in.

The cheapest checks come first: whatever an unauthenticated sender posts costs no more than the
check itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
import structlog

from adapter import parts, pipeline, recordings
from adapter.errors import (
    MalformedInput,
    PayloadTooLarge,
    Place,
    ScreenpopError,
    StoreUnavailable,
    Unauthenticated,
    UnsupportedCoding,
)
from adapter.events import ContactEvent, Decoded
from adapter.pipeline import Receipt
from adapter.recent_requests import RecentRequest
from adapter.seldom import Seldom
from adapter.services import Services
from adapter.shares import Waiter
from adapter.telephony import standard_webhooks
from adapter.tenants import Tenant
from adapter.web import problems
from adapter.web.requests import UnknownTenant

log = structlog.get_logger()

_refusals = Seldom()

Headers = Mapping[str, str]
"""The headers of one request by lower-case name; if a name is repeated, the last one counts."""

JSON: Final = (b"content-type", b"application/json")
NO_STORE: Final = (b"cache-control", b"no-store")
CLOSE: Final = (b"connection", b"close")
"""Sent if a body was not read: its rest would be taken for the next request."""
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")
"""Tells a client that came by TLS to come by TLS only (RFC 6797)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the headers beside `content-length`, and the body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Sender(NamedTuple):
    """Who sends, as far as the head of the request tells."""

    tenant: Tenant
    key: str | None
    """The key's id; None if only a signature of the body can tell."""
    signed_at: float | None = None
    """Unix time in seconds at which the head of a signed request was checked: the signature's age
    is judged by it, however long the body takes."""

    @property
    def name(self) -> str:
        """The name by which its rate and its share are limited, once its identity is proved."""
        return self.key if self.key is not None else f"signed/{self.tenant}"


def note(
    services: Services,
    request: RecentRequest,
    receipt: Receipt | None,
    error: ScreenpopError | None = None,
) -> None:
    """Remember a request with what became of it."""
    if receipt is not None:
        request.accepted, request.duplicates = receipt.accepted, receipt.duplicates
    if error is not None:
        # Their frames refer to the request: a cycle that only the collector could free.
        error.__traceback__ = error.__cause__ = error.__context__ = None
        request.error = error
    services.recent_requests.keep(request)


def text_headers(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give the headers of a request as text (ISO 8859-1, RFC 9110, 5.5)."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in lines}


def tenant(services: Services, headers: Headers, request: RecentRequest) -> Tenant:
    """Give the tenant of a request's host; raises `UnknownTenant`."""
    found = services.registry.tenant_of_host(headers.get("host", ""))
    if found is None:
        raise UnknownTenant("this host name is no tenant of this server")
    request.tenant = found
    return found


def has_body(headers: Headers) -> bool:
    """Whether the head announces a body (RFC 9112, 6.3)."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def require_plain(headers: Headers) -> None:
    """Refuse a compressed body; raises `UnsupportedCoding`."""
    coding = headers.get("content-encoding")
    if coding is not None and coding.lower() != "identity":
        raise UnsupportedCoding("this content encoding is not taken here: send it plain")


def require_short(headers: Headers, limit: int) -> None:
    """Refuse a body by the length that it declares; raises `PayloadTooLarge`."""
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:19]) > limit:
        raise PayloadTooLarge(f"the body has {declared} bytes; {limit} is the limit")


def too_long(limit: int) -> PayloadTooLarge:
    """Give the error of a body that turned out to be longer than `limit` bytes."""
    return PayloadTooLarge(f"the body has more than {limit} bytes")


def sender(services: Services, here: Tenant, headers: Headers, secret: str | None) -> Sender:
    """Check all that can be checked of the sender before the body is read.

    Raises:
        Unauthenticated: no credential, or a wrong one.
        Forbidden: a key of another scope.
    """
    if secret is None and "webhook-signature" in headers:
        if not services.registry[here].signing_secrets:
            raise Unauthenticated("this tenant has no signing secret")
        now = time.time()
        standard_webhooks.looks_signed(headers, now)
        return Sender(here, None, now)
    return Sender(here, services.registry.check_key(here, secret, "ingest").id)


def prove(
    services: Services, who: Sender, headers: Headers, request: RecentRequest, body: bytes
) -> str:
    """Give the name under which a sender's rate is limited; raises `Unauthenticated`."""
    request.body = body
    if who.signed_at is not None:
        secrets = services.registry[who.tenant].signing_secrets
        standard_webhooks.verify(secrets, headers, body, now=who.signed_at)
    name = who.name
    request.sender = name
    services.key_uses.note(name, request.received)
    return name


def wait(services: Services, name: str, size: int, work: Callable[[], None]) -> Waiter:
    """Queue a request, with a body of `size` bytes, until its sender's turn comes.

    A sender over its rate waits too: refusing takes as long as accepting, and a sender that is
    refused at once sends again at once.

    Raises:
        Overloaded: too much of the sender's is waiting already.
    """
    services.shares.check_room(name, size)
    return services.shares.wait(name, work, size=size)


def charge(services: Services, name: str) -> None:
    """Charge a body that cannot be decoded to its sender's allowance, as if it were one event.

    Raises:
        Overloaded: the sender sends too much; it is told this, not what is wrong with the body.
    """
    services.event_limit.take(name, 1, time.monotonic())


def take(
    services: Services, tenant: Tenant, name: str, request: RecentRequest, decoded: Decoded
) -> Decoded:
    """Charge the decoded events to the sender's allowance, and give those to be kept.

    Raises:
        Overloaded: the sender sends too much.
        MalformedInput: no event of the request is good.
    """
    request.decoded = decoded
    entries = decoded.entries
    is_alone = len(entries) == 1 and not decoded.ignored and not decoded.rejected
    if not is_alone:
        events = len(entries) + decoded.ignored + len(decoded.rejected)
        if events > 1:  # the first was counted when the request began, even if it holds none
            services.shares.count(name, min(events, parts.PART) - 1)
    services.event_limit.take(name, len(entries) or 1, time.monotonic())
    if not entries and decoded.rejected:
        raise _none_good(decoded)
    for entry in entries:
        for fact in entry.facts:
            if isinstance(fact, ContactEvent) and fact.recording is not None:
                return _without_strays(services, tenant, decoded, request.received)
    return decoded


def _without_strays(
    services: Services, tenant: Tenant, decoded: Decoded, received: datetime
) -> Decoded:
    """Remove recordings in buckets that are not the tenant's; the contacts' stories say so."""
    decoded, strays = recordings.sift(decoded, services.connections.clients.buckets(tenant))
    for stray in strays:
        services.committer.trace_later(tenant, stray.contact, received, "ignored", str(stray))
    return decoded


def accepted(services: Services, receipt: Receipt) -> Answer:
    """Count a receipt and give its answer (202: the events are kept)."""
    if receipt is pipeline.ONE:
        services.metrics.events["accepted"].count += 1
        return ONE_ACCEPTED
    pipeline.count(services.metrics, receipt)
    return _receipt(receipt)


def refused(services: Services, error: ScreenpopError, *, unread: bool) -> Answer:
    """Count a refusal and give its answer; `unread`: the body was not waited for."""
    count_refusal(services, error)
    if isinstance(error, StoreUnavailable) and (untold := _refusals.due()) is not None:
        log.warning("event refused", error=str(error), untold=untold)
    return problem(problems.of(error), *([CLOSE] if unread else ()))


def count_refusal(services: Services, error: ScreenpopError) -> None:
    """Count a refusal by its reason."""
    services.metrics.requests_refused.labels(type(error).__name__).inc()


def problem(told: problems.Problem, *more: tuple[bytes, bytes]) -> Answer:
    """Give the answer of a problem (RFC 9457)."""
    lines = ((name.encode(), value.encode()) for name, value in told.headers)
    return Answer(told.status, (*lines, *more), told.body)


def _none_good(decoded: Decoded) -> MalformedInput:
    first = decoded.rejected[0]
    more = f" (and {len(decoded.rejected) - 1} more)" if len(decoded.rejected) > 1 else ""
    told = decoded.places or [f"/{each.index}" for each in decoded.rejected]
    places = []
    for at, each in zip(told, decoded.rejected, strict=True):
        within = at.removeprefix(f"/{each.index}") if decoded.is_batch else at
        places.append(Place(at, each.detail.removeprefix(f"{within}: ")))
    which = f"event {first.index}: " if decoded.is_batch else ""
    return MalformedInput(f"{which}{first.detail}{more}", places)


def _receipt(receipt: Receipt) -> Answer:
    return Answer(202, (JSON, NO_STORE), msgspec.json.encode(receipt))


ONE_ACCEPTED: Final = _receipt(pipeline.ONE)
"""The answer of nearly all requests."""

FAULT: Final = problem(
    problems.plain(500, "fault", "The server made a mistake", "The fault is in the server's log."),
    CLOSE,
)
"""The answer if the fault is ours, on the routes that bypass Starlette."""
