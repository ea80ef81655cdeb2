"""Give the tests a server whose tenant is connected to the simulated Dynamics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapter import steps
from adapter.demo.simulated.serving import Simulation
from tests.dataverse.simulation import dynamics, fields, simulation
from tests.server import Server

__all__ = ["dynamics", "fields", "simulation"]

APP_ID = "4f6d1c2a-9b3e-ed11-9db1-000d3a1b2c3d"


def connect(server: Server, fields: dict[str, Any]) -> None:
    """Give the tenant an account in force and the seed product's four steps."""
    path = "/v1/admin/accounts/main"
    account = {**fields, "app_id": APP_ID, "default": True}
    saved = server.request("PUT", path, account, scope="admin")
    assert saved.is_success, saved.text
    for action in ("apply", "test"):
        answer = server.request("POST", f"{path}/{action}", {}, scope="admin")
        assert answer.is_success, answer.text
    assert answer.json()["message"] == "Connection is valid.", answer.text
    document = json.loads(steps.dump(steps.default_steps()))
    answer = server.request("PUT", "/v1/admin/steps", document, scope="admin")
    assert answer.is_success, answer.text
    assert answer.json()["disabled"] is None, answer.text


@pytest.fixture
def server(tmp_path: Path, dynamics: Simulation, fields: dict[str, Any]) -> Iterator[Server]:
    trusting = {"SCREENPOP_CA_FILE": str(dynamics.ca_file), "SCREENPOP_ALLOW_LOOPBACK": "true"}
    with Server(tmp_path, **trusting) as running:
        connect(running, fields)
        yield running
