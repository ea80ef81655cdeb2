"""Take a POST to `/v1/events` that is whole already, without ASGI: no task, no scope, no future.

It does what `ingest` does, in the same order and with the same checks (`intake`); a test posts
everything that can go wrong to both and compares the answers byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from adapter import credentials, pipeline
from adapter.errors import ScreenpopError
from adapter.events import Decoded
from adapter.pipeline import Receipt
from adapter.services import Services
from adapter.telephony import cloudevents
from adapter.tenants import Tenant
from adapter.web import intake
from adapter.web.intake import Answer, Arrival, Headers, Sender

SOURCE: Final = "cloudevents"

Lines = Sequence[tuple[bytes, bytes]]
"""The headers as they came, names in lower case."""

Tell = Callable[[Answer | None], None]
"""Takes the answer; None where there is none, because of a fault of ours."""


def take(services: Services, lines: Lines, body: bytes, tell: Tell) -> None:
    """Check, decode and commit one request; `tell` is called once, now or after the commit."""
    headers = intake.text_headers(lines)
    unread = intake.has_body(headers)  # until it is looked at, though it lies here
    arrival = Arrival(SOURCE, datetime.now(UTC), lines)
    try:
        tenant = intake.tenant(services, headers, arrival)
        sender = _sender(services, tenant, headers, len(body))
        unread = False
        name = intake.prove(services, sender, headers, arrival, body)
        decoded = cloudevents.decode(headers, body, received=arrival.received)
        arrival.decoded = decoded
        intake.admit(services, name, decoded)
        if decoded.entries:
            _commit(services, tenant, decoded, arrival, tell)
            return
        receipt = Receipt(0, 0, decoded.ignored, decoded.rejected)
        arrival.note(services, receipt)
        answer = intake.accepted(services, receipt)
    except ScreenpopError as error:
        arrival.note(services, None, error)
        answer = intake.refused(services, error, unread=unread)
    tell(answer)


def _sender(services: Services, tenant: Tenant, headers: Headers, length: int) -> Sender:
    secret = credentials.presented(headers.get("authorization"), headers.get("x-api-key"))
    intake.require_plain(headers)
    sender = intake.sender(services, tenant, headers, secret)
    limit = services.settings.body_limit
    if length > limit:
        intake.require_short(headers, limit)
        raise intake.too_long(limit)  # it came in chunks, with no length said
    return sender


def _commit(
    services: Services, tenant: Tenant, decoded: Decoded, arrival: Arrival, tell: Tell
) -> None:
    def committed(result: Receipt | Exception) -> None:
        if isinstance(result, Receipt):
            arrival.note(services, result)
            tell(intake.accepted(services, result))
        elif isinstance(result, ScreenpopError):
            arrival.note(services, None, result)
            tell(intake.refused(services, result, unread=False))
        else:
            tell(None)

    services.committer.submit_and_tell(
        lambda batch: pipeline.accept(batch, tenant, decoded, arrival.received),
        committed,
        weight=len(decoded.entries),
    )
