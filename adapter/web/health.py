"""Tell operators: alive, ready (database and workers really tried), metrics."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapter.batch import Batch
from adapter.errors import ScreenpopError
from adapter.services import Services
from adapter.store import installation, maintenance
from adapter.web import requests

NO_STORE = {"cache-control": "no-store"}


async def healthz(_request: Request) -> Response:
    """Answer while the event loop turns."""
    return JSONResponse({"status": "alive"}, headers=NO_STORE)


async def readyz(request: Request) -> Response:
    """Commit once and look at each worker; 503 names what is wrong."""
    services = requests.services(request)
    checks = {"journal": await _journal(services)}
    for name, task in services.workers.items():
        checks[name] = "stopped" if task.done() else "ok"
    ready = all(result == "ok" for result in checks.values())
    return JSONResponse(
        {
            "status": "ready" if ready else "not ready",
            "checks": checks,
            "installation": _installation(services),
        },
        200 if ready else 503,
        NO_STORE,
    )


def _installation(services: Services) -> str | None:
    """Give what `doctor` knows this database by; None while it cannot be read."""
    try:
        with services.database.reading_tables():
            return installation.identity(services.database.raw.cursor())
    except ScreenpopError:
        return None


async def _journal(services: Services) -> str:
    try:
        await services.committer.submit(_beat)
    except ScreenpopError as error:
        return str(error)
    return "ok"


def _beat(batch: Batch) -> None:
    maintenance.beat(batch.cursor, batch.now)  # a real write: a read succeeds on a full disk


async def metrics(request: Request) -> Response:
    """Give the metrics in Prometheus' text format."""
    services = requests.services(request)
    services.metrics.accounts_failing.clear()  # an account may be gone
    for tenant, account, fails in services.connections.clients.failing():
        services.metrics.accounts_failing.labels(tenant, account).set(int(fails))
    services.metrics.secret_days.clear()
    for tenant, ends in services.connections.clients.expiring(datetime.now(UTC).date()):
        services.metrics.secret_days.labels(tenant, ends.account, ends.what).set(ends.days_left)
    text = services.metrics.render()
    return Response(text, headers=NO_STORE, media_type="text/plain; version=0.0.4; charset=utf-8")
