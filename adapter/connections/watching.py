"""Renew tokens ahead of time and warn of secrets that end: the workers of the accounts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from adapter.connections.clients import Clients
from adapter.connections.desk import AccountDesk
from adapter.tenants import Tenant

log = structlog.get_logger()

FRESH_EVERY = 20.0
"""Seconds; a token is renewed ten minutes ahead of its end."""
WARN_EVERY = 60.0
"""Seconds: an account that is applied with a secret that ends soon is warned of while it is new."""


async def keep_fresh(clients: Clients) -> None:
    """Keep every token fresh, for good."""
    while True:
        await clients.keep_fresh()
        await asyncio.sleep(FRESH_EVERY)


async def watch_expiry(desk: AccountDesk) -> None:
    """Warn of each secret once for each of 30, 7, 1 days and the end, in the log."""
    told: set[tuple[Tenant, str, str, int]] = set()
    while True:
        for tenant, warning in desk.expiry_warnings(datetime.now(UTC).date()):
            key = (tenant, warning.account, f"{warning.what} {warning.expires}", warning.threshold)
            if key not in told:
                told.add(key)
                log.warning(
                    "secret ends", tenant=tenant, account=warning.account, detail=warning.text
                )
        await asyncio.sleep(WARN_EVERY)
