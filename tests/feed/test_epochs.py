"""A sequence of another epoch is not taken for the number that it is in this one."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapter.store import maintenance
from tests.feed.conftest import Fresh
from tests.server import PANEL, READER, Feed, Server

Put = Callable[[Server, Path], None]


def offer(server: Server, name: str, count: int, agent: str = "alice") -> list[str]:
    """Let contacts ring at an agent; gives their ids."""
    ids = [f"{name}-{number}" for number in range(count)]
    for each in ids:
        server.report("offered", each, agent=agent)
    return ids


def follow(feed: Feed, count: int) -> tuple[str, str]:
    """Read a snapshot and messages; gives where to resume, and the epoch of that."""
    epoch = feed.next()["data"]["epoch"]
    last = [feed.next() for _ in range(count)][-1]["sequence"]
    feed.close()
    return last, epoch


def over(server: Server, copy: Path) -> None:
    """Forget what stands beside the database, as people do."""
    shutil.copyfile(copy, server.database)


def by_the_book(server: Server, copy: Path) -> None:
    """Do what the page on restoring says."""
    for each in list(server.folder.glob("screenpop.db*")):
        each.unlink()
    shutil.copyfile(copy, server.database)


def restored(server: Server, copy: Path, put: Put) -> None:
    """Go back to a copy, after a crash."""
    server.kill9()
    put(server, copy)
    server.start()


def contacts(snapshot: dict[str, Any]) -> list[str]:
    return [each["id"] for each in snapshot["data"]["contacts"]]


def epoch_of(server: Server) -> str:
    epoch = server.connect("*").epoch
    assert epoch
    return epoch


@pytest.mark.parametrize("put", [over, by_the_book])
@pytest.mark.parametrize(
    ("agent", "protocol"), [("alice", READER), ("alice", PANEL), ("*", READER)]
)
def test_who_saw_more_than_the_restored_backup_holds_is_told_of_the_gap_when_it_has_grown_past(
    own_server: Server, agent: str, protocol: str, put: Put
) -> None:
    server = own_server
    board = server.connect(agent, protocol=protocol)
    kept = offer(server, "kept", 2)
    maintenance.backup(server.database, copy := server.folder / "copy")
    offer(server, "lost", 3)
    last, epoch = follow(board, 5)
    restored(server, copy, put)
    new = offer(server, "new", 5)
    again = server.connect(agent, protocol=protocol, after=last, epoch=epoch)
    snapshot = again.next()
    assert snapshot["type"] == "screenpop.snapshot"
    assert snapshot["data"]["gap"] is True
    assert snapshot["data"]["epoch"] == again.epoch != epoch
    assert contacts(snapshot) == kept + new
    later = offer(server, "later", 1)
    assert [again.next()["subject"]] == later
    last, epoch = again.seen[-1]["sequence"], snapshot["data"]["epoch"]
    again.close()
    missed = offer(server, "missed", 2)
    resumed = server.connect(agent, protocol=protocol, after=last, epoch=epoch)
    assert [resumed.next()["subject"] for _ in missed] == missed


def test_who_does_not_say_the_epoch_resumes_by_the_number_as_before(own_server: Server) -> None:
    server = own_server
    board = server.connect("*")
    maintenance.backup(server.database, copy := server.folder / "copy")
    offer(server, "lost", 3)
    last, _ = follow(board, 3)
    restored(server, copy, over)
    new = offer(server, "new", 5)
    assert server.connect("*", after=last).next()["subject"] == new[int(last)]
    assert server.connect("*", after=99).next()["data"]["gap"] is True


@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_goes_on_with_the_epoch_and_gives_what_was_missed(
    own_server: Server, kill: bool
) -> None:
    server = own_server
    board = server.connect("*")
    offer(server, "seen", 3)
    last, epoch = follow(board, 3)
    missed = offer(server, "missed", 2)
    for _ in range(2):
        server.restart(kill=kill)
    missed += offer(server, "later", 2)
    again = server.connect("*", after=last, epoch=epoch)
    assert [again.next()["subject"] for _ in missed] == missed
    assert again.epoch == epoch


def test_a_copy_that_is_restored_twice_has_two_epochs(own_server: Server) -> None:
    server = own_server
    maintenance.backup(server.database, copy := server.folder / "copy")
    found = [epoch_of(server)]
    for put in (over, over, by_the_book, by_the_book):
        restored(server, copy, put)
        found.append(epoch_of(server))
    assert len(set(found)) == 5


def test_a_copy_of_another_tool_has_an_epoch_of_its_own_when_it_is_restored_by_the_book(
    own_server: Server,
) -> None:
    server = own_server
    copy = server.folder / "copy"
    with closing(sqlite3.connect(server.database)) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    before = epoch_of(server)
    restored(server, copy, by_the_book)
    assert epoch_of(server) != before


def test_where_a_command_is_the_first_to_find_a_backup_the_server_begins_an_epoch(
    own_server: Server,
) -> None:
    server = own_server
    maintenance.backup(server.database, copy := server.folder / "copy")
    before = epoch_of(server)
    server.kill9()
    over(server, copy)
    for _ in range(2):
        with server.office():
            pass
    server.start()
    assert (after := epoch_of(server)) != before
    server.restart(kill=True)
    assert epoch_of(server) == after


def test_the_epoch_is_told_wherever_a_client_may_learn_it(server: Server, fresh: Fresh) -> None:
    reader, panel = server.connect(fresh("agent")), server.panel(fresh("agent"), panel="p")
    panel.say(kind="hello", version="1")
    told = {reader.epoch, panel.epoch, panel.until("welcome")["epoch"]}
    told |= {reader.next()["data"]["epoch"], panel.seen[0]["data"]["epoch"]}
    assert len(told) == 1
    resumed = server.connect(fresh("agent"), after=0)
    assert {resumed.epoch} == told


def test_a_stranger_is_not_told_the_epoch(server: Server, fresh: Fresh) -> None:
    stranger = server.connect(fresh("agent"), scope=None)
    assert stranger.epoch is None
    assert stranger.close_code() == 4401
    wrong = server.connect(fresh("agent"), scope="ingest")
    assert wrong.epoch is None


def test_an_epoch_without_a_sequence_says_nothing(server: Server, fresh: Fresh) -> None:
    snapshot = server.connect(fresh("agent"), epoch="of-another").next()
    assert "gap" not in snapshot["data"]


@pytest.mark.parametrize("epoch", ["", "a+b", "%C3%A9", "e" * 65, "a&epoch=b"])
def test_an_epoch_of_no_possible_shape_is_malformed(
    server: Server, fresh: Fresh, epoch: str
) -> None:
    feed = server.connect(path=f"/v1/feed?agent={fresh('agent')}&after=0&epoch={epoch}")
    assert feed.close_code() == 4400
