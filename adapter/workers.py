"""Run what goes on beside the requests: watch settings, sweep sockets, checkpoint, forget."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from adapter import changes, environments, erasure, sockets
from adapter.batch import Batch
from adapter.connections import keep_fresh, watch_expiry
from adapter.errors import ScreenpopError
from adapter.hub import monotonic
from adapter.pulse import USUAL, pulse
from adapter.registry import Changes
from adapter.seldom import Seldom
from adapter.services import Services
from adapter.standstill import Standstills
from adapter.store import installation, key_uses, maintenance, outbox, retention, sessions
from adapter.tenants import Tenant

log = structlog.get_logger()

SWEEP_EVERY = 12.5
"""Seconds between two looks at a socket."""
RECOLLECT_LOOK_EVERY = 10.0
FORGET_EVERY = 3600.0
SESSIONS_EVERY = 60.0
SESSIONS_AT_ONCE = 500
"""In one commit: a few milliseconds of the loop."""
ENVIRONMENTS_EVERY = 300.0
"""Seconds until an environment that could not be asked is asked again."""
KEY_USES_EVERY = 60.0
FORGET_STEP = 50
"""Rows of each table in one commit: some milliseconds of the loop, more where the disk has them."""
FORGET_PAUSE = 0.02
INDEX_AT_ONCE = 1_000
"""Rows of which the index is written in one go: some milliseconds."""
INDEX_LOOKS = 100
INDEX_LOOK_EVERY = 0.1
"""Seconds. After so many looks it is written whatever it takes: a flood never leaves few."""


async def watch(services: Services) -> None:
    """Obey what another process wrote: rules, keys, policies, aliases, steps, revived requests."""
    version = -1  # what was written since the start, or since a failure here, is not seen else
    erased = _erasures(services)
    await erasure.withdraw_orphans(services)
    while True:
        now = services.database.data_version()
        if now != version and (count := _erasures(services)) != erased:
            await erasure.obey(services)
            erased = count
        if now != version or services.registry.pending != Changes():
            await changes.apply(services)
            _wake_revived(services)
            version = now
        await pulse(USUAL)


def _erasures(services: Services) -> int:
    with services.database.reading_tables():
        return installation.erasures(services.database.raw.cursor())


def _wake_revived(services: Services) -> None:
    """Send what a command line made due again (`screenpop steps replay`)."""
    with services.database.reading_tables():
        found = outbox.contacts_untried(services.database.raw.cursor(), datetime.now(UTC))
    services.outbox.wake(found)


async def sweep(services: Services) -> None:
    """Ping silent sockets and cut off dead ones: each has a look in every sweep."""
    short = Seldom()
    # In so many sweeps everybody is pinged and has its answer read.
    standstills = Standstills(monotonic(), patience=3 * SWEEP_EVERY)
    while True:
        for part in range(sockets.PARTS):
            await pulse(SWEEP_EVERY / sockets.PARTS)
            if sockets.are_out() and (untold := short.due()) is not None:
                log.critical(
                    "no file descriptors are left: new connections are cut off",
                    limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                    do="raise LimitNOFILE of the service (ulimit -n); see who opens so many",
                    untold=untold,
                )
            now, date = monotonic(), datetime.now(UTC)
            excused = standstills.seconds_at(now)
            for socket in services.sockets.part(part):
                try:
                    socket.sweep(now, date, excused)
                except Exception as error:  # noqa: BLE001 - it is logged there
                    # One that is broken must not keep the others from their look, now or later.
                    services.sockets.cut_off(socket, error)


async def checkpoint(services: Services) -> None:
    """Move committed pages from the log into the database, off the event loop.

    SQLite would do it inside a commit, which then takes ten milliseconds instead of 30 µs.
    """
    path = services.database.path
    done: maintenance.LogProgress | None = None
    written = 0
    while True:
        await pulse(USUAL)
        if services.database.rescue_logs():
            log.critical("a log of the database was deleted; the database has what it held")
        before, written = written, maintenance.log_written(path)
        if written == before:
            continue
        progress = maintenance.log_progress(path)
        if progress.frames < maintenance.LOG_PAGES or progress == done:
            continue
        # Nobody writes the log meanwhile where the redo log can take it: so the checkpoint gets to
        # its end, and the log is written from its beginning again, in pages that are still warm.
        with services.committer.upkeep.held():
            if await asyncio.to_thread(maintenance.checkpoint, path):
                done = maintenance.log_progress(path)
            else:
                written = 0  # it is tried again though nobody writes


async def recollect(services: Services) -> None:
    """Learn which events and contacts the journal's index has, so that new ones need no look.

    The scan takes a second for some millions of them. When there are many more it is done again.
    """
    seen = services.database.raw.tail.seen
    while True:
        if seen.is_due:
            seen.watch()
            seen.include(await asyncio.to_thread(maintenance.seen, services.database.path))
        await pulse(RECOLLECT_LOOK_EVERY)


async def forget(services: Services) -> None:
    """Delete what is older than the retention, in small steps between the requests."""
    while True:
        horizon = datetime.now(UTC) - timedelta(days=services.settings.retention_days)
        count = 0
        await _write_index(services)
        while deleted := await services.committer.submit(
            lambda batch, horizon=horizon: _forget_step(batch, horizon)  # type: ignore[misc]
        ):
            count += deleted
            await asyncio.sleep(FORGET_PAUSE)
        if count:
            services.database.wipe_redo()
            await _forget_audiences(services)
            log.info("retention", deleted=count, before=horizon.isoformat())
        await asyncio.sleep(FORGET_EVERY)


async def _write_index(services: Services) -> None:
    """Write what the index lacks, when that has become little: it is written in slices anyway."""
    for _ in range(INDEX_LOOKS):
        if services.database.raw.tail.rows <= INDEX_AT_ONCE:
            break
        await asyncio.sleep(INDEX_LOOK_EVERY)
    services.committer.write_index()


def _forget_step(batch: Batch, horizon: datetime) -> int:
    return retention.forget_step(
        batch.cursor, batch.registry.tenants, horizon=horizon, now=batch.now, limit=FORGET_STEP
    )


async def _forget_audiences(services: Services) -> None:
    for tenant in services.registry.tenants:

        def job(batch: Batch, tenant: Tenant = tenant) -> int:
            return retention.forget_audiences(batch.cursor, tenant)

        await services.committer.submit(job)


async def send_steps(services: Services) -> None:
    """Send what contacts are due in Dynamics."""
    services.connections.clients.refresh()
    await services.outbox.run()


async def fresh_tokens(services: Services) -> None:
    """Renew the tokens of the integration accounts ahead of their end."""
    await keep_fresh(services.connections.clients)


async def watch_secrets(services: Services) -> None:
    """Warn of secrets and certificates that end, 30, 7 and 1 days ahead."""
    await watch_expiry(services.connections.desk)


async def note_key_uses(services: Services) -> None:
    """Write down once a minute when keys were last used."""
    while True:
        await asyncio.sleep(KEY_USES_EVERY)
        await write_key_uses(services)


async def write_key_uses(services: Services) -> None:
    """Write down the uses that are not written yet.

    Raises:
        StoreUnavailable: they are kept for the next time.
    """
    taken = services.key_uses.take()
    if not taken:
        return
    try:
        await services.committer.submit(lambda batch: key_uses.write(batch.cursor, taken))
    except BaseException:
        services.key_uses.give_back(taken)
        raise


async def know_environments(services: Services) -> None:
    """Keep in mind what columns the tables of the steps have, so that texts fit when they go."""
    while True:
        for tenant in services.registry.tenants:
            used = frozenset(
                (step.account, step.table.entity_set)
                for step in services.registry[tenant].steps.requests
                if step.enabled
            )
            accounts = {account for account, _ in used}
            await services.environments.look(tenant, accounts, within=environments.OLD)
            await services.environments.look_at(tenant, used, within=environments.OLD)
        await asyncio.sleep(ENVIRONMENTS_EVERY)


async def keep_sessions(services: Services) -> None:
    """Keep sessions with an open feed from idling out, close the feeds of those that are over."""
    while True:
        await asyncio.sleep(SESSIONS_EVERY)
        used = [socket.session for socket in services.sockets if socket.session is not None]
        for first in range(0, len(used), SESSIONS_AT_ONCE):
            await services.committer.submit(
                partial(_touch, some=used[first : first + SESSIONS_AT_ONCE])
            )
        await services.committer.submit(lambda batch: sessions.forget(batch.cursor, batch.now))
        await changes.close_ended_sessions(services)


def _touch(batch: Batch, *, some: list[bytes]) -> None:
    sessions.touch(batch.cursor, some, batch.now)


WORKERS: dict[str, Callable[[Services], Awaitable[None]]] = {
    "settings watch": watch,
    "socket sweep": sweep,
    "checkpoint": checkpoint,
    "recollect": recollect,
    "retention": forget,
    "steps": send_steps,
    "tokens": fresh_tokens,
    "key uses": note_key_uses,
    "secrets": watch_secrets,
    "sessions": keep_sessions,
    "environments": know_environments,
}


async def keep_running(
    name: str, work: Callable[[Services], Awaitable[None]], services: Services
) -> None:
    """Run a worker for good: a failure is logged, and it starts again after a second."""
    failures = Seldom()
    while True:
        try:
            await work(services)
        except (ScreenpopError, OSError) as error:
            if (untold := failures.due()) is not None:
                told = str(error)
                log.warning(
                    "worker failed; it starts again", worker=name, error=told, untold=untold
                )
        except Exception:
            log.exception("worker made a mistake; it starts again", worker=name)
        await asyncio.sleep(1)
