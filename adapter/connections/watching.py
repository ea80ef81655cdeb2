"""Renew tokens ahead of time and warn of secrets that end: the workers of the accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from adapter.connections.clients import Clients
from adapter.connections.desk import AccountDesk
from adapter.tenants import Tenant

log = structlog.get_logger()

FRESH_EVERY = 20.0
"""Seconds; a token is renewed ten minutes ahead of its end."""
WARN_EVERY = 3600.0

SetDays = Callable[[Tenant, str, str, int], None]
"""Takes tenant, account, what (`client secret`, `certificate`) and days left: for a gauge."""


async def keep_fresh(clients: Clients) -> None:
    """Keep every token fresh, for good."""
    while True:
        await clients.keep_fresh()
        await asyncio.sleep(FRESH_EVERY)


async def watch_expiry(desk: AccountDesk, set_days: SetDays) -> None:
    """Warn of each secret once for each of 30, 7, 1 days and the end, and keep the gauge."""
    told: set[tuple[Tenant, str, str, int]] = set()
    while True:
        for tenant, warning in desk.expiry_warnings(datetime.now(UTC).date()):
            set_days(tenant, warning.account, warning.what, warning.days_left)
            key = (tenant, warning.account, f"{warning.what} {warning.expires}", warning.threshold)
            if key not in told:
                told.add(key)
                log.warning(
                    "secret ends", tenant=tenant, account=warning.account, detail=warning.text
                )
        await asyncio.sleep(WARN_EVERY)
