"""Show what is set up and what comes next: the portal's first page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from adapter.checkups.findings import worst
from adapter.connections import views
from adapter.credentials import SIGNING
from adapter.i18n import Texts
from adapter.identity.roles import Role
from adapter.services import Services
from adapter.store import accounts, dead_letters, inspection, settings as stored
from adapter.tenants import Tenant
from adapter.web import addresses, requests
from adapter.web.portal import health, pages
from adapter.web.portal.routing import page
from adapter.web.principals import Principal


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to set up: whether it is done, and the page where one does it."""

    done: bool
    title: str
    what: str
    """What it is good for, or what was found."""
    page: str
    role: Role = "admin"
    """Who may open the page."""


async def show(request: Request, who: Principal) -> Response:
    """Show the checklist, and below it how the tenant is doing."""
    services = requests.services(request)
    _ = pages.texts(request)
    tasks = checklist(_, services, who.tenant)
    with services.database.reading():
        letters = dead_letters.count(services.database.raw.cursor(), who.tenant)
    panels = [
        feed
        for feed in services.hub.feeds()
        if feed.tenant == who.tenant and feed.panel is not None
    ]
    return await pages.render(
        request,
        "portal/overview.html",
        tasks=tasks,
        done=sum(task.done for task in tasks),
        next_task=next((task for task in tasks if not task.done), None),
        verdict=worst(health.checked(services, who.tenant, datetime.now(UTC))),
        letters=letters,
        panels=len(panels),
        agents=len({feed.agent for feed in panels}),
        address=addresses.public_origin(
            services.settings, request.headers.get("host", ""), request.url.scheme
        ),
    )


def checklist(texts: Texts, services: Services, tenant: Tenant) -> Sequence[Task]:
    """List what a tenant needs until the first record opens, in the order of doing it."""
    settings = services.registry[tenant]
    scopes = {
        key.scope
        for key in stored.keys(services.database)
        if key.tenant == tenant and key.revoked is None
    }
    ready = any(
        views.not_ready(each) is None for each in accounts.listed(services.database, tenant)
    )
    pops = settings.policy is not None or settings.steps.pop is not None
    with services.database.reading():
        cursor = services.database.raw.cursor()
        received = inspection.has_events(cursor, tenant)
        opened = inspection.has_opened(cursor, tenant)
    return (
        Task(
            len(settings.rules) > 0,
            texts("Allow your Dynamics page to show the panel"),
            texts("Until a rule names it, browsers refuse to show the panel inside of it."),
            "/admin/domains",
            "supervisor",
        ),
        Task(
            bool({"ingest", SIGNING} & scopes),
            texts("Give your telephony platform a key"),
            texts("With it the platform sends call events to Screenpop."),
            "/admin/keys",
        ),
        Task(
            received,
            texts("Receive the first event"),
            texts("Point the platform here, or send a simulated call."),
            "/admin/try-it",
        ),
        Task(
            ready,
            texts("Connect Dynamics"),
            texts("An integration account reads and writes records for the steps."),
            "/admin/dynamics",
        ),
        Task(
            pops,
            texts("Say what happens with a call"),
            texts("The steps create records in Dynamics and open the caller's."),
            "/admin/steps",
        ),
        Task(
            settings.sign_in is not None,
            texts("Let your agents sign in"),
            texts("By your own directory; each agent signs in once a shift."),
            "/admin/settings",
            "supervisor",
        ),
        Task(
            opened,
            texts("See a record open"),
            texts("An agent takes a call, and the caller's record opens."),
            "/admin/contacts",
            "supervisor",
        ),
    )


ROUTES = [page("/admin", get=show, role="supervisor")]
