"""See and change who may do what, as an operator does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter import settings
from adapter.identity.people import Person
from adapter.office import opened
from adapter.store import people
from adapter.tenants import DEFAULT
from tests.cli.conftest import Run

ID = "0123456789abcdef"


@pytest.fixture
def data(tmp_path: Path) -> dict[str, str]:
    """Give a database in which alice has signed in."""
    now = datetime.now(UTC)
    alice = Person(
        id=ID,
        tenant=DEFAULT,
        directory="directory-1",
        subject="s-1",
        name="Alice",
        email="alice@contoso.example",
        proposed="alice",
        created=now,
        seen=now,
    )
    with (
        opened(settings.load(data_dir=tmp_path)) as office,
        office.database.transaction() as cursor,
    ):
        people.put(cursor, alice)
    return {"SCREENPOP_DATA_DIR": str(tmp_path)}


def listed(command: Run, data: dict[str, str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(command("people", "list", "--json", **data).stdout)
    return found


def test_a_person_gets_roles_and_an_agent(command: Run, data: dict[str, str]) -> None:
    assert "alice?" in command("people", "list", **data).stdout
    assert command("people", "role", ID, "agent", "admin", **data).returncode == 0
    assert command("people", "link", ID, "Alice.One", **data).returncode == 0
    person = listed(command, data)
    assert (person["roles"], person["agent"]) == (["admin", "agent"], "alice.one")
    assert person["proposed"] is None
    command("people", "role", ID, **data)
    command("people", "link", ID, **data)
    person = listed(command, data)
    assert (person["roles"], person["agent"]) == ([], None)


def test_a_whole_directory_is_confirmed_at_once(command: Run, data: dict[str, str]) -> None:
    assert command("people", "confirm", "directory-2", **data).stdout == ""
    assert "alice" in command("people", "confirm", "directory-1", **data).stdout
    assert listed(command, data)["agent"] == "alice"


def test_whoever_is_in_doubt_is_left_with_the_reason(command: Run, data: dict[str, str]) -> None:
    command("people", "revoke", ID, **data)
    done = command("people", "confirm", "directory-1", **data)
    assert done.stdout == ""
    assert f"left (revoked): {ID}" in done.stderr
    assert listed(command, data)["agent"] is None


def test_a_revoked_person_has_no_role_until_restored(command: Run, data: dict[str, str]) -> None:
    command("people", "role", ID, "agent", **data)
    assert "revoked" in command("people", "revoke", ID, **data).stdout
    assert listed(command, data)["roles"] == []
    command("people", "restore", ID, **data)
    assert listed(command, data)["roles"] == ["agent"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["role", ID, "king"], 2, "king"),
        (["role", "nobody", "agent"], 4, "nobody"),
        (["link", ID, "*"], 2, "agent"),
        (["revoke", "nobody"], 4, "nobody"),
    ],
    ids=str,
)
def test_a_slip_is_named(
    command: Run, data: dict[str, str], arguments: list[str], code: int, told: str
) -> None:
    done = command("people", *arguments, **data)
    assert done.returncode == code
    assert told in done.stderr


def test_a_link_for_the_first_admin_leads_to_the_public_address(
    command: Run, data: dict[str, str]
) -> None:
    public = {"SCREENPOP_PUBLIC_URL": "https://pop.contoso.example"}
    made = command("admins", "link", **data, **public)
    assert made.stdout.startswith("https://pop.contoso.example/admin/first#")
    assert "The address is from SCREENPOP_PUBLIC_URL." in made.stderr
    again = command("admins", "link", **data, **public)
    assert again.stdout != made.stdout
    assert command("admins", "link", "--tenant", "nobody", **data).returncode == 4


def test_a_link_without_a_public_address_says_where_its_own_comes_from(
    command: Run, data: dict[str, str]
) -> None:
    made = command("admins", "link", **data)
    assert made.stdout.startswith("http://127.0.0.1:8000/admin/first#")
    for name in ("SCREENPOP_HOST", "SCREENPOP_PORT", "SCREENPOP_PUBLIC_URL"):
        assert name in made.stderr
    own = command("admins", "link", **data, SCREENPOP_ENVIRONMENT_DOMAIN="example.test")
    assert "SCREENPOP_ENVIRONMENT_DOMAIN" in own.stderr


def test_every_change_is_in_the_audit_log(command: Run, data: dict[str, str]) -> None:
    command("people", "role", ID, "agent", **data)
    command("admins", "link", **data)
    with opened(settings.load(data_dir=Path(data["SCREENPOP_DATA_DIR"]))) as office:
        rows = office.database.raw.execute("SELECT who, what, before, after FROM audit").fetchall()
    told = [row for row in rows if ID in row[1]]
    assert [json.loads(row[3])["roles"] for row in told] == ["agent"]
    assert [json.loads(row[2])["roles"] for row in told] == [""]
    assert "one-time admin link made" in [row[1] for row in rows]
    assert all(row[0].startswith("command line") for row in told)
