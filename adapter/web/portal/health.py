"""Show how the tenant is doing: what `doctor` says, how pops went, what is waiting."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter.checkups import machine, tenants
from adapter.checkups.findings import Finding, worst
from adapter.i18n import Texts
from adapter.office import Office
from adapter.services import Services
from adapter.store import figures, inspection
from adapter.tenants import Tenant
from adapter.web import requests
from adapter.web.portal import pages
from adapter.web.portal.formats import Formats
from adapter.web.portal.health_figures import figures as summed
from adapter.web.portal.health_sentences import PHRASES
from adapter.web.portal.health_workers import WORKERS
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

PATH = "/admin/health"
DAYS = 7

_OF_SCOPE = re.compile(r"\d+ (?:admin|feed|ingest|signing)")

PAGES = {
    "domains": "/admin/domains",
    "pop policy": "/admin/steps",
    "keys": "/admin/keys",
    "account": "/admin/dynamics",
    "steps": "/admin/steps",
    "dead letters": "/admin/dead-letters",
}
"""Beginning of a check's name to the page where an admin mends it."""


async def show(request: Request, who: Principal) -> Response:
    """Show checks, figures and queues."""
    services = requests.services(request)
    _ = pages.texts(request)
    now = datetime.now(UTC)
    midnight = _midnight(pages.formats_of(request), now)
    week = now - timedelta(days=DAYS)
    pops = await asyncio.to_thread(
        figures.pops, services.database.path, who.tenant, min(week, midnight)
    )
    found = checked(services, who.tenant, now)
    return await pages.render(
        request,
        "portal/health/page.html",
        verdict=worst(found),
        findings=[_told(_, each) for each in found],
        spans=[
            (_("Today"), summed(pops, midnight)),
            (_.many("%(num)d day", "%(num)d days", DAYS), summed(pops, week)),
        ],
        truncated=len(pops) >= figures.MOST,
        most=figures.MOST,
        host=await _host(_, services),
        feeds=_feeds(services, who.tenant),
    )


def checked(services: Services, tenant: Tenant, now: datetime) -> list[Finding]:
    """Give what `screenpop doctor` says of a tenant, and of the machine where it is alone on it.

    Several tenants on one host are several customers: the machine is none of their business.
    """
    office = Office(services.database, services.settings)
    found: list[Finding] = []
    if _is_alone(services):
        found += [
            *machine.check_settings(services.settings),
            machine.check_database_file(services.database.path),
            machine.check_disk(services.database),
            machine.check_clock(services.database, now),
            machine.check_key_file(services.settings),
            *tenants.check_sealed(office),
        ]
    return [*found, *tenants.check_tenant(office, tenant, now.date())]


def _is_alone(services: Services) -> bool:
    return len(services.registry.tenants) == 1


def _told(texts: Texts, finding: Finding) -> dict[str, str]:
    name = finding.check.rpartition(" of ")[0] or finding.check
    path = next((path for start, path in PAGES.items() if finding.check.startswith(start)), "")
    return {
        "check": PHRASES.say(texts, name),
        "status": finding.status,
        "detail": _keys(texts, finding.detail) or PHRASES.say(texts, finding.detail),
        # Where a page mends it, the command that does the same is no news to an admin.
        "do": "" if path else PHRASES.say(texts, finding.do),
        "page": path if finding.do else "",
    }


def _keys(texts: Texts, detail: str) -> str:
    """Say how many keys there are of each scope; empty where something else is told."""
    pieces = detail.split(", ")
    if not all(_OF_SCOPE.fullmatch(each) for each in pieces):
        return ""
    return ", ".join(PHRASES.say(texts, each) for each in pieces)


def _said(texts: Texts, worker: str) -> str:
    told = WORKERS.get(worker)
    return worker if told is None else texts(told)


async def _host(texts: Texts, services: Services) -> dict[str, Any] | None:
    """Measure the database and its queue, where the tenant is alone on the host."""
    if not _is_alone(services):
        return None
    sizes = await asyncio.to_thread(figures.sizes, services.database.path)
    workers: Sequence[tuple[str, bool]] = [
        (_said(texts, name), not task.done()) for name, task in sorted(services.workers.items())
    ]
    return {
        "sizes": sizes,
        "free": inspection.free_bytes(services.database.path),
        "queue": next(iter(services.metrics.queue.collect())).samples[0].value,
        "workers": workers,
        "retention": services.settings.retention_days,
    }


def _feeds(services: Services, tenant: Tenant) -> dict[str, int]:
    feeds = [feed for feed in services.hub.feeds() if feed.tenant == tenant]
    panels = [feed for feed in feeds if feed.panel is not None]
    return {"panels": len(panels), "agents": len({feed.agent for feed in panels})} | {
        "others": len(feeds) - len(panels)
    }


def _midnight(written: Formats, now: datetime) -> datetime:
    local = now.astimezone(written.zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


ROUTES = [page(PATH, get=show, role="supervisor")]
