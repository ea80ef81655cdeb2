"""Secrets that end soon are told where somebody looks: the log, the metrics, the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.outbox.office import ACCOUNT, described
from tests.server import Server, eventually


def days_left(server: Server) -> list[str]:
    """List the gauge's values."""
    text = server.request("GET", "/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("screenpop_secret_days{")]
    assert all('account="main"' in line and 'what="client secret"' in line for line in lines)
    return [line.rpartition(" ")[2] for line in lines]


def put(server: Server, fields: dict[str, Any], days: int) -> None:
    ends = (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    saved = server.request(
        "PUT", ACCOUNT, {**described(fields), "secret_expires": ends}, scope="admin"
    )
    assert saved.is_success, saved.text
    assert server.request("POST", f"{ACCOUNT}/apply", scope="admin").is_success


def test_a_secret_that_ends_soon_is_told_in_the_log_the_metrics_and_the_api(
    fresh: Server, fields: dict[str, Any]
) -> None:
    assert days_left(fresh) == []
    put(fresh, fields, 5)
    assert days_left(fresh) == ["5.0"]
    (warning,) = fresh.request("GET", ACCOUNT, scope="admin").json()["applied"]["expiry_warnings"]
    assert (warning["what"], warning["days_left"], warning["threshold"]) == ("client secret", 5, 7)
    fresh.restart()
    eventually(lambda: "expires in 5 days" in fresh.log(), "the log says so")
    assert "Certificates & secrets" in fresh.log()
    put(fresh, fields, 300)
    assert days_left(fresh) == [], "a new secret has taken its place"
