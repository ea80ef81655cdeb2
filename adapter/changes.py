"""Carry out what an admin changed while the server runs: here, or by a command line."""

from __future__ import annotations

import structlog

from adapter import messages, pipeline
from adapter.batch import Batch
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


def _write(batch: Batch, services: Services, changed: Changes) -> None:
    for tenant, name in changed.settings:
        batch.say(tenant, messages.SETTINGS_CHANGED, {"what": [name]}, agents=(EVERYONE,))
    for key in changed.revoked:
        sessions.end_of_key(batch.cursor, key)
    for tenant, source_id in changed.aliases:
        pipeline.merge(batch, Agent(tenant, source_id), services.registry[tenant].agent(source_id))
