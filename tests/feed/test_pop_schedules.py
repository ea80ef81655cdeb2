"""Play random shifts: panels come and go, calls come, servers restart; no pop opens twice."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.feed.local import Local
from tests.server import RECORD, Feed

POP = "screenpop.pop"
AGENTS = ("alice", "bob")


class Shift:
    """One random shift and what its panels were told."""

    def __init__(self, server: Local, seed: int) -> None:
        self.server = server
        self.random = random.Random(seed)
        self.panels: dict[str, tuple[str, Feed]] = {}
        self.away: dict[str, tuple[str, str | None]] = {}
        self.last: dict[str, str | None] = {}
        self.opened: dict[str, set[tuple[str, str]]] = defaultdict(set)
        """By pop: the panel and message that said `open: true`."""
        self.known: dict[str, str] = {}
        """Pops that were announced, with their agent."""
        self.finished: set[str] = set()
        self.contacts: list[str] = []
        self.count = 0

    def come(self) -> None:
        self.count += 1
        self.connect(self.random.choice(AGENTS), f"p-{self.count}", None)

    def come_back(self) -> None:
        if self.away:
            panel = self.random.choice(sorted(self.away))
            agent, after = self.away.pop(panel)
            self.connect(agent, panel, after)

    def connect(self, agent: str, panel: str, after: str | None) -> None:
        self.panels[panel] = (agent, self.server.panel(agent, panel, after=after))
        self.last[panel] = after

    def go(self) -> None:
        if self.panels:
            panel = self.random.choice(sorted(self.panels))
            self.read(panel)
            agent, feed = self.panels.pop(panel)
            self.random.choice((feed.close, feed.cut))()
            self.away[panel] = (agent, self.last[panel])

    def look(self) -> None:
        if self.panels:
            _, feed = self.panels[self.random.choice(sorted(self.panels))]
            feed.say(kind="presence", visible=self.random.random() < 0.5)

    def call(self) -> None:
        self.count += 1
        contact = f"c-{self.count}"
        self.contacts.append(contact)
        agent = self.random.choice(AGENTS)
        self.server.report("answered", contact, agent=agent, attributes={"CrmId": RECORD})

    def move(self) -> None:
        if self.contacts:
            stage = self.random.choice(("transferred", "answered", "ended"))
            agent = {} if stage == "ended" else {"agent": self.random.choice(AGENTS)}
            self.server.report(stage, self.random.choice(self.contacts), **agent)

    def tell(self) -> None:
        for panel in sorted(self.panels):
            self.read(panel)
        mine = sorted((pop, panel) for pop, by in self.opened.items() for panel, _ in by)
        for pop, panel in mine:
            if panel in self.panels and pop not in self.finished and self.random.random() < 0.5:
                self.panels[panel][1].outcome(pop, "opened")
                self.finished.add(pop)

    def restart(self) -> None:
        for panel in list(self.panels):
            agent, feed = self.panels.pop(panel)
            self.take(panel, feed)
            self.away[panel] = (agent, self.last[panel])
        self.server.stop()
        self.server.hang_up()
        self.server.start()

    def read(self, panel: str) -> None:
        feed = self.panels[panel][1]
        feed.sync()
        self.take(panel, feed)

    def take(self, panel: str, feed: Feed) -> None:
        """Note what a panel was told, which is in `seen` once it was read."""
        seen, feed.seen = feed.seen, []
        for message in seen:
            if "specversion" not in message:
                continue
            self.last[panel] = message["sequence"]
            data = message["data"]
            pops = data["pops"] if message["type"] == "screenpop.snapshot" else []
            for pop in [data] if message["type"] == POP else pops:
                self.note(panel, message["id"], pop)

    def note(self, panel: str, message: str, pop: dict[str, Any]) -> None:
        self.known[pop["pop"]] = pop["agent"]
        assert pop["open"] is (pop["present"] == "open")
        if pop["open"]:
            assert pop["pop"] not in self.finished
            self.opened[pop["pop"]].add((panel, message))
            assert len({panel for panel, _ in self.opened[pop["pop"]]}) == 1, pop


STEPS = {
    "come": 3,
    "come_back": 4,
    "go": 5,
    "look": 4,
    "call": 8,
    "move": 3,
    "tell": 4,
    "restart": 1,
}


@pytest.mark.parametrize("seed", [1, 2])
def test_in_any_shift_a_pop_opens_once_and_none_is_lost(tmp_path: Path, seed: int) -> None:
    local = Local(tmp_path)
    local.set_policy(stale_after=600)
    with local as server:
        shift = Shift(server, seed)
        names, weights = zip(*STEPS.items(), strict=True)
        for step in shift.random.choices(names, weights, k=200):
            getattr(shift, step)()
        shift.tell()
        everything = dense(server)
        made = {each["data"]["pop"] for each in everything if each["type"] == POP}
        for agent in AGENTS:
            all_are_shown(server, shift, agent)
    assert len(made) > 20
    assert shift.opened


def dense(server: Local) -> list[dict[str, Any]]:
    last = int(server.connect("*").next()["sequence"])
    feed = server.connect("*", after=0)
    messages = [feed.next() for _ in range(last)]
    numbers = [int(each["sequence"]) for each in messages]
    assert numbers[0] == 1
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
    return messages


def all_are_shown(server: Local, shift: Shift, agent: str) -> None:
    """See that what nobody has opened is in the snapshot of a new panel."""
    with server.office() as office:
        rows = office.database.raw.execute(
            "SELECT id FROM pops WHERE agent=? AND finished IS NULL", (agent,)
        ).fetchall()
    unfinished = {row[0] for row in rows}
    assert not unfinished & shift.finished
    snapshot = server.panel(agent, "fresh").next()
    assert {each["pop"] for each in snapshot["data"]["pops"]} == unfinished
    assert not [
        each for each in snapshot["data"]["pops"] if each["open"] and each["pop"] in shift.opened
    ]
