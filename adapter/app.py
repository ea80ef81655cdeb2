"""Connect everything: what is made of what, and the route table. Start reading here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Message, Receive, Scope, Send

from adapter import secret_box, workers
from adapter.bodies import Bodies
from adapter.committer import Committer
from adapter.connections import needs, open_connections
from adapter.connections.consents import PATHS
from adapter.dataverse.errors import DataverseError
from adapter.environments import Environments
from adapter.errors import ScreenpopError, StoreUnavailable
from adapter.fitting import Fitting
from adapter.hub import Hub
from adapter.metrics import Metrics
from adapter.outbox import Outbox
from adapter.parts import Parts
from adapter.rate_limit import RateLimit
from adapter.registry import Registry
from adapter.services import Services, Tasks
from adapter.settings import Settings
from adapter.shares import Shares
from adapter.signing_in import open_signing_in
from adapter.step_desk import StepDesk
from adapter.store.database import Database
from adapter.subscriptions import Subscriptions
from adapter.tickets import Tickets
from adapter.web import (
    accounts,
    admin,
    consent_pages,
    contacts,
    dead_letters,
    descriptions,
    embedding,
    erasures,
    handshake_refusals,
    health,
    history,
    panel,
    people_admin,
    pop_requests,
    portal_sign_in,
    principals,
    recordings,
    refusal_pages,
    requests,
    sessions,
    sign_in,
    sign_in_admin,
    sign_in_windows,
    steps,
    trials,
)
from adapter.web.assets import Assets, AssetsApp
from adapter.web.feed_access import PATH as FEED
from adapter.web.id_routes import IdRoute
from adapter.web.ingest import Ingest
from adapter.web.intake import STRICT_TRANSPORT
from adapter.web.portal import faults
from adapter.web.portal.routes import routes as portal_routes


def routes(assets: Assets) -> list[BaseRoute]:
    """List every route but the hot ones (`Ingest`). The websocket of the feed is `FeedSocket`."""
    listed: list[BaseRoute] = [
        Route("/", panel.page, methods=["GET"]),
        Route("/v1/embedder", embedding.embedder, methods=["POST"]),
        Route("/v1/demo/sign-in", sessions.demo_sign_in, methods=["POST"]),
        Route(FEED, handshake_refusals.no_handshake, methods=["GET"]),
        Route("/v1/feed/ticket", sessions.ticket, methods=["POST"]),
        Route("/v1/session/renew", sessions.renew, methods=["POST"]),
        Route("/v1/session/end", sessions.end_session, methods=["POST"]),
        Route("/v1/sign-in", sign_in.register, methods=["POST"]),
        Route("/v1/sign-in/redeem", sign_in.redeem, methods=["POST"]),
        Route("/v1/sign-in/cancel", sign_in.cancel, methods=["POST"]),
        Route("/sign-in/start", sign_in_windows.start, methods=["GET"]),
        Route("/sign-in/confirm", sign_in_windows.confirm, methods=["POST"]),
        Route(sign_in_windows.CALLBACK, sign_in_windows.callback, methods=["GET", "POST"]),
        Route("/admin/sign-in/start", sign_in_windows.portal_start, methods=["GET"]),
        Route("/v1/admin/sign-in", sign_in_admin.get_sign_in, methods=["GET"]),
        Route("/v1/admin/sign-in", sign_in_admin.put_sign_in, methods=["PUT"]),
        Route("/v1/admin/sign-in/test", sign_in_admin.try_sign_in, methods=["POST"]),
        Route("/v1/admin/people", people_admin.list_people, methods=["GET"]),
        Route("/v1/admin/people/confirm", people_admin.confirm, methods=["POST"]),
        Route("/v1/admin/people/{id}", people_admin.put_person, methods=["PUT"]),
        *portal_sign_in.ROUTES,
        Route(panel.REPORT_URI, embedding.csp_report, methods=["POST"]),
        Route("/v1/pops", pop_requests.make_pop, methods=["POST"]),
        Route("/v1/history", history.history, methods=["GET"]),
        IdRoute("/v1/contacts/{id:path}/notes", history.put_note, methods=["PUT"]),
        IdRoute("/v1/contacts/{id:path}/trace", contacts.trace, methods=["GET"]),
        IdRoute("/v1/contacts/{id:path}", contacts.contact, methods=["GET"]),
        Route("/r/{token:path}", recordings.follow, methods=["GET"]),
        Route("/v1/admin/domains", admin.get_domains, methods=["GET"]),
        Route("/v1/admin/domains", admin.put_domains, methods=["PUT"]),
        Route("/v1/admin/domains/trial", trials.get_trial, methods=["GET"]),
        Route("/v1/admin/domains/trial", trials.put_trial, methods=["PUT"]),
        Route("/v1/admin/domains/check", admin.check_domains, methods=["GET"]),
        Route("/v1/admin/refusals", admin.list_refusals, methods=["GET"]),
        Route("/v1/admin/pop-policy", admin.get_pop_policy, methods=["GET"]),
        Route("/v1/admin/pop-policy", admin.put_pop_policy, methods=["PUT"]),
        Route("/v1/admin/aliases", admin.list_aliases, methods=["GET"]),
        Route("/v1/admin/aliases", admin.put_alias, methods=["PUT"]),
        Route("/v1/admin/audit", admin.audit_log, methods=["GET"]),
        Route("/v1/admin/accounts", accounts.list_accounts, methods=["GET"]),
        Route("/v1/admin/accounts/{name}", accounts.get_account, methods=["GET"]),
        Route("/v1/admin/accounts/{name}", accounts.put_account, methods=["PUT"]),
        Route("/v1/admin/accounts/{name}", accounts.delete_account, methods=["DELETE"]),
        Route("/v1/admin/accounts/{name}/draft", accounts.discard_draft, methods=["DELETE"]),
        Route("/v1/admin/accounts/{name}/rename", accounts.rename_account, methods=["POST"]),
        Route("/v1/admin/accounts/{name}/apply", accounts.apply_account, methods=["POST"]),
        Route("/v1/admin/accounts/{name}/test", accounts.test_account, methods=["POST"]),
        Route("/v1/admin/accounts/{name}/request-token", accounts.request_token, methods=["POST"]),
        Route("/v1/admin/accounts/{name}/confirm", accounts.confirm_consent, methods=["POST"]),
        *(Route(path, consent_pages.callback, methods=["GET", "POST"]) for path in PATHS),
        *portal_routes(),
        Route("/v1/admin/steps", steps.get_steps, methods=["GET"]),
        Route("/v1/admin/steps", steps.put_steps, methods=["PUT"]),
        Route("/v1/admin/steps/check", steps.check, methods=["POST"]),
        Route("/v1/admin/steps/preview", steps.preview, methods=["POST"]),
        Route("/v1/admin/dead-letters", dead_letters.list_dead_letters, methods=["GET"]),
        Route("/v1/admin/dead-letters/replay", dead_letters.replay_dead_letters, methods=["POST"]),
        Route(
            "/v1/admin/dead-letters/dismiss", dead_letters.dismiss_dead_letters, methods=["POST"]
        ),
        Route("/v1/admin/erasures", erasures.erase, methods=["POST"]),
        Route("/healthz", health.healthz, methods=["GET"]),
        Route("/readyz", health.readyz, methods=["GET"]),
        Route("/metrics", health.metrics, methods=["GET"]),
        Mount("/static", AssetsApp(assets)),
    ]
    return descriptions.with_descriptions(listed)


class Adapter(Starlette):
    """The application: Starlette, with the hot ingest routes in front of its router."""

    def __init__(self, services: Services, assets: Assets, pages: panel.Pages) -> None:
        super().__init__(
            routes=routes(assets),
            exception_handlers={
                ClientDisconnect: requests.on_sender_gone,
                DataverseError: accounts.on_dynamics_error,
                principals.SignInRequired: portal_sign_in.on_sign_in_required,
                principals.RoleMissing: portal_sign_in.on_role_missing,
                ScreenpopError: refusal_pages.on_error,
                HTTPException: refusal_pages.on_http_exception,
                Exception: faults.on_fault,
            },
            lifespan=lambda _: _lifespan(services, pages),
        )
        self._ingest = Ingest(super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] == "http" and scope["scheme"] == "https":
            send = _with_strict_transport(send)
        await self._ingest(scope, receive, send)


def _with_strict_transport(send: Send) -> Send:
    """Tell browsers that came by TLS to come by TLS only (RFC 6797)."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), STRICT_TRANSPORT]}
        await send(message)

    return sending


