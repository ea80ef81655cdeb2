"""Set, preview, rehearse and replay steps on the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapter.demo.simulated.faults import Fault, Kind
from adapter.demo.simulated.serving import Simulation
from tests.cli.conftest import Run
from tests.dataverse.simulation import dynamics, fields, simulation
from tests.server import Server, eventually

__all__ = ["dynamics", "fields", "simulation"]

APP_ID = "4f6d1c2a-9b3e-ed11-9db1-000d3a1b2c3d"
SOMEWHERE = ("--environment", "https://contoso.crm4.dynamics.com", "--app-id", APP_ID)
CUSTOMER = {"phone": "+12025550142", "name": "Denise Carter"}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, str]:
    return {"SCREENPOP_DATA_DIR": str(tmp_path)}


@pytest.fixture
def server(
    command: Run, data: dict[str, str], tmp_path: Path, dynamics: Simulation, fields: dict[str, Any]
) -> Iterator[Server]:
    """Run a server that an operator connects by the command line alone."""
    data["SCREENPOP_CA_FILE"] = str(dynamics.ca_file)
    data["SCREENPOP_ALLOW_LOOPBACK"] = "true"
    with Server(tmp_path, **data) as running:
        given = json.dumps({**fields, "app_id": APP_ID})
        for arguments, stdin in (
            (("accounts", "set", "main", "--file", "-"), given),
            (("accounts", "apply", "main"), ""),
            (("steps", "set", "-"), command("steps", "default").stdout),
        ):
            done = command(*arguments, stdin=stdin, **data)
            assert done.returncode == 0, done.stderr
        assert "not run" not in done.stderr
        url = "/v1/admin/steps"
        eventually(
            lambda: (
                (found := running.request("GET", url, scope="admin").json())["disabled"] is None
                and found["steps"]["steps"]
            ),
            "the server knows the account and the steps",
            within=2,
        )
        yield running


def test_the_default_steps_are_set_and_shown_as_they_were_printed(
    command: Run, data: dict[str, str]
) -> None:
    printed = command("steps", "default").stdout
    assert [each["number"] for each in json.loads(printed)["steps"]] == [2, 3, 4, 5]
    done = command("steps", "set", "-", stdin=printed, **data)
    assert (done.returncode, done.stdout) == (0, "4 steps set\n")
    off = "steps 2, 3, 4 and 5 do not run: There is no integration account in force."
    assert off in done.stderr
    assert command("steps", "show", **data).stdout == printed


def test_wrong_steps_are_refused_with_every_place_and_nothing_is_saved(
    command: Run, data: dict[str, str]
) -> None:
    wrong = json.dumps({"steps": [{"number": 2, "method": "PUT"}, {"number": 4, "table": "x"}]})
    for verb in ("check", "set"):
        done = command("steps", verb, "-", stdin=wrong, **(data if verb == "set" else {}))
        assert done.returncode == 2
        assert "step 2, /method" in done.stderr
        assert "step 4, /table" in done.stderr
    assert json.loads(command("steps", "show", **data).stdout)["steps"] == []


def test_checking_hints_at_what_may_not_be_meant(command: Run) -> None:
    done = command("steps", "check", "-", stdin=command("steps", "default").stdout)
    assert (done.returncode, done.stdout) == (0, "4 steps without fault\n")
    assert "write {{Username}} for its value" in done.stderr


def test_a_preview_shows_the_request_that_is_sent(command: Run, data: dict[str, str]) -> None:
    command("steps", "set", "-", stdin=command("steps", "default").stdout, **data)
    shown = command("steps", "preview", *SOMEWHERE, **data).stdout
    assert "POST https://contoso.crm4.dynamics.com/api/data/v9.2/phonecalls\n" in shown
    assert '"phonenumber":"+12025550142"' in shown
    rows = json.loads(command("steps", "preview", "--json", *SOMEWHERE, **data).stdout)["steps"]
    row = json.loads(rows[0]["request"].partition("\n\n")[2])["activityid"]
    assert f"id={row}" in rows[1]["request"]
    assert f"phonecalls({row})" in rows[2]["request"]


def test_a_preview_needs_an_environment_that_there_is(command: Run, data: dict[str, str]) -> None:
    done = command("steps", "preview", **data)
    assert done.returncode == 2
    assert "--environment" in done.stderr
    elsewhere = command("steps", "preview", "--environment", "https://evil.example", **data)
    assert elsewhere.returncode == 2
    assert "no host of a Dynamics organisation" in elsewhere.stderr


def test_a_replay_names_one_dead_letter_or_all(command: Run, data: dict[str, str]) -> None:
    for arguments in ((), ("3", "--all")):
        assert command("steps", "replay", *arguments, **data).returncode == 2
    assert command("steps", "replay", "3", **data).returncode == 4
    assert command("steps", "replay", "--all", **data).stdout == "tried again: 0 contacts\n"


def made(dynamics: Simulation) -> list[Any]:
    rows = dynamics.world.database.rows("phonecall").values()
    return [row for row in rows if row.get("phonenumber") == CUSTOMER["phone"]]


def test_a_dead_letter_is_listed_examined_and_replayed_while_the_server_runs(
    command: Run, data: dict[str, str], server: Server, dynamics: Simulation
) -> None:
    refusal = Fault(Kind.STATUS, status=400, method="POST", path="phonecalls", message="no")
    dynamics.world.faults.plan(refusal)
    server.report("created", "c-1", customer=CUSTOMER)

    def letters() -> list[dict[str, Any]]:
        listed = command("steps", "dead", "--json", **data).stdout
        return [json.loads(line) for line in listed.splitlines()]

    (letter,) = eventually(letters, "the refused request is a dead letter")
    assert (letter["contact"], letter["step"]) == ("c-1", 2)
    assert CUSTOMER["phone"] not in json.dumps(letter)
    assert letter["cause"] in command("steps", "dead", **data).stdout
    (warned,) = (
        row
        for row in json.loads(command("doctor", "--json", **data).stdout)["checks"]
        if row["check"] == "dead letters of default"
    )
    assert warned["status"] == "warning"
    seen = command("steps", "dry-run", "c-1", **data)
    assert "e-1 (created): step 2\n    POST https://localhost" in seen.stdout
    assert made(dynamics) == []
    again = command("steps", "replay", str(letter["id"]), **data)
    assert again.stdout == "tried again: 1 contact\n"
    began = time.monotonic()
    eventually(lambda: len(made(dynamics)) == 1, "the row is made")
    assert time.monotonic() - began < 3
    assert letters() == []


def test_a_recorded_contact_is_previewed_and_rehearsed_with_other_steps(
    command: Run, data: dict[str, str], server: Server, tmp_path: Path
) -> None:
    server.report("created", "c-1", customer={"phone": "+4930987654"})
    server.report("answered", "c-1", agent="alice")
    draft = json.loads(command("steps", "default").stdout)
    draft["steps"][0]["body"] = '{"subject": "Draft {{CustomerEndpoint}}"}'
    file = tmp_path / "draft.json"
    file.write_text(json.dumps(draft))
    named = ("--file", str(file))
    shown = command("steps", "preview", "--contact", "c-1", *named, **data).stdout
    assert '"subject":"Draft +4930987654"' in shown
    run = json.loads(command("steps", "dry-run", "c-1", *named, "--json", **data).stdout)
    assert [each["key"] for each in run["dry_run"]] == ["2", "pop"]
    assert command("steps", "dry-run", "c-9", **data).returncode == 4


def test_a_recording_is_previewed_by_the_link_that_is_then_written(
    command: Run, data: dict[str, str], server: Server, dynamics: Simulation
) -> None:
    server.report("created", "c-1", customer=CUSTOMER)
    server.report("ended", "c-1")
    file = {"kind": "recording", "url": "https://recordings.example/c-1.wav"}
    settled = ("steps", "preview", "--json", "--contact", "c-1")
    server.report("recorded", "c-1", recording=file)
    rows = json.loads(command(*settled, **data).stdout)["steps"]
    sent = json.loads(rows[3]["request"].partition("\n\n")[2])
    assert "/r/" in sent["description"]
    assert "recordings.example" not in sent["description"]
    row = eventually(
        lambda: [each for each in made(dynamics) if each.get("description")], "it is written"
    )[0]
    link = row["description"].rpartition("/r/")[2]
    assert sent["description"].rpartition("/r/")[2] == link
    run = json.loads(command("steps", "dry-run", "c-1", "--json", **data).stdout)["dry_run"]
    assert link in run[-1]["text"]
    sample = command("steps", "preview", **data).stdout
    assert "/r/sample-recording-token" in sample
    assert "recordings.example" not in sample


def test_a_running_server_says_which_steps_do_not_run_and_which_do(
    command: Run, data: dict[str, str], server: Server, fields: dict[str, Any]
) -> None:
    there = ("--url", server.url, "--key", server.secret("admin"))
    draft = json.dumps(fields)
    command("accounts", "set", "other", "--file", "-", "--no-test", stdin=draft, **data)
    changed = json.loads(command("steps", "default").stdout)
    assert "not run" not in command("steps", "set", "-", *there, stdin=json.dumps(changed)).stderr
    changed["steps"][3]["account"] = "other"
    done = command("steps", "set", "-", *there, stdin=json.dumps(changed))
    assert (done.returncode, done.stdout) == (0, "4 steps set\n")
    told = [line for line in done.stderr.splitlines() if "not run" in line]
    assert told == ["step 5 does not run: There is no integration account other in force."]


def test_steps_are_managed_at_a_running_server_with_a_key(
    command: Run, data: dict[str, str], server: Server, tmp_path: Path
) -> None:
    there = ("--url", server.url, "--key", server.secret("admin"))
    printed = command("steps", "default").stdout
    assert command("steps", "show", *there).stdout == printed
    changed = json.loads(printed)
    changed["steps"][2]["body"] = '{"category": "{{Queue}}"}'
    done = command("steps", "set", "-", *there, stdin=json.dumps(changed))
    assert (done.returncode, done.stdout) == (0, "4 steps set\n")
    assert "{{Queue}}" in command("steps", "show", **data).stdout
    changed["steps"][2]["body"] = '{"catgory": "{{Queue}}"}'
    for verb in ("check", "set"):
        done = command("steps", verb, "-", *there, stdin=json.dumps(changed))
        assert done.returncode == 2
        assert "step 4, /body/catgory: phonecall has no such column" in done.stderr
    server.report("created", "c-1", customer=CUSTOMER)
    shown = command("steps", "preview", "--contact", "c-1", *there).stdout
    assert '"phonenumber":"+12025550142"' in shown
    assert command("steps", "preview", "--contact", "c-1", **data).stdout == shown
    run = command("steps", "dry-run", "c-1", *there).stdout
    assert run.startswith("e-1 (created): step 2\n    POST ")
    draft = tmp_path / "draft.json"
    draft.write_text(printed.replace("Call between", "Draft between"))
    drafted = command("steps", "preview", "--file", str(draft), *there).stdout
    assert "Draft between" in drafted
    assert command("steps", "show", "--url", server.url).returncode == 2


def test_what_the_environment_does_not_have_is_told_by_the_commands(
    command: Run, data: dict[str, str], server: Server
) -> None:
    wrong = json.loads(command("steps", "default").stdout)
    wrong["steps"][2]["body"] = '{"catgory": "x"}'
    fault = "step 4, /body/catgory: phonecall has no such column (did you mean category?)"
    for arguments in (("check", "-", "--tenant", "default"), ("set", "-")):
        done = command("steps", *arguments, stdin=json.dumps(wrong), **data)
        assert done.returncode == 2
        assert fault in done.stderr
        assert done.stdout == "", "what is printed may be piped on"
    assert command("steps", "check", "-", stdin=json.dumps(wrong)).returncode == 0
