"""Nobody is told by a feed that begins, or by a replay, what the disk does not have yet."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapter import app, messages, settings
from adapter.batch import Batch
from adapter.jobs import Work
from adapter.services import Services
from adapter.store import syncing
from adapter.subscriptions import TOGETHER
from adapter.tenants import DEFAULT
from adapter.web.feed_socket import FeedSocket
from tests import disks
from tests.feed.raw import handshake
from tests.feed.test_long_replays import Reader
from tests.server import PATIENCE, Server


class Disk:
    """A disk that is slow for the thread that waits for it, and not for the event loop."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.was_awaited = False
        """Whether the loop has waited for it."""

    def fdatasync(self, descriptor: int) -> None:
        if threading.current_thread() is threading.main_thread():
            self.was_awaited = True
        else:
            self.may_go_on.wait(PATIENCE)
        os.fdatasync(descriptor)


class Watching(Reader):
    """A transport that notes with each message whether the loop had waited for the disk then."""

    def __init__(self, disk: Disk) -> None:
        super().__init__()
        self._disk = disk
        self.told: list[tuple[int, bool]] = []
        """The sequence of each message, or of a snapshot, and that."""

    def write(self, data: Any) -> None:
        super().write(data)
        self.told += [
            (int(found), self._disk.was_awaited)
            for found in re.findall(rb'"sequence":"([0-9]+)","datacontenttype"', bytes(data))
        ]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    disks.put_in(monkeypatch, made.fdatasync)
    monkeypatch.setattr(syncing, "QUICK", 0.0)
    return made


def say(*what: str) -> Work[None]:
    def work(batch: Batch) -> None:
        for each in what:
            batch.say(DEFAULT, messages.SETTINGS_CHANGED, {"what": [each]}, agents=("*",))

    return work


async def begun(services: Services, disk: Disk) -> asyncio.Future[None]:
    """Commit a message, which the disk does not have yet."""
    disk.may_go_on.clear()
    disk.was_awaited = False
    waiting = services.committer.submit(say("new"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not disk.was_awaited
    return waiting


@pytest.fixture
def key(tmp_path: Path) -> str:
    made = Server(tmp_path)
    made.make_keys()
    return made.key("feed")


@pytest.fixture
def services(tmp_path: Path, key: str, disk: Disk) -> Iterator[Services]:
    """A server's objects, whose commits outlive a loss of power."""
    chosen = settings.load(data_dir=tmp_path, durability="power", feed_buffer=4 * TOGETHER)
    made = app.create_services(chosen)
    with closing(made.database):
        yield made
        disk.may_go_on.set()


def connected(services: Services, transport: Watching, query: str, key: str) -> FeedSocket:
    socket = FeedSocket(services, set())
    socket.connection_made(transport)
    socket.begin(b"/v1/feed?agent=*" + query.encode(), handshake(key))
    return socket


@pytest.mark.parametrize("query", ["", "&after=1"], ids=["snapshot", "resume"])
async def test_a_feed_that_begins_tells_of_nothing_that_the_disk_does_not_have(
    services: Services, key: str, disk: Disk, query: str
) -> None:
    await services.committer.submit(say("before"))
    waiting = await begun(services, disk)
    transport = Watching(disk)
    socket = connected(services, transport, query, key)
    assert transport.told == [(2, True)]
    disk.may_go_on.set()
    await waiting
    await services.committer.submit(say("live"))
    assert socket.live
    assert [sequence for sequence, _ in transport.told] == [2, 3]


async def test_a_replay_that_goes_on_tells_of_nothing_that_the_disk_does_not_have(
    services: Services, key: str, disk: Disk
) -> None:
    count = 500
    await services.committer.submit(say(*(f"before {number}" for number in range(count))))
    transport = Watching(disk)
    socket = connected(services, transport, "&after=0", key)
    assert socket.is_half_full()
    assert len(transport.told) < count
    waiting = await begun(services, disk)
    while not socket.live:
        transport.waiting = 0
        socket.resume_writing()
        await asyncio.sleep(0)
    assert transport.told[-1] == (count + 1, True)
    disk.may_go_on.set()
    await waiting
    await services.committer.submit(say("live"))
    assert [sequence for sequence, _ in transport.told] == list(range(1, count + 3))
