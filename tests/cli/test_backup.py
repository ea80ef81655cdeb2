"""Copy the database while a server writes to it, and start from the copy."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from adapter.cli import backup
from tests.cli.conftest import Run
from tests.server import Server


def events_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (number,) = copy.execute("SELECT count(*) FROM journal").fetchone()
    return int(number)


def batch(server: Server, start: int, size: int) -> None:
    events = [server.event("created", f"c-{n}", id=f"b-{n}") for n in range(start, start + size)]
    assert server.post(*events).status_code == 202


def test_a_copy_made_under_load_holds_all_that_was_acknowledged(
    screenpop: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with Server(folder) as server:
        batch(server, 0, 1000)
        stop = threading.Event()

        def load() -> None:
            start = 1000
            while not stop.is_set():
                batch(server, start, 20)
                start += 20

        writer = threading.Thread(target=load)
        writer.start()
        try:
            copy = tmp_path / "copy.db"
            done = screenpop("backup", str(copy), SCREENPOP_DATA_DIR=str(folder))
        finally:
            stop.set()
            writer.join()
        assert done.returncode == 0, done.stderr
        assert events_in(copy) >= 1000
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_server_starts_from_a_copy(command: Run, tmp_path: Path) -> None:
    folder, other = tmp_path / "data", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    with Server(folder) as server:
        server.report("answered", "c-1", agent="alice")
        copy = tmp_path / "copy.db"
        assert command("backup", str(copy), SCREENPOP_DATA_DIR=str(folder)).returncode == 0
    shutil.copy(copy, other / "screenpop.db")
    with Server(other) as restored:
        found = restored.request("GET", "/v1/contacts/c-1", scope="admin")
        assert found.json()["agent"] == "alice"
        assert restored.post(server.event("answered", "c-1", id="e-1")).json()["duplicates"] == 1


def test_a_file_is_replaced_only_by_force(command: Run, tmp_path: Path) -> None:
    data = {"SCREENPOP_DATA_DIR": str(tmp_path)}
    command("migrate", **data)
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    refused = command("backup", str(copy), **data)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert copy.read_text() == "precious"
    assert command("backup", str(copy), "--force", **data).returncode == 0
    assert events_in(copy) == 0


def test_the_database_is_not_replaced_by_its_own_copy(command: Run, tmp_path: Path) -> None:
    data = {"SCREENPOP_DATA_DIR": str(tmp_path)}
    command("migrate", **data)
    alias = tmp_path / "alias.db"
    alias.symlink_to(tmp_path / "screenpop.db")
    for target in (tmp_path / "screenpop.db", alias):
        done = command("backup", str(target), "--force", **data)
        assert done.returncode == 2
        assert "is the database itself" in done.stderr
    assert events_in(tmp_path / "screenpop.db") == 0


@pytest.mark.parametrize("added", backup.BESIDE)
def test_a_copy_never_takes_the_place_of_what_the_database_keeps_beside_it(
    command: Run, tmp_path: Path, added: str
) -> None:
    data = {"SCREENPOP_DATA_DIR": str(tmp_path)}
    command("migrate", **data)
    target = tmp_path / f"screenpop.db{added}"
    before = target.read_bytes() if target.exists() else None
    done = command("backup", str(target), "--force", **data)
    assert done.returncode == 2
    assert "keeps beside it" in done.stderr
    assert (target.read_bytes() if target.exists() else None) == before


def test_a_copy_never_takes_the_place_of_the_key_file(command: Run, tmp_path: Path) -> None:
    data = {"SCREENPOP_DATA_DIR": str(tmp_path)}
    command("keys", "create", "--signing", **data)
    before = (tmp_path / "secret.key").read_bytes()
    done = command("backup", str(tmp_path / "secret.key"), "--force", **data)
    assert done.returncode == 2
    assert "is the key file" in done.stderr
    assert (tmp_path / "secret.key").read_bytes() == before


def test_what_cannot_be_copied_is_named(command: Run, tmp_path: Path) -> None:
    data = {"SCREENPOP_DATA_DIR": str(tmp_path)}
    nothing = command("backup", str(tmp_path / "copy.db"), **data)
    assert nothing.returncode == 4
    assert str(tmp_path / "screenpop.db") in nothing.stderr
    assert not (tmp_path / "screenpop.db").exists()
    command("migrate", **data)
    assert command("backup", str(tmp_path / "no" / "copy.db"), **data).returncode == 4
    assert command("backup", str(tmp_path), **data).returncode == 2


def test_the_key_file_is_named_because_the_copy_needs_it(command: Run, tmp_path: Path) -> None:
    data = {"SCREENPOP_DATA_DIR": str(tmp_path)}
    command("keys", "create", "--signing", **data)
    key_file = str(tmp_path / "secret.key")
    assert key_file in command("backup", str(tmp_path / "a.db"), **data).stderr
    told = json.loads(command("backup", str(tmp_path / "b.db"), "--json", **data).stdout)
    assert told["key_file"] == key_file
    assert told["bytes"] == (tmp_path / "b.db").stat().st_size
