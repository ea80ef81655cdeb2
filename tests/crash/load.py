"""Load a server that is killed again and again, and count what it kept.

Sources post until they are told 202; a wallboard and an agent's feed resume after each crash.
At the end the books must agree: every acknowledged event once, the sequence dense, and each feed
with exactly what the journal has.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sqlite3
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from adapter import contacts
from adapter.telephony import cloudevents
from tests.server import PATIENCE, READER, Server

SOURCES = 6
CONTACTS = 40
AGENTS = ("alice", "bob")
STAGES = ("created", "offered", "answered", "updated", "ended")
BIRTH = datetime(2026, 11, 21, 8, tzinfo=UTC)


@dataclass
class Books:
    """What the outside knows: sent, acknowledged, and what each feed was told."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    posts: int = 0
    resent: int = 0
    known_before: int = 0
    """Events that a crash had kept without an acknowledgement."""
    kills: int = 0
    down: list[float] = field(default_factory=list)


class Source:
    """One connection that posts events, alone or in batches, each until it is acknowledged."""

    def __init__(self, name: str, server: Server, up: asyncio.Event, books: Books) -> None:
        self._name = name
        self._server = server
        self._up = up
        self._books = books
        self._dice = random.Random(name)
        self._numbers = itertools.count(1)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Post until told to stop; the last request is acknowledged before it ends."""
        while not stop.is_set():
            events = [self._event() for _ in range(self._dice.choice((1, 1, 1, 2, 5)))]
            self._books.events.update({event["id"]: event for event in events})
            while not await self._send(events):
                self._books.resent += 1
                self._hang_up()
                await self._up.wait()
        self._hang_up()

    def _event(self) -> dict[str, Any]:
        number = next(self._numbers)
        moment = BIRTH + timedelta(seconds=self._dice.randrange(3600))
        return {
            "specversion": "1.0",
            "id": f"{self._name}-{number}",
            "source": f"urn:crash:{self._name}",
            "type": f"screenpop.contact.{self._dice.choice(STAGES)}",
            "subject": f"c-{self._dice.randrange(CONTACTS)}",
            "time": moment.isoformat(),
            "data": {"channel": "voice", "agent": self._dice.choice(AGENTS)},
        }

    async def _send(self, events: list[dict[str, Any]]) -> bool:
        try:
            status, body = await asyncio.wait_for(self._post(json.dumps(events)), PATIENCE)
        except (OSError, EOFError, TimeoutError, ValueError):
            return False  # killed before the answer: whether it was kept, nobody can know
        if status != 202:
            return False
        self._books.posts += 1
        self._books.acknowledged.update(event["id"] for event in events)
        self._books.known_before += body["duplicates"]
        assert body["accepted"] + body["duplicates"] == len(events), body
        return True

    async def _post(self, body: str) -> tuple[int, Any]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._server.port)
        reader, writer = self._streams
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Api-Key: {self._server.secret('ingest')}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write((head + body).encode())
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-len"))
        return int(lines[0].split()[1]), json.loads(await reader.readexactly(length))

    def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


class Follower:
    """A feed that resumes after each crash and tells messages apart by their id."""

    def __init__(self, agent: str, server: Server, up: asyncio.Event) -> None:
        self.agent = agent
        self.finished = asyncio.Event()
        """Set by the message that is the last one for this feed (`_farewell`)."""
        self.told: dict[str, dict[str, Any]] = {}
        self.doubled = 0
        self.faults: list[str] = []
        self._server = server
        self._up = up
        self._last = "0"
        self._epoch: str | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await self._up.wait()
            with contextlib.suppress(OSError, EOFError, TimeoutError, WebSocketException):
                async with self._connect() as socket:
                    assert socket.response is not None
                    self._epoch = self._epoch or socket.response.headers["Screenpop-Epoch"]
                    async for frame in socket:
                        self._take(json.loads(frame))

    def _connect(self) -> connect:
        place = f"after={int(self._last)}" + (f"&epoch={self._epoch}" if self._epoch else "")
        return connect(
            f"ws://127.0.0.1:{self._server.port}/v1/feed?agent={self.agent}&{place}",
            subprotocols=[Subprotocol(READER)],
            additional_headers={"Authorization": f"Bearer {self._server.secret('feed')}"},
            compression=None,
            proxy=None,
            open_timeout=PATIENCE,
        )

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "screenpop.snapshot":
            self.faults.append(f"a gap was announced after {self._last}")
        elif message["id"] in self.told:
            self.doubled += 1
        else:
            if message["sequence"] <= self._last:
                self.faults.append(f"{message['sequence']} came after {self._last}")
            self.told[message["id"]] = message
            self._last = message["sequence"]
            if message["subject"] == f"final-{AGENTS[-1] if self.agent == '*' else self.agent}":
                self.finished.set()


async def storm(server: Server, kills: int, dice: random.Random) -> Books:
    """Post and follow while the server is killed `kills` times; raises where the books differ."""
    books, up, stop = Books(), asyncio.Event(), asyncio.Event()
    up.set()
    followers = [Follower(agent, server, up) for agent in ("*", *AGENTS)]
    sources = [Source(f"s{number}", server, up, books) for number in range(SOURCES)]
    async with asyncio.TaskGroup() as group:
        following = [group.create_task(each.run()) for each in followers]
        posting = [group.create_task(each.run(stop)) for each in sources]
        for _ in range(kills):
            await _crash(server, up, books, dice)
        await asyncio.sleep(0.2)  # some load after the last restart too
        stop.set()
        await asyncio.wait(posting)
        await asyncio.to_thread(_farewell, server, books)
        readers = [Follower(each.agent, server, up) for each in followers]
        following += [group.create_task(each.run()) for each in readers]
        async with asyncio.timeout(3 * PATIENCE + len(books.events) / 1000):  # all is read again
            for each in [*followers, *readers]:
                await each.finished.wait()
        for task in following:
            task.cancel()
    journal = {each.agent: list(each.told.values()) for each in readers}
    _audit(books, followers, journal)
    _audit_contacts(server, books)
    _audit_file(server)
    return books


async def _crash(server: Server, up: asyncio.Event, books: Books, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0.02, 0.6))
    # While it is down nobody dials: a loopback port without a listener can connect to itself.
    up.clear()
    started = time.monotonic()
    await asyncio.to_thread(server.kill9)
    books.kills += 1
    if dice.random() < 0.1:  # and now and then before it is ready
        await asyncio.to_thread(server.start, wait=False)
        await asyncio.sleep(dice.uniform(0, 1))
        await asyncio.to_thread(server.kill9)
        books.kills += 1
    await asyncio.to_thread(server.start)
    books.down.append(time.monotonic() - started)
    up.set()


def _farewell(server: Server, books: Books) -> None:
    """Post the last event of each agent, by which its feed is known to be complete."""
    for agent in AGENTS:
        name, now = f"final-{agent}", BIRTH.isoformat()
        event = server.report("answered", name, agent=agent, id=name, time=now)
        books.events[event["id"]] = event
        books.acknowledged.add(event["id"])


def _audit(
    books: Books, followers: list[Follower], journal: dict[str, list[dict[str, Any]]]
) -> None:
    everything = journal["*"]
    sequences = [int(message["sequence"]) for message in everything]
    assert sequences == list(range(1, len(sequences) + 1)), "the sequence has a gap or a repeat"
    told = [message["data"]["event"]["id"] for message in everything]
    assert len(told) == len(set(told)), "an event came out twice"
    assert books.acknowledged == books.events.keys(), "a source gave up"
    assert set(told) == books.acknowledged, "acknowledged and kept are not the same"
    for follower in followers:
        assert follower.faults == []
        expected = {message["id"]: message for message in journal[follower.agent]}
        assert follower.told == expected, f"feed {follower.agent} is not what the journal has"
    for agent in AGENTS:
        own = [each["id"] for each in everything if each["data"]["agent"] == agent]
        assert set(own) <= {message["id"] for message in journal[agent]}


def _audit_contacts(server: Server, books: Books) -> None:
    by_contact: dict[str, list[Any]] = {}
    for event in books.events.values():
        decoded = cloudevents.decode(
            {"content-type": "application/json"}, json.dumps(event).encode(), received=BIRTH
        )
        by_contact.setdefault(event["subject"], []).extend(decoded.entries[0].facts)
    for contact, facts in by_contact.items():
        state = reduce(contacts.advance, facts, None)
        assert state is not None
        found = server.request("GET", f"/v1/contacts/{contact}", scope="admin").json()
        times = {name: datetime.fromisoformat(text) for name, text in found["stages"].items()}
        expected = contacts.view(state, agent=state.agent)
        assert {**found, "stages": times} == {**expected, "linked": []}, contact


def _audit_file(server: Server) -> None:
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        doubled = database.execute(
            "SELECT subject, data FROM journal WHERE report NOT NULL"
            " GROUP BY subject, data HAVING count(*) > 1"
        ).fetchall()
        assert doubled == []
