"""Lock, spoil, move and share the database file: one clear line, and nothing taken wrongly."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.crash.breaking import (
    EXIT_TRY_LATER,
    assert_comes_in_once,
    assert_kept,
    fails_to_start,
    readiness,
    refused,
    root_page,
    spoil,
)
from tests.server import Server, eventually

ACCEPTED = 202

pytestmark = pytest.mark.crash


@contextlib.contextmanager
def locked(server: Server) -> Iterator[None]:
    """Hold the write lock, as another program would."""
    with contextlib.closing(sqlite3.connect(server.database, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout=5000")
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def queued(server: Server) -> bool:
    text = server.http.get(server.url + "/metrics").text
    return "screenpop_journal_queue 1.0" in text


def post_alone(server: Server, event: dict[str, Any], answers: list[httpx.Response]) -> None:
    key = {"x-api-key": server.secret("ingest"), "content-type": "application/json"}
    with httpx.Client(trust_env=False, timeout=30) as own:
        answers.append(own.post(server.url + "/v1/events", json=event, headers=key))


def test_a_locked_database_is_waited_for_then_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        event = server.event("created", "locked")
        with locked(server):
            answer = server.post(event)
            refused(answer, "locked by another program")
            assert 1.5 < answer.elapsed.total_seconds() < 4.5  # EventBridge gives up after 5 s
            status, words = readiness(server)
            assert (status, "locked" in words) == (503, True)
        assert_comes_in_once(server, event)


def test_a_pop_whose_panel_goes_while_the_database_is_locked_goes_to_another(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path)
    server.set_policy()
    with server:
        server.report("created", "known", agent="bob")
        panels = [server.panel("alice"), server.panel("alice")]
        for each in panels:
            each.next()
        server.answer("alice")
        shown = [each.until("screenpop.pop")["data"]["present"] for each in panels]
        owner, other = panels if shown[0] == "open" else reversed(panels)
        with locked(server):
            server.report("updated", "known", agent="bob")  # no reader sees it while it is locked
            owner.close()
            eventually(lambda: has_panels(server, 1), "the server knows that it is gone")
        assert other.until("screenpop.pop")["data"]["present"] == "card"


def test_feeds_that_cannot_be_opened_are_told_to_come_later_and_logged_once_a_minute(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path)
    server.set_policy()
    with server:
        server.answer("bob")  # whoever comes first has to claim the pop
        with locked(server):
            server.report("updated", agent="bob")
            panels = [server.panel("bob") for _ in range(5)]
            assert [each.close_code() for each in panels] == [4503] * 5
            assert len(server.connect("bob").next()["data"]["contacts"]) == 1
        eventually(lambda: readiness(server)[0] == 200, "the journal works again")
        assert server.panel("bob").next()["data"]["pops"][0]["present"] == "open"
        assert server.log().count("feed not brought up to date") == 1


def has_panels(server: Server, count: int) -> bool:
    text = server.http.get(server.url + "/metrics").text
    return f'screenpop_feeds{{kind="panel"}} {float(count)}' in text


def test_a_short_lock_delays_the_answer_and_no_more(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        event, answers = server.event("created", "short"), list[httpx.Response]()
        with locked(server):
            waiting = threading.Thread(target=post_alone, args=(server, event, answers))
            waiting.start()
            eventually(lambda: queued(server), "the post waits", within=1.5)
            assert answers == []
        waiting.join()
        assert (answers[0].status_code, answers[0].json()["accepted"]) == (202, 1)


def post_until_refused(server: Server, words: str) -> list[str]:
    """Post contacts until one is refused, and give those that were taken."""
    taken: list[str] = []
    # The files are looked at every few milliseconds; one answer of a busy machine takes longer.
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        contact = f"taken-{len(taken)}"
        answer = server.post(server.event("created", contact))
        if answer.status_code != ACCEPTED:
            refused(answer, words)
            return taken
        taken.append(contact)
    raise AssertionError(f"{len(taken)} events were taken")


def test_a_file_that_is_no_database_is_one_clear_line_at_the_start(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert server.stop() == 0
        spoil(server.database, 0, 100)
        code, line = fails_to_start(server)
    assert code == EXIT_TRY_LATER
    assert str(server.database) in line
    assert "corrupt" in line
    assert "backup" in line


@pytest.mark.parametrize("table", ["tenant_settings", "keys"])
def test_a_file_spoilt_where_the_start_reads_is_one_clear_line(tmp_path: Path, table: str) -> None:
    with Server(tmp_path) as server:
        assert server.stop() == 0
        spoil(server.database, *root_page(server.database, table))
        code, line = fails_to_start(server)
    assert code == EXIT_TRY_LATER
    assert "corrupt" in line


def test_a_file_spoilt_where_events_are_takes_no_event(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.report("created", "before")
        assert server.stop() == 0
        spoil(server.database, *root_page(server.database, "journal"))
        server.start()
        _is_corrupt(server)


def test_a_file_spoilt_under_the_running_server_takes_no_event(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.report("created", "before")
        server.post(server.event("answered", "before", agent="alice"))
        spoil(server.database, *root_page(server.database, "journal"))
        with server.office() as office:
            office.create_key("default", "feed", "x")  # the server must read the file again
        _is_corrupt(server)


def _is_corrupt(server: Server) -> None:
    event = server.event("created", "after")
    eventually(lambda: server.post(event).status_code == 503, "the fault is noticed")
    for _ in range(3):  # and it stays: some pages would still take writes
        refused(server.post(event), "corrupt")
        status, words = readiness(server)
        assert status == 503
        assert "corrupt" in words
    assert server.http.get(server.url + "/healthz").status_code == 200


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_moved_file_is_noticed_and_nothing_that_was_taken_is_lost(
    tmp_path: Path, suffix: str
) -> None:
    with Server(tmp_path) as server:
        server.report("created", "before")
        event = server.event("created", "moved")
        file = Path(f"{server.database}{suffix}")
        file.rename(tmp_path / "elsewhere")
        taken = post_until_refused(server, "moved or deleted")
        refused(server.post(event), "moved or deleted")
        status, words = readiness(server)
        assert (status, "moved or deleted" in words) == (503, True)
        (tmp_path / "elsewhere").rename(file)
        assert_comes_in_once(server, event)
        server.restart(kill=True)
        assert_kept(server, ["before", *taken, "moved"])


def test_a_deleted_file_is_noticed_also_when_another_takes_its_place(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.report("created", "before")
        (tmp_path / "copy").write_bytes(server.database.read_bytes())
        server.database.unlink()
        post_until_refused(server, "moved or deleted")
        (tmp_path / "copy").rename(server.database)
        refused(server.post(server.event("created", "gone")), "moved or deleted")
        assert readiness(server)[0] == 503


def test_a_second_server_on_the_same_database_is_one_clear_line(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        other = Server(tmp_path)
        code, line = fails_to_start(other)
        assert code == EXIT_TRY_LATER
        assert "another server" in line
        assert str(server.database) in line
        server.report("created", "unharmed")


def test_a_database_behind_a_link_is_the_same_for_two_servers(tmp_path: Path) -> None:
    real = tmp_path / "disk" / "real.db"
    real.parent.mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "screenpop.db").symlink_to(real)
    with Server(tmp_path / "data", SCREENPOP_DURABILITY="power") as server:
        server.report("created", "before")
        code, line = fails_to_start(Server(tmp_path / "data", SCREENPOP_DATABASE=str(real)))
        assert (code, "another server" in line) == (EXIT_TRY_LATER, True)
        server.restart(kill=True)
        assert_kept(server, ["before"])
        server.report("created", "after")
    beside = {each.name for each in (tmp_path / "data").iterdir()}
    assert beside == {"screenpop.db", "secret.key"}


def test_a_data_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    blocked = Server(tmp_path, SCREENPOP_DATA_DIR=str(tmp_path / "file" / "data"))
    code, line = fails_to_start(blocked)
    assert code != 0
    assert str(tmp_path / "file") in line


@pytest.mark.parametrize("logs", [["-wal"], ["-redo"], ["-wal", "-redo"]])
def test_what_was_in_a_log_that_somebody_deleted_outlives_a_kill(
    tmp_path: Path, logs: list[str]
) -> None:
    with Server(tmp_path) as server:
        for number in range(20):
            server.report("created", f"taken-{number}")
        for log in logs:
            server.database.with_name(server.database.name + log).unlink()
        eventually(lambda: "the database has what it held" in server.log(), "it is rescued")
        refused(server.post(server.event("created", "after")), "moved or deleted")
        server.restart(kill=True)
        assert_kept(server, [f"taken-{number}" for number in range(20)])
        server.report("created", "after")


def test_a_stranger_that_writes_after_the_log_was_deleted_spoils_nothing(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.set_policy()
        for number in range(20):
            server.answer("alice", f"taken-{number}")
        server.database.with_name(server.database.name + "-wal").unlink()
        eventually(lambda: "the database has what it held" in server.log(), "it is rescued")
        with contextlib.closing(sqlite3.connect(server.database)) as stranger, stranger:
            stranger.execute("INSERT OR REPLACE INTO heartbeat (id, at) VALUES (1, 42)")
        server.stop()
        with contextlib.closing(sqlite3.connect(server.database)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            # Else it reads as rows of another table, whose page went to its place.
            assert database.execute("SELECT * FROM heartbeat").fetchall() == [(1, 42)]
        server.start()
        assert_kept(server, [f"taken-{number}" for number in range(20)])
