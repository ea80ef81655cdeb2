"""Hold the last requests of each source, as they came, for an admin who asks what was sent.

Only references are kept on the way in: the hot path pays for one append of the object that it has
filled in anyway. What is shown is redacted when it is read (`adapter.redaction`); nothing is ever
written to the disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from itertools import count

import msgspec

from adapter.errors import ScreenpopError
from adapter.events import Decoded
from adapter.tenants import Tenant

KEPT = 20
"""Requests of known senders per tenant and source."""
KEPT_OF_STRANGERS = 10
"""Apart from them, so that who has no key cannot push out what who has one sent."""
KEPT_BYTES = 16 * 1024
"""Of a body: with three sources a tenant costs a megabyte at most."""
KEPT_ENTRIES = 20
"""Of a batch."""

RawHeaders = Sequence[tuple[bytes, bytes]]


class RecentRequest(msgspec.Struct, eq=False):
    """One request of a source: filled in as it gets known, and left alone once it is kept."""

    source: str
    received: datetime
    headers: RawHeaders
    tenant: Tenant | None = None
    sender: str | None = None
    """The id of the key, `signed/<tenant>`, or None until (or where) nobody is recognised."""
    body: bytes = b""
    decoded: Decoded | None = None
    accepted: int = 0
    duplicates: int = 0
    error: ScreenpopError | None = None
    size: int = 0
    """Bytes of the whole body, of which `body` may be the beginning."""
    number: int = 0
    """Growing over all tenants of this process: names it in an address."""


class RecentRequests:
    """The rings of all tenants and sources of this process."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._rings: dict[tuple[Tenant, str, bool], deque[RecentRequest]] = {}

    def keep(self, request: RecentRequest) -> None:
        """Keep a request, with what became of it; the oldest of its source goes.

        One whose host is no tenant's has no admin who could ask for it.
        """
        tenant = request.tenant
        if tenant is None:
            return
        request.size = len(request.body)
        if request.size > KEPT_BYTES:
            request.body = request.body[:KEPT_BYTES]
        decoded = request.decoded
        if decoded is not None and max(len(decoded.entries), len(decoded.rejected)) > KEPT_ENTRIES:
            request.decoded = Decoded(
                decoded.entries[:KEPT_ENTRIES], decoded.ignored, decoded.rejected[:KEPT_ENTRIES]
            )
        is_stranger = request.sender is None
        ring = self._rings.get((tenant, request.source, is_stranger))
        if ring is None:
            ring = deque(maxlen=KEPT_OF_STRANGERS if is_stranger else KEPT)
            self._rings[tenant, request.source, is_stranger] = ring
        request.number = next(self._numbers)
        ring.append(request)

    def of(self, tenant: Tenant) -> dict[str, list[RecentRequest]]:
        """Give a tenant's requests by source, the latest first."""
        found: dict[str, list[RecentRequest]] = {}
        for (whose, source, _), ring in self._rings.items():
            if whose == tenant:
                found.setdefault(source, []).extend(ring)
        for requests in found.values():
            requests.sort(key=lambda each: -each.number)
        return dict(sorted(found.items()))

    def get(self, tenant: Tenant, number: int) -> tuple[str, RecentRequest] | None:
        """Give one request of a tenant with its source; None where it is gone."""
        for source, requests in self.of(tenant).items():
            for request in requests:
                if request.number == number:
                    return source, request
        return None

    def forget(self, tenant: Tenant) -> None:
        """Drop a tenant's requests (an erasure)."""
        for key in [key for key in self._rings if key[0] == tenant]:
            del self._rings[key]
