"""Show a contact and its story, from the database and from a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.conftest import Run
from tests.server import RECORD, Server, eventually

CONTACT = "c/42 ä?x#1"
"""An id that must be escaped in a path."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve one contact that was answered and has popped to a panel that opened it."""
    folder = tmp_path_factory.mktemp("data")
    server = Server(folder)
    server.set_policy()
    with server.office() as office:
        office.alias("default", "alice", "arn:agent/1")
    with server:
        panel = server.panel("alice")
        panel.until("screenpop.snapshot")
        server.report(
            "offered",
            CONTACT,
            agent="arn:agent/1",
            customer={"phone": "+4930123456"},
            attributes={"ConnectedToSystemTimestamp": "then"},
        )
        server.answer("arn:agent/1", CONTACT)
        pop = panel.until("screenpop.pop")
        panel.outcome(pop["data"]["pop"], "opened", rung="tab")
        trace = f"/v1/contacts/{quote(CONTACT, safe='')}/trace"

        def complete() -> bool:
            steps = server.request("GET", trace, scope="admin").json()["trace"]
            return {"pushed", "opened"} <= {step["what"] for step in steps}

        eventually(complete, "the story is written")
        yield server


@pytest.fixture
def here(server: Server) -> dict[str, str]:
    return {"SCREENPOP_DATA_DIR": str(server.folder)}


@pytest.fixture
def there(server: Server, tmp_path: Path) -> dict[str, str]:
    """Give the environment of somebody who has a key and no database."""
    return {
        "SCREENPOP_DATA_DIR": str(tmp_path / "none"),
        "SCREENPOP_URL": server.url,
        "SCREENPOP_KEY": server.secret("admin"),
    }


def test_a_contact_is_shown_from_the_database(command: Run, here: dict[str, str]) -> None:
    done = command("contacts", "show", CONTACT, **here)
    assert done.returncode == 0
    shown = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert shown["stage"] == "answered"
    assert shown["agent"] == "alice"
    assert shown["customer.phone"] == "+4930123456"
    assert shown["attributes.CrmId"] == RECORD
    assert shown["queue"] == "-"
    assert shown["attributes.ConnectedToSystemTimestamp"] == "then", "a long name keeps its value"


def test_the_database_and_the_server_tell_the_same(
    command: Run, here: dict[str, str], there: dict[str, str]
) -> None:
    def told(name: str, environment: dict[str, str]) -> object:
        done = command("contacts", name, CONTACT, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    # When a message was pushed is written within a second; everything else is there at once.
    assert told("show", here) == told("show", there)
    eventually(lambda: told("trace", here) == told("trace", there), "the story is the same")
    assert not (Path(there["SCREENPOP_DATA_DIR"])).exists()


def test_a_trace_goes_from_the_event_to_the_opened_pop(command: Run, here: dict[str, str]) -> None:
    def trace() -> str:
        return command("contacts", "trace", CONTACT, **here).stdout

    done = eventually(lambda: trace() if "pushed" in trace() else None, "the push is written")
    first, *rest = done.splitlines()
    assert first.startswith(f"contact {CONTACT}, from 20")
    steps = [line.split() for line in rest if " ms " in line]
    times = [float(step[0].replace(",", "")) for step in steps]
    assert times == sorted(times)
    assert times[0] == 0
    what = [step[2] for step in steps]
    order = ("received", "stored", "matched", "pushed", "opened")
    assert [what.index(word) for word in order] == sorted(what.index(word) for word in order)
    assert "attempt 1, opened" in done
    assert RECORD in done


def test_a_contact_nobody_reported_on_is_not_found(
    command: Run, here: dict[str, str], there: dict[str, str]
) -> None:
    for environment in (here, there):
        for name in ("show", "trace"):
            done = command("contacts", name, "c-0", **environment)
            assert done.returncode == 4
            assert "there is no contact c-0" in done.stderr


def test_a_server_is_not_asked_without_a_key(command: Run, there: dict[str, str]) -> None:
    environment = {name: value for name, value in there.items() if name != "SCREENPOP_KEY"}
    done = command("contacts", "show", CONTACT, **environment)
    assert done.returncode == 2
    assert "--key" in done.stderr


def test_a_wrong_key_and_an_absent_server_have_their_own_exit_codes(
    command: Run, there: dict[str, str]
) -> None:
    wrong = command("contacts", "show", CONTACT, "--key", "sp_no_no", **there)
    assert wrong.returncode == 3
    absent = command("contacts", "show", CONTACT, "--url", "http://127.0.0.1:1", **there)
    assert absent.returncode == 5


def test_another_tenants_contact_is_not_found(command: Run, here: dict[str, str]) -> None:
    assert command("contacts", "show", CONTACT, "--tenant", "acme", **here).returncode == 4
