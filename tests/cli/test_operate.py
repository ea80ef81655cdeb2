"""Look after a server: `settings`, `doctor`, `backup`."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from adapter.settings import Settings
from tests.cli.conftest import Run
from tests.cli.servers import ingest
from tests.server import ORGANISATION, POLICY, Server, eventually

EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared, not listened on


@pytest.fixture
def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def data(tmp_path: Path, free_port: int) -> dict[str, str]:
    return {"SCREENPOP_DATA_DIR": str(tmp_path / "data"), "SCREENPOP_PORT": str(free_port)}


def settings_of(text: str) -> dict[str, dict[str, Any]]:
    return {row["setting"]: row for row in map(json.loads, text.splitlines())}


def test_each_setting_is_printed_with_its_origin(command: Run, tmp_path: Path) -> None:
    file = tmp_path / "screenpop.toml"
    file.write_text('port = 9000\nhost = "0.0.0.0"\n')
    environment = {"SCREENPOP_CONFIG": str(file), "SCREENPOP_HOST": "127.0.0.1"}
    done = command("settings", "--json", "--database", "x.db", **environment)
    found = settings_of(done.stdout)
    assert list(found) == list(Settings.model_fields)
    assert (found["port"]["value"], found["port"]["origin"]) == (9000, str(file))
    assert (found["host"]["value"], found["host"]["origin"]) == ("127.0.0.1", "SCREENPOP_HOST")
    assert (found["database"]["value"], found["database"]["origin"]) == ("x.db", "command line")
    assert found["retention_days"]["origin"] == "default"
    text = command("settings", **environment).stdout
    assert len(text.splitlines()) == len(found)
    assert f"9000{' ' * 28}{file}" in text


def test_secrets_are_hidden(command: Run) -> None:
    environment = {
        "SCREENPOP_SECRET_KEY": "not-to-be-printed-anywhere",
        "SCREENPOP_BUS": "redis://user:hush@redis.example:6379/0",
    }
    for arguments in ((), ("--json",)):
        shown = command("settings", *arguments, **environment).stdout
        assert "not-to-be-printed" not in shown
        assert "hush" not in shown
        assert "redis.example:6379" in shown


def test_a_variable_that_nothing_reads_is_named(command: Run, data: dict[str, str]) -> None:
    done = command("settings", SCREENPOP_HOTS="x")
    assert done.returncode == 0
    assert "SCREENPOP_HOTS" in done.stderr
    assert "SCREENPOP_HOTS" in command("doctor", SCREENPOP_HOTS="x", **data).stdout


def test_a_wrong_setting_is_named_by_its_variable(command: Run) -> None:
    done = command("settings", SCREENPOP_PORT="many")
    assert done.returncode == 2
    assert "SCREENPOP_PORT" in done.stderr


def examine(command: Run, data: dict[str, str]) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Run the doctor; give its exit code and the findings by check."""
    done = command("doctor", "--json", **data)
    assert done.stdout, done.stderr
    found: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(done.stdout)["checks"]:
        found.setdefault(row["check"], []).append(row)
        assert row["do"] or row["status"] == "ok"
    return done.returncode, found


def statuses(found: dict[str, list[dict[str, Any]]], check: str) -> list[str]:
    return [row["status"] for row in found[check]]


def test_a_fresh_machine_is_told_where_to_begin(command: Run, data: dict[str, str]) -> None:
    code, found = examine(command, data)
    assert code == 0
    assert "screenpop keys create" in found["database"][0]["detail"]
    assert not Path(data["SCREENPOP_DATA_DIR"]).exists()


def test_a_new_tenant_is_told_what_it_lacks(command: Run, data: dict[str, str]) -> None:
    command("migrate", **data)
    code, found = examine(command, data)
    assert code == 0
    assert statuses(found, "domains of default") == ["warning"]
    assert "screenpop domains set" in found["domains of default"][0]["do"]
    assert "screenpop pop-policy set" in found["pop policy of default"][0]["do"]
    does = [row["do"] for row in found["keys of default"]]
    assert any("--scope ingest" in do for do in does)
    assert any("--scope feed" in do for do in does)


