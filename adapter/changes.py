"""Carry out what an admin changed while the server runs: here, or by a command line."""

from __future__ import annotations

import structlog

from adapter import messages, pipeline
from adapter.batch import Batch
from adapter.close_codes import UNAUTHENTICATED
from adapter.messages import EVERYONE
from adapter.registry import Changes
from adapter.services import Services
from adapter.store import sessions
from adapter.tenants import Agent

log = structlog.get_logger()


async def apply(services: Services) -> None:
    """Read the settings again; tell the panels, close what was opened with revoked keys.

    Raises:
        StoreUnavailable: the changes are in force, and the next call tells of them.
    """
    services.connections.clients.refresh()
    close_ended_sessions(services)
    registry = services.registry
    registry.refresh()
    changed, registry.pending = registry.pending, Changes()
    if changed == Changes():
        return
    log.info(
        "settings changed",
        settings=[f"{tenant}: {name}" for tenant, name in changed.settings],
        revoked=sorted(changed.revoked),
        aliases=len(changed.aliases),
    )
    if changed.revoked:
        services.close_keys(changed.revoked)
    try:
        await services.committer.submit(lambda batch: _write(batch, services, changed))
    except BaseException:
        registry.pending = changed | registry.pending
        raise


def close_ended_sessions(services: Services) -> None:
    """Close the feeds whose session was ended, or whose person is another agent now."""
    bound = [socket for socket in services.sockets if socket.session is not None]
    if not bound:
        return
    with services.database.reading():
        agents = sessions.agents(services.database.raw.cursor())
    for socket in bound:
        known = agents.get(socket.session or b"")
        if known is None or socket.agent is None or known != socket.agent.id:
            socket.close(UNAUTHENTICATED)


def _write(batch: Batch, services: Services, changed: Changes) -> None:
    for tenant, name in changed.settings:
        batch.say(tenant, messages.SETTINGS_CHANGED, {"what": [name]}, agents=(EVERYONE,))
    for key in changed.revoked:
        sessions.end_of_key(batch.cursor, key)
    for tenant, source_id in changed.aliases:
        pipeline.merge(batch, Agent(tenant, source_id), services.registry[tenant].agent(source_id))
