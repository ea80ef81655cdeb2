"""Carry out what an admin changed while the server runs: here, or by a command line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from adapter import messages, pipeline
from adapter.batch import Batch
from adapter.close_codes import UNAUTHENTICATED
from adapter.messages import EVERYONE
from adapter.registry import Changes
from adapter.services import Services
from adapter.sockets import Socket
from adapter.store import sessions
from adapter.tenants import Agent

log = structlog.get_logger()

AT_ONCE: Final = 500
"""Feeds looked at in one turn of the event loop: a millisecond or two."""


async def apply(services: Services) -> None:
    """Read the settings again; tell the panels, close what was opened with revoked keys.

    Raises:
        StoreUnavailable: the changes are in force, and the next call tells of them.
    """
    services.connections.clients.refresh()
    await close_ended_sessions(services)
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
    try:
        if changed.revoked:
            services.close_keys(changed.revoked)
        await services.committer.submit(lambda batch: _write(batch, services, changed))
    except BaseException:
        registry.pending = changed | registry.pending
        raise


async def close_ended_sessions(services: Services) -> None:
    """Close the feeds whose session was ended, or whose person is another agent now.

    Some at a time, between which others have their turn.
    """
    bound = [socket for socket in services.sockets if socket.session is not None]
    for first in range(0, len(bound), AT_ONCE):
        if first:
            await asyncio.sleep(0)
        some = bound[first : first + AT_ONCE]
        with services.database.reading_tables():
            agents = sessions.agents(
                services.database.raw.cursor(), {socket.session or b"" for socket in some}
            )
        over = [socket for socket in some if _is_over(socket, agents)]
        services.sockets.close_all(over, UNAUTHENTICATED)


def _is_over(socket: Socket, agents: Mapping[bytes, str | None]) -> bool:
    known = agents.get(socket.session or b"")
    return known is None or socket.agent is None or known != socket.agent.id


def _write(batch: Batch, services: Services, changed: Changes) -> None:
    for tenant, name in changed.settings:
        batch.say(tenant, messages.SETTINGS_CHANGED, {"what": [name]}, agents=(EVERYONE,))
    for key in changed.revoked:
        sessions.end_of_key(batch.cursor, key)
    for tenant, source_id in changed.aliases:
        pipeline.merge(batch, Agent(tenant, source_id), services.registry[tenant].agent(source_id))
