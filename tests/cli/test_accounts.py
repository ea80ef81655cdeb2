"""Manage accounts on the command line."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer
from typer.testing import CliRunner, Result

from adapter import office, secret_box, settings, steps
from adapter.cli import accounts
from adapter.connections import AccountDesk
from adapter.demo.simulated.serving import Simulation
from adapter.errors import Conflict, InvalidSettings, MalformedInput, NotFound
from adapter.store import settings as stored
from tests.dataverse.consenting import press
from tests.dataverse.simulation import dynamics, fields, simulation, tls

__all__ = ["dynamics", "fields", "simulation", "tls"]

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `screenpop …`; an error is raised as it is."""
    for name, value in {
        "DATA_DIR": str(tmp_path),
        "CA_FILE": str(simulation.ca_file),
        "ALLOW_LOOPBACK": "1",
        "PUBLIC_URL": "https://localhost",
    }.items():
        monkeypatch.setenv(f"SCREENPOP_{name}", value)
    app = typer.Typer()
    accounts.register(app)

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, ["accounts", *arguments], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield invoke
    structlog.reset_defaults()  # the commands logged to a stream that is closed some time


@pytest.fixture
def given(fields: dict[str, Any], tmp_path: Path) -> str:
    """Give a file of fields, as an admin keeps it."""
    file = tmp_path / "account.json"
    file.write_text(json.dumps(fields))
    return str(file)


def test_an_account_is_set_applied_tested_shown_and_removed(
    run: Run, given: str, fields: dict[str, Any]
) -> None:
    saved = run("set", "main", "--file", given, "recording_bucket=calls")
    assert "Connection is valid." in saved.output
    assert "version 1 in force" in run("apply", "main").output
    assert json.loads(run("show", "main", "--json").output)["ready"]
    assert "main  https://localhost" in run("list").output
    tested = run("test", "main")
    assert tested.exit_code == 0
    assert tested.output.startswith("Connection is valid.\n")
    assert "organisation: Contoso" in tested.output
    for command in (("show", "main"), ("list", "--json")):
        assert fields["client_secret"] not in run(*command).output
    run("remove", "main")
    with pytest.raises(NotFound):
        run("show", "main")


def test_an_account_that_leaves_steps_without_a_default_says_so_when_it_is_applied_or_removed(
    run: Run, given: str, tmp_path: Path
) -> None:
    with office.opened(settings.load(data_dir=tmp_path)) as here:
        chosen = steps.dump(steps.default_steps())
        tenant = here.tenant("default")
        stored.put_steps(here.database, tenant, chosen, datetime.now(UTC), who="test")
    first = run("set", "main", "--file", given)
    assert "do not run" not in run("apply", "main").output, first.output
    run("set", "other", "--file", given)
    told = "steps 2, 3, 4 and 5 do not run: "
    several = "There are several integration accounts and none is the default: choose one."
    assert told + several in run("apply", "other").output
    assert "do not run" not in run("remove", "other").output
    assert f"{told}There is no integration account in force." in run("remove", "main").output


def test_a_connection_that_is_not_valid_exits_with_1_and_says_what_to_do(
    run: Run, given: str, dynamics: Simulation
) -> None:
    run("set", "main", "--file", given, "--no-test")
    dynamics.world.set_application_user(present=False)
    result = run("test", "main")
    assert result.exit_code == 1
    assert "no user of this environment" in result.output
    assert "do: Power Platform admin center" in result.output


def test_a_draft_whose_connection_is_not_valid_is_saved_and_standard_error_says_so(
    run: Run, given: str
) -> None:
    result = run("set", "main", "--file", given, "client_secret=wrong")
    assert result.exit_code == 0
    assert result.stderr.startswith("the draft is saved, but its connection is not valid: ")
    assert run("set", "main", "--file", given).stderr == ""


def test_one_field_is_changed_and_a_secret_comes_from_standard_input(
    run: Run, given: str, fields: dict[str, Any]
) -> None:
    run("set", "main", "--file", given, "client_secret=wrong", "--no-test")
    assert run("test", "main").exit_code == 1
    secret = fields["client_secret"]
    assert "Connection is valid." in run("set", "main", "client_secret=-", stdin=secret).output


def test_the_consent_window_is_printed(run: Run, given: str) -> None:
    run("set", "main", "--file", given, "access=delegated", "--no-test")
    answer = json.loads(run("request-token", "main", "--json").output)
    assert answer["redirect_uri"] == "https://localhost/v1/dynamics/oauth_callback"
    assert "/oauth2/v2.0/authorize?" in answer["url"]


def test_a_consent_is_confirmed_by_the_code_that_its_window_shows(
    run: Run, given: str, dynamics: Simulation, tmp_path: Path, tls: ssl.SSLContext
) -> None:
    run("set", "main", "--file", given, "access=delegated", "--no-test")
    url = json.loads(run("request-token", "main", "--json").output)["url"]
    chosen = settings.load(data_dir=tmp_path, allow_loopback=True)
    with office.opened(chosen) as here:
        box = secret_box.load(None, tmp_path / "secret.key")
        desk = AccountDesk(here.database, box, tls=tls, allow_loopback=True)
        result = asyncio.run(desk.finish_consent(press(dynamics, url)))
    assert (result.outcome, result.ok) == ("unconfirmed", False)
    with pytest.raises(NotFound, match="code"):
        run("confirm", "main", "AAAA-AAAA")
    confirmed = run("confirm", "main", result.code)
    assert confirmed.exit_code == 0, confirmed.output
    assert confirmed.output.startswith("signed in as ")
    assert "Connection is valid." in confirmed.output
    run("apply", "main")
    assert json.loads(run("show", "main", "--json").output)["ready"]


def test_a_draft_is_discarded_and_an_account_renamed(run: Run, given: str) -> None:
    run("set", "main", "--file", given)
    with pytest.raises(Conflict, match="remove it"):
        run("discard", "main")
    run("apply", "main")
    run("set", "main", "recording_bucket=calls", "--no-test")
    assert "draft discarded; version 1 in force" in run("discard", "main").output
    assert json.loads(run("show", "main", "--json").output)["draft"] is None
    assert run("rename", "main", "sales").output == "main is sales now\n"
    assert run("test", "sales").exit_code == 0
    with pytest.raises(NotFound):
        run("show", "main")


def test_secrets_are_sealed_anew(run: Run, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCREENPOP_SECRET_KEY", "old-old-old-old-old")
    run("set", "main", "--file", given, "--no-test")
    monkeypatch.setenv("SCREENPOP_SECRET_KEY", "new-new-new-new-new")
    lost = run("reseal")
    assert lost.exit_code == 1
    assert "default/main" in lost.output
    monkeypatch.setenv("SCREENPOP_SECRET_KEY", "new-new-new-new-new,old-old-old-old-old")
    assert "1 encrypted anew" in run("reseal").output
    monkeypatch.setenv("SCREENPOP_SECRET_KEY", "new-new-new-new-new")
    assert run("test", "main").exit_code == 0


def test_a_bad_argument_is_named(run: Run, given: str) -> None:
    with pytest.raises(MalformedInput, match="FIELD=VALUE"):
        run("set", "main", "client_id")
    with pytest.raises(InvalidSettings, match="client_id"):
        run("set", "main", "--file", given, "client_id=x")
    with pytest.raises(InvalidSettings, match="--side"):
        run("test", "main", "--side", "left")
