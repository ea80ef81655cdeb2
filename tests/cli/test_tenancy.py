"""Set what belongs to a tenant, as an operator does: keys, tenants, policies, aliases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.server import POLICY, Server, eventually


@pytest.fixture
def data(tmp_path: Path) -> dict[str, str]:
    """Give the setting that puts all data into a folder of this test's own."""
    return {"SCREENPOP_DATA_DIR": str(tmp_path / "data")}


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_key_is_made_listed_and_revoked(command: Run, data: dict[str, str]) -> None:
    created = command("keys", "create", "--scope", "ingest", "--name", "pbx", "--json", **data)
    made = json.loads(created.stdout)
    assert set(made) == {"id", "secret"}
    (listed,) = lines(command("keys", "list", "--json", **data).stdout)
    assert listed["id"] == made["id"]
    assert (listed["tenant"], listed["scope"], listed["name"]) == ("default", "ingest", "pbx")
    assert listed["revoked"] is None
    assert listed["used"] is None
    assert command("keys", "revoke", made["id"], **data).returncode == 0
    assert "revoked" in command("keys", "list", **data).stdout


def test_a_key_list_shows_no_secret(command: Run, data: dict[str, str]) -> None:
    made = json.loads(command("keys", "create", "--scope", "feed", "--json", **data).stdout)
    signing = json.loads(command("keys", "create", "--signing", "--json", **data).stdout)
    assert signing["secret"].startswith("whsec_")
    shown = (
        command("keys", "list", **data).stdout + command("keys", "list", "--json", **data).stdout
    )
    for secret in (made["secret"], signing["secret"]):
        assert secret not in shown
        assert secret.rpartition("_")[2] not in shown


def test_a_key_needs_a_scope_that_there_is(command: Run, data: dict[str, str]) -> None:
    missing = command("keys", "create", **data)
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    wrong = command("keys", "create", "--scope", "root", **data)
    assert wrong.returncode == 2
    assert "ingest, feed, admin" in wrong.stderr
    both = command("keys", "create", "--scope", "feed", "--signing", **data)
    assert both.returncode == 2
    assert "leave --scope out" in both.stderr
    assert "sp_" not in command("keys", "list", **data).stdout


def test_a_key_that_is_not_there_cannot_be_revoked(command: Run, data: dict[str, str]) -> None:
    done = command("keys", "revoke", "nobody", **data)
    assert done.returncode == 4
    assert "nobody" in done.stderr


def test_tenants_are_created_once_and_listed(command: Run, data: dict[str, str]) -> None:
    assert command("tenants", "create", "acme", **data).stdout == "created: acme\n"
    assert command("tenants", "create", "acme", **data).stdout == "is there already: acme\n"
    assert command("tenants", "list", **data).stdout == "acme\ndefault\n"
    assert command("tenants", "create", "Not A Label", **data).returncode == 2
    unknown = command("keys", "create", "--scope", "feed", "--tenant", "nowhere", **data)
    assert unknown.returncode == 4
    assert "screenpop tenants create nowhere" in unknown.stderr


def test_a_pop_policy_is_set_shown_and_removed(
    command: Run, data: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(POLICY))
    assert command("pop-policy", "set", str(file), **data).stdout == "pop policy set\n"
    assert json.loads(command("pop-policy", "show", **data).stdout) == POLICY
    assert command("pop-policy", "set", "-", stdin="{}", **data).stdout == "pop policy removed\n"
    assert command("pop-policy", "show", **data).stdout == "{}\n"


def test_a_wrong_pop_policy_is_refused_with_every_place(command: Run, data: dict[str, str]) -> None:
    wrong = json.dumps({**POLICY, "stages": ["ended"], "table": "accounts"})
    done = command("pop-policy", "set", "-", stdin=wrong, **data)
    assert done.returncode == 2
    assert "/stages/0" in done.stderr
    assert "/table" in done.stderr
    assert command("pop-policy", "show", **data).stdout == "{}\n"


def test_an_alias_is_listed_and_case_does_not_count(command: Run, data: dict[str, str]) -> None:
    set_alias = command("agents", "alias", "Alice", "arn:AWS:agent/1", **data)
    assert set_alias.stdout == "arn:aws:agent/1 -> alice\n"
    (row,) = lines(command("agents", "list", "--json", **data).stdout)
    assert row == {"agent": "alice", "source_id": "arn:aws:agent/1", "origin": "admin"}
    assert command("agents", "alias", "alice", "ALICE", **data).returncode == 2


def test_migrating_says_which_file_is_up_to_date(
    command: Run, data: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "data" / "screenpop.db"
    assert command("migrate", **data).stdout == f"up to date: {path}\n"
    assert command("migrate", **data).returncode == 0


def test_a_running_server_obeys_the_command_line(command: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        env = {"SCREENPOP_DATA_DIR": str(tmp_path)}
        made = json.loads(command("keys", "create", "--scope", "admin", "--json", **env).stdout)
        head = {"authorization": f"Bearer {made['secret']}"}

        def status() -> int:
            return server.request("GET", "/v1/admin/pop-policy", headers=head).status_code

        eventually(lambda: status() == 200, "the new key is known", within=2)
        policy = json.dumps(POLICY)
        assert command("pop-policy", "set", "-", stdin=policy, **env).returncode == 0
        eventually(
            lambda: server.request("GET", "/v1/admin/pop-policy", headers=head).json() != {},
            "the policy is in force",
            within=2,
        )
        assert command("keys", "revoke", made["id"], **env).returncode == 0
        eventually(lambda: status() == 401, "the revoked key is refused", within=2)
