"""The doctor names what stands between a tenant and its Dynamics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapter.demo.simulated.dataverse import seeding
from adapter.demo.simulated.serving import Simulation
from tests.cli.conftest import Run
from tests.dataverse.simulation import dynamics, fields, simulation

__all__ = ["dynamics", "fields", "simulation"]

ACCOUNT = "account main of default"


@pytest.fixture
def data(tmp_path: Path, dynamics: Simulation) -> dict[str, str]:
    return {
        "SCREENPOP_DATA_DIR": str(tmp_path / "data"),
        "SCREENPOP_CA_FILE": str(dynamics.ca_file),
        "SCREENPOP_ALLOW_LOOPBACK": "true",
        "SCREENPOP_PORT": "1",
        "SCREENPOP_SECRET_KEY": "sixteen characters or more",
    }


def examine(command: Run, data: dict[str, str], check: str) -> list[tuple[str, str, str]]:
    """Give status, detail and advice of one check."""
    rows = json.loads(command("doctor", "--json", **data).stdout)["checks"]
    return [(row["status"], row["detail"], row["do"]) for row in rows if row["check"] == check]


def put(command: Run, data: dict[str, str], fields: dict[str, Any], *more: str) -> None:
    given = json.dumps(fields)
    done = command("accounts", "set", "main", "--file", "-", *more, stdin=given, **data)
    assert done.returncode == 0, done.stderr


def test_an_account_is_followed_from_draft_to_tested(
    command: Run, data: dict[str, str], fields: dict[str, Any], dynamics: Simulation
) -> None:
    put(command, data, fields, "--no-test")
    ((status, detail, do),) = examine(command, data, ACCOUNT)
    assert (status, "never applied" in detail) == ("warning", True)
    assert "screenpop accounts apply main" in do
    command("accounts", "apply", "main", **data)
    ((status, detail, do),) = examine(command, data, ACCOUNT)
    assert (status, "not been tested" in detail) == ("warning", True)
    assert do == "screenpop accounts test main --side applied"
    dynamics.world.set_application_user(present=False)
    command("accounts", "test", "main", **data)
    ((status, detail, do),) = examine(command, data, ACCOUNT)
    assert (status, "no user of this environment" in detail) == ("problem", True)
    assert "Power Platform admin center" in do
    dynamics.world.set_application_user(present=True)
    command("accounts", "test", "main", **data)
    ((status, detail, _),) = examine(command, data, ACCOUNT)
    assert (status, "https://localhost" in detail) == ("ok", True)


def test_a_secret_that_ends_soon_or_has_ended_is_named(
    command: Run, data: dict[str, str], fields: dict[str, Any]
) -> None:
    put(command, data, {**fields, "secret_expires": "2020-01-31"}, "--no-test")
    command("accounts", "apply", "main", **data)
    _, (status, detail, do) = examine(command, data, ACCOUNT)
    assert (status, "expired on 2020-01-31" in detail) == ("problem", True)
    assert "screenpop accounts set main client_secret=-" in do


def test_steps_that_do_not_run_are_a_problem_with_the_reason(
    command: Run, data: dict[str, str], fields: dict[str, Any]
) -> None:
    assert examine(command, data, "steps of default") == []
    command("steps", "set", "-", stdin=command("steps", "default").stdout, **data)
    ((status, detail, _),) = examine(command, data, "steps of default")
    assert (status, "no integration account in force" in detail) == ("problem", True)
    assert examine(command, data, "pop policy of default")[0][0] == "ok"
    put(command, data, fields)
    command("accounts", "apply", "main", **data)
    assert examine(command, data, "steps of default") == [("ok", "4 steps", "")]
    (first, *_) = json.loads(command("steps", "default").stdout)["steps"]
    command("steps", "set", "-", stdin=json.dumps({"steps": [first]}), **data)
    assert examine(command, data, "steps of default") == [("ok", "1 step", "")]


def test_an_account_whose_secrets_no_key_opens_is_named(
    command: Run, data: dict[str, str], fields: dict[str, Any]
) -> None:
    put(command, data, fields, "--no-test")
    lost = {**data, "SCREENPOP_SECRET_KEY": "another key than the one before"}
    found = examine(command, lost, "secret key")
    assert [detail for status, detail, _ in found if status == "problem"] == [
        "it does not open 1 stored secrets (default/main)"
    ]


def test_a_test_of_the_connection_asks_for_what_the_steps_need(
    command: Run, data: dict[str, str], fields: dict[str, Any], dynamics: Simulation
) -> None:
    put(command, data, fields)
    before = command("accounts", "test", "main", **data)
    assert "prvCreateIncident" not in before.stdout
    step = {"number": 2, "method": "POST", "table": "incidents", "body": {"title": "x"}}
    assert command("steps", "set", "-", stdin=json.dumps([step]), **data).returncode == 0
    assert "granted     prvCreateIncident" in command("accounts", "test", "main", **data).stdout
    dynamics.world.security.revoke(seeding.user_id("application"), ["prvCreateIncident"])
    after = command("accounts", "test", "main", **data)
    assert after.returncode == 1
    assert "missing     prvCreateIncident" in after.stdout


def test_links_to_recordings_that_nobody_else_can_open_are_a_warning(
    command: Run, data: dict[str, str], fields: dict[str, Any]
) -> None:
    check = "recordings of default"
    put(command, data, fields, "--no-test")
    command("accounts", "apply", "main", **data)
    command("steps", "set", "-", stdin=command("steps", "default").stdout, **data)
    assert examine(command, data, check) == [], "a simulated Dynamics is on this machine too"
    directory = "7a1c0001-53b2-ed11-83ff-000d3a020001"
    real = {
        "environment_url": "https://contoso.crm4.dynamics.com",
        "directory_id": directory,
        "client_id": directory,
        "client_secret": "not used",
    }
    given = json.dumps(real)
    command("accounts", "set", "real", "--file", "-", "--no-test", stdin=given, **data)
    assert command("accounts", "apply", "real", **data).returncode == 0
    ((status, detail, do),) = examine(command, data, check)
    assert (status, "http://127.0.0.1:1/r/" in detail) == ("warning", True)
    assert "SCREENPOP_PUBLIC_URL" in do
    public = {**data, "SCREENPOP_PUBLIC_URL": "https://screenpop.example"}
    assert examine(command, public, check) == []
