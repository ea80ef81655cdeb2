"""Ask who answers at the address that a server of these settings listens on."""

from __future__ import annotations

from typing import Any

import httpx

from adapter.checkups.findings import Finding, ok, problem, warning
from adapter.settings import Settings
from adapter.store import locking
from adapter.store.paths import sqlite_path


def check_server(settings: Settings, installation: str | None) -> Finding:
    """Ask who answers at the server's address, and whether it is ready.

    What answers is ours only if it names our database's `installation`; a demo, a server on
    another database, or any other program may listen there as well.
    """
    host = _dialled(settings.host)
    at = f"{host}:{settings.port}"
    runs = locking.is_locked(sqlite_path(settings.database_url))
    try:
        answer = httpx.get(f"http://{at}/readyz", timeout=5, trust_env=False)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        if runs:
            return warning("server", f"one runs on this database, but none answers at {at}", _PORT)
        return ok("server", f"none answers at {at}; `screenpop serve` starts one")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        return problem("server", f"{at} takes connections and gives no answer: {reason}", _OTHER)
    return _check_answer(answer, at, installation, runs=runs)


def _check_answer(
    answer: httpx.Response, at: str, installation: str | None, *, runs: bool
) -> Finding:
    told = _told(answer)
    checks = told.get("checks")
    if not isinstance(checks, dict):
        return problem("server", f"what answers at {at} is no Screenpop server", _OTHER)
    if installation is None:
        told_of = f"a server answers at {at}; whether it is this database's cannot be told"
        return warning("server", told_of, "mend the database first")
    if told.get("installation") != installation:
        where = f"; the server of this database is elsewhere: {_PORT}" if runs else ""
        return problem("server", f"the server at {at} runs on another database{where}", _OTHER)
    bad = [f"{name}: {result}" for name, result in checks.items() if result != "ok"]
    if bad:
        return problem("server", f"{at} is not ready: {'; '.join(bad)}", "see the server's log")
    return ok("server", f"{at} is ready")


_PORT = "see with which --host and --port it was started"
_OTHER = "stop the other program, or choose another SCREENPOP_PORT"


def _told(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _dialled(host: str) -> str:
    """Give an address to dial: a server on every address is also on the loopback."""
    if host in ("0.0.0.0", ""):  # noqa: S104  # compared, not listened on
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