def test_a_complete_installation_has_nothing_to_do(
    command: Run, data: dict[str, str], tmp_path: Path
) -> None:
    environment = {**data, "SCREENPOP_SECRET_KEY": "sixteen characters or more"}
    command("domains", "set", "-", stdin=ORGANISATION, **environment)
    command("pop-policy", "set", "-", stdin=json.dumps(POLICY), **environment)
    command("keys", "create", "--scope", "ingest", **environment)
    command("keys", "create", "--scope", "feed", **environment)
    code, found = examine(command, environment)
    assert code == 0
    assert {row["status"] for rows in found.values() for row in rows} == {"ok"}, found


def test_several_tenants_need_host_names(command: Run, data: dict[str, str]) -> None:
    command("tenants", "create", "acme", **data)
    code, found = examine(command, data)
    assert code == 1
    assert "SCREENPOP_ENVIRONMENT_DOMAIN" in found["tenants"][0]["do"]
    with_domain = {**data, "SCREENPOP_ENVIRONMENT_DOMAIN": "screenpop.example"}
    code, found = examine(command, with_domain)
    assert code == 0
    assert "acme.screenpop.example" in found["tenants"][0]["detail"]
    assert "--tenant acme" in found["domains of acme"][0]["do"]


def test_a_key_file_must_be_private_and_fit_the_secrets(command: Run, data: dict[str, str]) -> None:
    command("keys", "create", "--signing", **data)
    path = Path(data["SCREENPOP_DATA_DIR"]) / "secret.key"
    assert statuses(examine(command, data)[1], "secret key") == ["warning"]
    path.chmod(0o644)
    code, found = examine(command, data)
    assert code == 1
    assert found["secret key"][0]["do"] == f"chmod 600 {path}"
    path.chmod(0o600)
    path.write_text("another key than the one before\n")
    assert "problem" in statuses(examine(command, data)[1], "secret key")
    path.unlink()
    assert "problem" in statuses(examine(command, data)[1], "secret key")
    assert not path.exists()


def test_a_clock_that_went_back_is_a_problem(command: Run, data: dict[str, str]) -> None:
    command("migrate", **data)
    tomorrow = int((time.time() + 86_400) * 1_000_000)
    path = Path(data["SCREENPOP_DATA_DIR"]) / "screenpop.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "INSERT INTO journal_marks (tenant, number, sequence, silent) VALUES ('default',1,1,0)"
        )
        database.execute(
            "INSERT INTO journal (position, time, links, report)"
            " VALUES ((1 << 40) + 1, ?, x'90', x'')",
            (tomorrow,),
        )
    code, found = examine(command, data)
    assert code == 1
    assert statuses(found, "clock") == ["problem"]
    assert str(datetime.fromtimestamp(tomorrow / 1e6, UTC).date()) in found["clock"][0]["detail"]


def test_a_corrupt_database_is_a_problem(command: Run, data: dict[str, str]) -> None:
    folder = Path(data["SCREENPOP_DATA_DIR"])
    folder.mkdir()
    (folder / "screenpop.db").write_bytes(b"this is no database" * 1000)
    code, found = examine(command, data)
    assert code == 1
    assert statuses(found, "database") == ["problem"]


def test_an_open_address_needs_a_public_name(command: Run, data: dict[str, str]) -> None:
    code, found = examine(command, {**data, "SCREENPOP_HOST": EVERYWHERE})
    assert code == 0
    assert statuses(found, "settings") == ["warning"]
    named = {"SCREENPOP_HOST": EVERYWHERE, "SCREENPOP_PUBLIC_URL": "https://screenpop.example"}
    assert statuses(examine(command, {**data, **named})[1], "settings") == ["ok"]


