"""Forget a person in a running server: what the database keeps, and what memory holds of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from adapter import pop_claims
from adapter.batch import Batch
from adapter.services import Services
from adapter.sought import Sought
from adapter.store import erasing, pops as stored_pops
from adapter.store.erasing import Erased
from adapter.tenants import ContactKey, Tenant

AT_ONCE = 20
"""Contacts in one commit: some milliseconds of the event loop."""
ROUNDS = 4
"""Tries until nothing is left: an event of the very same moment may bring a contact back."""

REASON = "the contact was erased"

Positions = Mapping[str, Sequence[int]]
"""Where the journal knows each contact."""


async def forget(services: Services, tenant: Tenant, wanted: Sought, *, who: str) -> Erased:
    """Find and erase the contacts of who is sought; the server goes on serving meanwhile.

    Raises:
        StoreUnavailable: the disk or the file refuses; what was erased before that stays so.
    """
    found = await search(services, tenant, wanted)
    left = [ContactKey(tenant, each) for each in found.contacts]
    count: Counter[str] = Counter()
    for _ in range(ROUNDS):
        services.committer.upkeep.catch_up()  # another connection reads the database alone
        rows = await asyncio.to_thread(
            erasing.positions, services.database.path, tenant, [key.id for key in left]
        )
        for first in range(0, len(left), AT_ONCE):
            count += await _erased(services, left[first : first + AT_ONCE], rows)
        with services.database.reading():
            cursor = services.database.raw.cursor()
            left = [key for key in left if erasing.is_known(cursor, key)]
        if not left:
            break
    services.recent_requests.forget(tenant)
    services.database.wipe_redo()
    done = Erased(contacts=found.contacts, linked=found.linked, rows=dict(count))
    await services.committer.submit(
        lambda batch: erasing.conclude(batch.cursor, tenant, wanted, done, batch.now, who=who)
    )
    await asyncio.to_thread(erasing.empty_log, services.database.path)
    return done


async def search(services: Services, tenant: Tenant, wanted: Sought) -> Erased:
    """Say what would be erased; nothing is."""
    services.committer.upkeep.catch_up()
    ids = await asyncio.to_thread(erasing.find, services.database.path, tenant, wanted)
    with services.database.reading():
        beside = erasing.linked(services.database.raw.cursor(), tenant, ids)
    return Erased(contacts=ids, linked=beside, rows={})


async def obey(services: Services) -> None:
    """Drop what memory and panels hold of contacts that another process has erased.

    Raises:
        Unavailable: memory is dropped, and the panels are told by the next call.
    """
    for tenant in services.registry.tenants:
        services.recent_requests.forget(tenant)
    services.committer.forget_memory()
    services.database.wipe_redo()
    await withdraw_orphans(services)


async def withdraw_orphans(services: Services) -> None:
    """Tell the panels of open pops whose contacts another process has erased.

    Raises:
        Unavailable: the next call tells them.
    """
    tenants = services.registry.tenants
    with services.database.reading():
        cursor = services.database.raw.cursor()
        told = [each for each in tenants if stored_pops.orphaned(cursor, each)]
    for tenant in told:

        def job(batch: Batch, tenant: Tenant = tenant) -> None:
            pop_claims.withdraw_orphans(batch, tenant, REASON)

        await services.committer.submit(job)


async def _erased(
    services: Services, keys: Sequence[ContactKey], positions: Positions
) -> Counter[str]:
    return await services.committer.submit(lambda batch: _erase(batch, keys, positions))


def _erase(batch: Batch, keys: Sequence[ContactKey], positions: Positions) -> Counter[str]:
    count: Counter[str] = Counter()
    for key in keys:
        batch.forget(key)
        for pop in stored_pops.unfinished_of_contact(batch.cursor, key.tenant, key.id):
            pop_claims.withdraw(batch, key.tenant, key.id, pop.agent, REASON)
        count += erasing.erase(batch.cursor, key, positions.get(key.id, ()))
    return count