def create_services(settings: Settings, *, demo: bool = False) -> Services:
    """Open the database, bring it up to date, and make the shared objects.

    Raises:
        InvalidSettings: a setting is wrong.
        StoreUnavailable: the database cannot be opened or migrated.
    """
    # The seconds are for bringing the schema up to date, while another program may hold the lock.
    # `serve` sets them to 0, so that the event loop never waits: the committer tries again itself.
    database = Database(settings.database_url, busy_timeout=5.0)
    database.migrate()
    database.serve(outlives_power=settings.durability == "power")
    secret = settings.secret_key.get_secret_value() if settings.secret_key else None
    box = secret_box.load(secret, settings.data_dir / "secret.key")
    registry = Registry(
        database,
        box,
        environment_domain=settings.environment_domain,
        allow_loopback=settings.allow_loopback,
    )
    registry.refresh()
    metrics = Metrics()
    hub = Hub(metrics)
    shares = Shares()
    committer = Committer(
        database,
        registry,
        hub,
        metrics,
        queue_limit=settings.queue_limit,
        are_several=shares.are_several,
    )
    tasks = Tasks()
    connections = open_connections(
        database,
        box,
        settings,
        spawn=tasks.spawn,
        needs=lambda tenant, account, *, unnamed: needs.of_steps(
            registry[tenant].steps, account, unnamed=unnamed
        ),
    )
    environments = Environments(database, connections.clients)
    parts = Parts(committer, shares, metrics, queue_limit=settings.queue_limit)
    metrics.turn_queue.set_function(lambda: shares.waiting + parts.waiting)
    bodies = Bodies()
    metrics.body_bytes.set_function(lambda: bodies.size)
    return Services(
        settings=settings,
        database=database,
        box=box,
        registry=registry,
        hub=hub,
        committer=committer,
        subscriptions=Subscriptions(database, committer, registry, hub, metrics),
        tickets=Tickets(),
        metrics=metrics,
        tasks=tasks,
        connections=connections,
        environments=environments,
        step_desk=StepDesk(
            database,
            environments,
            origin=settings.origin_of,
            agent=lambda tenant, who: registry[tenant].agent(who),
        ),
        outbox=Outbox(
            database,
            committer,
            registry,
            connections.clients,
            metrics,
            link=recordings.linker(database, committer, settings),
            fitting=Fitting(environments),
        ),
        event_limit=RateLimit(settings.rate_limit),
        parts=parts,
        shares=shares,
        bodies=bodies,
        signing_in=open_signing_in(registry, box, settings),
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
        yield {"services": services, "pages": pages, "connections": services.connections}
        await services.tasks.finish()
        with suppress(StoreUnavailable):  # a use that is not written down is no reason to hang
            await workers.write_key_uses(services)
        await services.committer.drain()
        # A large request that waited for its turn may have begun meanwhile: it goes on in parts.
        await services.tasks.finish()
        await services.committer.drain()
        for task in services.workers.values():
            task.cancel()
    services.subscriptions.stop()
    await services.connections.clients.close()
    services.database.close()