def test_the_server_is_asked_whether_it_is_ready(command: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        data = {"SCREENPOP_DATA_DIR": str(tmp_path), "SCREENPOP_PORT": str(server.port)}
        _, found = examine(command, data)
        assert found["server"][0]["detail"].endswith("is ready")


def test_a_server_on_another_database_is_not_taken_for_ours(
    command: Run, tmp_path: Path, data: dict[str, str]
) -> None:
    with Server(tmp_path) as other:
        code, found = examine(command, {**data, "SCREENPOP_PORT": str(other.port)})
    assert code == 1
    assert found["server"][0]["detail"].endswith("runs on another database")


STRANGERS = {
    "it knows what a server says": '{"status": "ready", "checks": {"journal": "ok"}}',
    "it guesses": '{"status": "ready", "checks": {}, "installation": ""}',
    "it has none": '{"status": "ready", "checks": {}, "installation": null}',
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_on_the_port_is_not_taken_for_our_server(
    command: Run, tmp_path: Path, stranger: str
) -> None:
    text = STRANGERS[stranger].encode()
    with Server(tmp_path), answering(text) as port:
        data = {"SCREENPOP_DATA_DIR": str(tmp_path), "SCREENPOP_PORT": str(port)}
        code, found = examine(command, data)
    assert code == 1
    (row,) = found["server"]
    assert "runs on another database" in row["detail"]
    assert "the server of this database is elsewhere" in row["detail"]


@contextlib.contextmanager
def answering(text: bytes) -> Iterator[int]:
    """Answer whatever is asked with a JSON text; gives the port."""

    class Stranger(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Stranger) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()


def test_a_server_on_another_port_is_missed(command: Run, tmp_path: Path, free_port: int) -> None:
    with Server(tmp_path):
        data = {"SCREENPOP_DATA_DIR": str(tmp_path), "SCREENPOP_PORT": str(free_port)}
        _, found = examine(command, data)
    assert statuses(found, "server") == ["warning"]
    assert "one runs on this database" in found["server"][0]["detail"]


def test_a_database_is_made_for_its_user_alone(
    command: Run, tmp_path: Path, data: dict[str, str]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir(0o755)
    with Server(folder):
        kept = sorted(path.name for path in folder.glob("screenpop.db*"))
        assert {"screenpop.db", "screenpop.db-wal", "screenpop.db-shm"} <= set(kept)
        assert {path.stat().st_mode & 0o777 for path in folder.glob("screenpop.db*")} == {0o600}
    assert statuses(examine(command, data)[1], "database") == ["ok"]
    (folder / "screenpop.db").chmod(0o644)
    (found,) = examine(command, data)[1]["database"]
    assert found["status"] == "warning"
    assert found["do"] == f"chmod 600 {folder}/screenpop.db*"


def test_lines_that_may_not_be_meant_are_counted_once(command: Run, data: dict[str, str]) -> None:
    command("domains", "set", "-", stdin="https://a.example\nhttp://*.b.example\n", **data)
    (found,) = examine(command, data)[1]["domains of default"]
    assert found["detail"].endswith("may not be meant: line 2")


def test_another_program_on_the_port_is_a_problem(command: Run, data: dict[str, str]) -> None:
    with ingest(PlainTextResponse("hello")) as other:
        code, found = examine(command, {**data, "SCREENPOP_PORT": str(other.port)})
    assert code == 1
    assert "SCREENPOP_PORT" in found["server"][0]["do"]


def test_a_command_leaves_a_database_alone_whose_log_was_deleted_under_the_server(
    tmp_path: Path, command: Run
) -> None:
    with Server(tmp_path) as server:
        server.report("created", "taken")
        server.database.with_name(server.database.name + "-wal").unlink()
        eventually(lambda: "the database has what it held" in server.log(), "it is rescued")
        done = command("doctor", SCREENPOP_DATA_DIR=str(server.folder))
        assert done.returncode == 1
        assert "restart the server" in done.stdout
        assert not server.database.with_name(server.database.name + "-wal").exists()
        server.restart()
        assert server.post(server.event("created", "later")).status_code == 202


def test_a_command_knows_a_deleted_log_though_another_is_there(
    tmp_path: Path, command: Run
) -> None:
    with Server(tmp_path) as server:
        server.report("created", "taken")
        log = server.database.with_name(server.database.name + "-wal")
        log.unlink()
        eventually(lambda: "the database has what it held" in server.log(), "it is rescued")
        with contextlib.closing(sqlite3.connect(server.database)) as reader:
            reader.execute("SELECT count(*) FROM heartbeat").fetchall()
        assert log.exists()
        done = command("doctor", SCREENPOP_DATA_DIR=str(server.folder))
        assert done.returncode == 1
        assert "somebody has deleted" in done.stdout
