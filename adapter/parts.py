"""Take a large request in parts, each a commit of its own, so that others have turns in between.

A thousand events in one commit are 35 ms in which nobody else is served. What is whole is an event
with all that follows from it (`pipeline`), not a request: where a part is refused, or the server
ends, the parts before it are kept. Their sender got no 202, sends all again, and what was kept
counts as duplicates.
"""

from __future__ import annotations

from datetime import datetime

from adapter import pipeline
from adapter.batch import Batch
from adapter.committer import Committer
from adapter.events import Decoded
from adapter.pipeline import Receipt
from adapter.shares import Shares
from adapter.tenants import Tenant

PART = 64
"""Events in one part: about two milliseconds of the event loop."""


async def accept(
    committer: Committer,
    shares: Shares,
    tenant: Tenant,
    decoded: Decoded,
    received: datetime,
    *,
    sender: str,
) -> Receipt:
    """Take the decoded events of one request; its receipt comes when all are durable.

    `sender` has its turn already, and waits for the next one before each further part.

    Raises:
        Overloaded: too many events wait. None of these is kept.
        StoreUnavailable: the journal refuses. Parts before are kept.
    """
    entries = decoded.entries
    if len(entries) <= PART:
        return await committer.submit(
            lambda batch: pipeline.accept(batch, tenant, decoded, received), weight=len(entries)
        )
    left = len(entries)
    committer.reserve(left)
    accepted = duplicates = 0
    try:
        for first in range(0, len(entries), PART):
            if first:
                await shares.turn(sender)
            part = Decoded(entries[first : first + PART])

            def job(batch: Batch, part: Decoded = part) -> Receipt:
                return pipeline.accept(batch, tenant, part, received)

            left -= len(part.entries)
            taken = await committer.submit_reserved(job, weight=len(part.entries))
            accepted += taken.accepted
            duplicates += taken.duplicates
    finally:
        committer.release(left)
    return Receipt(accepted, duplicates, decoded.ignored, decoded.rejected)
