"""Pop a record to an agent now, on demand of a source (`POST /v1/pops`)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from adapter import pop_claims, pops
from adapter.batch import Batch
from adapter.web import requests
from adapter.web.contacts import json_response


async def make_pop(request: Request) -> Response:
    """Take `{"agent", "url"}` or `{"agent", "table", "id"}`; only on the tenant's environments."""
    tenant, _ = requests.with_key(request, "ingest")
    services = requests.services(request)
    settings = services.registry[tenant]
    policy = settings.policy
    allowed = (policy.organisation,) if policy is not None else ()
    wanted = pops.parse_pop_request(await requests.body(request), allowed=allowed, policy=policy)
    agent = settings.agent(wanted.agent)
    record = None
    if wanted.table is not None and wanted.record_id is not None:
        record = {"table": wanted.table, "id": wanted.record_id}
    new = pop_claims.NewPop(
        agent=agent,
        contact=wanted.contact,
        stage=None,
        target=wanted.target,
        url=wanted.url,
        record=record,
        reason=wanted.reason,
        stale_after=policy.stale_after if policy is not None else 30,
    )

    def job(batch: Batch) -> str | None:
        pop = pop_claims.make(batch, new)
        if new.contact is not None:
            told = f"asked for at {agent.id}: {new.reason} (pop {pop})"
            batch.trace(tenant, new.contact, "matched", told)
        return pop

    pop = await services.committer.submit(job)
    services.metrics.pops_made.inc()
    return json_response({"pop": pop, "agent": agent.id, "url": wanted.url}, status=202)
