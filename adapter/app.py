"""Connect everything: what is made of what, and the route table. Start reading here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Message, Receive, Scope, Send

from adapter import secret_box, workers
from adapter.committer import Committer
from adapter.errors import ScreenpopError
from adapter.hub import Hub
from adapter.metrics import Metrics
from adapter.registry import Registry
from adapter.services import Services, Tasks
from adapter.settings import Settings
from adapter.store.database import Database
from adapter.subscriptions import Subscriptions
from adapter.tickets import Tickets
from adapter.web import (
    admin,
    contacts,
    descriptions,
    embedding,
    health,
    panel,
    pop_requests,
    problems,
    sessions,
)
from adapter.web.assets import Assets, AssetsApp
from adapter.web.ingest import Ingest


def routes(assets: Assets) -> list[BaseRoute]:
    """List every route but the hot ones (`Ingest`) and the feed (`FeedSocket`)."""
    listed: list[BaseRoute] = [
        Route("/", panel.page, methods=["GET"]),
        Route("/v1/embedder", embedding.embedder, methods=["POST"]),
        Route("/v1/demo/sign-in", sessions.demo_sign_in, methods=["POST"]),
        Route("/v1/feed/ticket", sessions.ticket, methods=["POST"]),
        Route("/v1/session/end", sessions.end_session, methods=["POST"]),
        Route(panel.REPORT_URI, embedding.csp_report, methods=["POST"]),
        Route("/v1/pops", pop_requests.make_pop, methods=["POST"]),
        Route("/v1/contacts/{id:path}/trace", contacts.trace, methods=["GET"]),
        Route("/v1/contacts/{id:path}", contacts.contact, methods=["GET"]),
        Route("/v1/admin/domains", admin.get_domains, methods=["GET"]),
        Route("/v1/admin/domains", admin.put_domains, methods=["PUT"]),
        Route("/v1/admin/domains/check", admin.check_domains, methods=["GET"]),
        Route("/v1/admin/refusals", admin.list_refusals, methods=["GET"]),
        Route("/v1/admin/pop-policy", admin.get_pop_policy, methods=["GET"]),
        Route("/v1/admin/pop-policy", admin.put_pop_policy, methods=["PUT"]),
        Route("/v1/admin/aliases", admin.list_aliases, methods=["GET"]),
        Route("/v1/admin/aliases", admin.put_alias, methods=["PUT"]),
        Route("/v1/admin/audit", admin.audit_log, methods=["GET"]),
        Route("/healthz", health.healthz, methods=["GET"]),
        Route("/readyz", health.readyz, methods=["GET"]),
        Route("/metrics", health.metrics, methods=["GET"]),
        Mount("/static", AssetsApp(assets)),
    ]
    return descriptions.with_descriptions(listed)


class Adapter(Starlette):
    """The application: Starlette, with the hot ingest routes in front of its router."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] == "http" and scope["scheme"] == "https":
            send = _with_strict_transport(send)
        await self._ingest(scope, receive, send)

    def __init__(self, services: Services, assets: Assets, pages: panel.Pages) -> None:
        super().__init__(
            routes=routes(assets),
            exception_handlers={
                ScreenpopError: problems.on_error,
                HTTPException: problems.on_http_exception,
                Exception: problems.on_fault,
            },
            lifespan=lambda _: _lifespan(services, pages),
        )
        self._ingest = Ingest(super().__call__)


def _with_strict_transport(send: Send) -> Send:
    """Tell browsers that came by TLS to come by TLS only (RFC 6797)."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            header = (b"strict-transport-security", b"max-age=31536000")
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return sending


def create_services(settings: Settings, *, demo: bool = False) -> Services:
    """Open the database, bring it up to date, and make the shared objects.

    Raises:
        InvalidSettings: a setting is wrong.
        StoreUnavailable: the database cannot be opened or migrated.
    """
    synchronous = "FULL" if settings.durability == "power" else "NORMAL"
    # The event loop never waits for a lock: the committer tries again by itself.
    database = Database(settings.database_url, busy_timeout=5.0, synchronous=synchronous)
    database.migrate()
    database.serve()
    secret = settings.secret_key.get_secret_value() if settings.secret_key else None
    registry = Registry(
        database,
        secret_box.load(secret, settings.data_dir / "secret.key"),
        environment_domain=settings.environment_domain,
        allow_loopback=settings.allow_loopback,
    )
    registry.refresh()
    metrics = Metrics()
    hub = Hub(metrics)
    committer = Committer(database, registry, hub, metrics, queue_limit=settings.queue_limit)
    return Services(
        settings=settings,
        database=database,
        registry=registry,
        hub=hub,
        committer=committer,
        subscriptions=Subscriptions(database, committer, registry, hub, metrics),
        tickets=Tickets(),
        metrics=metrics,
        tasks=Tasks(),
        demo=demo,
    )


def create_app(services: Services) -> Adapter:
    """Make the ASGI application of these services."""
    assets = Assets.load()
    return Adapter(services, assets, panel.load_pages(assets))


@asynccontextmanager
async def _lifespan(services: Services, pages: panel.Pages) -> AsyncIterator[dict[str, Any]]:
    async with asyncio.TaskGroup() as group:
        for name, work in workers.WORKERS.items():
            services.workers[name] = group.create_task(
                workers.keep_running(name, work, services), name=name
            )
        yield {"services": services, "pages": pages}
        await services.tasks.finish()
        await services.committer.drain()
        for task in services.workers.values():
            task.cancel()
    services.subscriptions.stop()
    services.database.close()
