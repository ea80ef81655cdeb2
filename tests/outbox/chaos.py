"""Put contacts through random faults, kills and reorderings, and see what each has left."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from adapter.demo.simulated.dataverse import seeding
from adapter.demo.simulated.faults import FOREVER, Fault, Kind
from adapter.demo.simulated.serving import Simulation
from tests.outbox.office import ENDED_AND_COMPLETED, followed, letters, set_steps, waiting
from tests.server import PATIENCE, Server

POSTERS = 8
AGENTS = ("alice", "bob", "carol", "dave")
DOMAIN = "contoso.onmicrosoft.com"
CREATE = (
    '{"phonenumber": "{{CustomerEndpoint}}", "subject": "{{topic}}",'
    ' "actualstart": "{{InitiationTimestamp}}", "prioritycode": {{priority}}}'
)
POISON = 99
"""Dynamics refuses it as a priority: there is no such choice."""

# Of every hundred requests about thirty go wrong.
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": Kind.DROP_AFTER, "probability": 0.08},
    {"kind": Kind.DROP_BEFORE, "probability": 0.05},
    {"kind": Kind.STATUS, "status": 500, "probability": 0.05},
    {"kind": Kind.STATUS, "status": 503, "probability": 0.04},
    {"kind": Kind.STATUS, "status": 429, "retry_after": 1, "probability": 0.01},
    {"kind": Kind.SLOW_ANSWER, "seconds": 0.4, "probability": 0.06},
    {"kind": Kind.HANG, "seconds": 0.4, "probability": 0.03},
    {"kind": Kind.STATUS, "status": 503, "probability": 0.3, "where": "token"},
)


@dataclass
class Story:
    """One contact: what happens to it, as it is told, and how it must end."""

    id: str
    phone: str
    topic: str
    priority: int
    owner: str | None
    """The last agent, None where nobody answered."""
    recording: str | None
    began: datetime
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def poisoned(self) -> bool:
        return self.priority == POISON


@dataclass
class Result:
    """What a run was like."""

    contacts: int = 0
    letters: int = 0
    notes: int = 0
    requests: int = 0
    faults: int = 0
    kills: int = 0
    resent: int = 0
    seconds: float = 0.0


def storm(server: Server, dynamics: Simulation, *, contacts: int, kills: int, seed: int) -> Result:
    """Run the contacts' events against server and simulation; raises where one ends wrongly."""
    started = time.monotonic()
    dice = random.Random(seed)
    result = Result(contacts=contacts)
    set_steps(server, bodies={2: CREATE, 4: ENDED_AND_COMPLETED}, owner="agent")
    stories = [_story(server, dice, number) for number in range(contacts)]
    dynamics.world.limits.bounds.requests = 10**9
    dynamics.world.faults.clear(seed)
    planned = [Fault(count=FOREVER, **fault) for fault in FAULTS]
    for fault in planned:
        dynamics.world.faults.plan(fault)
    result.resent = _tell(server, stories, dice, kills)
    result.kills = kills
    # The storm goes on for a while over what was acknowledged, and then it ends.
    deadline = time.monotonic() + 3 * PATIENCE
    while time.monotonic() < deadline and not _settle(server, within=0.5):
        if sum(fault.met for fault in planned) > contacts:
            break
    dynamics.world.faults.clear()
    result.faults = sum(fault.met for fault in planned)
    settled = _settle(server, within=6 * PATIENCE + contacts / 10)
    assert settled, f"still waiting: {waiting(server)[:5]}"
    _audit(server, dynamics, stories, result)
    result.requests = len(dynamics.world.log)
    result.seconds = time.monotonic() - started
    return result


def _story(server: Server, dice: random.Random, number: int) -> Story:
    """Make up a contact, as its source tells it: late, twice, and out of order."""
    contact = f"storm-{number}"
    began = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1, seconds=number)
    topic = f'Order "{number}" {{{{appid}}}} 😀'
    priority = POISON if number % 25 == 7 else 1
    agents = dice.sample(AGENTS, dice.choice((0, 1, 1, 1, 2)))
    story = Story(
        id=contact,
        phone=f"+4930{number:07}",
        topic=topic,
        priority=priority,
        owner=agents[-1] if agents else None,
        recording=f"https://recordings.example/{contact}.wav" if dice.random() < 0.8 else None,
        began=began,
    )
    seconds = itertools.count(0, 10)

    def tell(stage: str, **data: Any) -> None:
        time = (began + timedelta(seconds=next(seconds))).isoformat()
        story.events.append(server.event(stage, contact, time=time, **data))

    tell(
        "created",
        customer={"phone": story.phone},
        attributes={"topic": topic, "priority": priority},
    )
    for place, agent in enumerate(agents):
        tell("transferred" if place else "offered", agent=f"{agent}@{DOMAIN}")
        tell("answered", agent=f"{agent}@{DOMAIN}")
    tell("ended")
    if story.recording:
        file = {"kind": "recording", "url": story.recording}
        for _ in range(dice.choice((1, 2))):
            tell("recorded", recording=file)
    story.events += dice.choices(story.events, k=dice.choice((0, 1, 3)))
    for place in range(len(story.events) - 1):
        if dice.random() < 0.3:
            events = story.events
            events[place], events[place + 1] = events[place + 1], events[place]
    if dice.random() < 0.1:
        dice.shuffle(story.events)
    return story


def _tell(server: Server, stories: Sequence[Story], dice: random.Random, kills: int) -> int:
    """Post every event until it is acknowledged, through kills; give how many came again."""
    total = sum(len(story.events) for story in stories)
    marks = sorted(dice.uniform(0.1, 0.9) * total for _ in range(kills))
    done, resent = itertools.count(1), itertools.count()
    progress = [0]
    up = threading.Event()
    up.set()

    def post(story: Story) -> None:
        for event in story.events:
            while not _acknowledged(server, event, up):
                next(resent)
            progress[0] = next(done)

    with ThreadPoolExecutor(POSTERS) as pool:
        posting = [pool.submit(post, story) for story in stories]
        for mark in marks:
            while progress[0] < mark:
                time.sleep(0.01)
            up.clear()
            server.kill9()
            server.start()
            up.set()
        for each in posting:
            each.result()
    return next(resent)


def _acknowledged(server: Server, event: dict[str, Any], up: threading.Event) -> bool:
    # While it is down nobody dials: a loopback port without a listener can connect to itself.
    up.wait()
    try:
        return server.post(event).status_code == 202
    except httpx.HTTPError:
        time.sleep(0.02)
        return False


def _settle(server: Server, *, within: float) -> bool:
    """Wait until nothing waits to be sent; False after `within` seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not waiting(server):
            return True
        time.sleep(0.1)
    return False


def _audit(server: Server, dynamics: Simulation, stories: Sequence[Story], result: Result) -> None:
    """See that each contact has one row with the right final fields, or says why not."""
    database = dynamics.world.database
    rows: dict[str, list[Any]] = {}
    for row_id, row in database.rows("phonecall").items():
        rows.setdefault(str(row.get("phonenumber")), []).append((row_id, row))
    notes: dict[str, list[str]] = {}
    for note in database.rows("annotation").values():
        about = str(getattr(note.get("objectid"), "id", ""))
        notes.setdefault(about, []).append(str(note.get("notetext")))
    dead: dict[str, list[str]] = {}
    steps: dict[str, set[int]] = {}
    for letter in letters(server):
        dead.setdefault(letter["contact"], []).append(letter["cause"])
        steps.setdefault(letter["contact"], set()).add(letter["step"])
    for story in stories:
        if story.poisoned:
            assert story.phone not in rows
            assert any("prioritycode" in cause for cause in dead[story.id]), dead[story.id]
            # A step may be due again when late news come: each of these says why, too.
            assert steps[story.id] == ({2, 4, 5} if story.recording else {2, 4}), story.id
            result.letters += len(dead[story.id])
            continue
        assert story.id not in dead, (story.id, dead[story.id])
        ((row_id, row),) = rows[story.phone]
        texts = [*notes.get(row_id, []), str(row.get("description") or "")]
        _audit_row(story, row, [followed(server, text) for text in texts])
        result.notes += len(notes.get(row_id, []))


def _audit_row(story: Story, row: Any, texts: list[str]) -> None:
    assert row["subject"] == story.topic
    assert row["category"] == "voice", story.id
    assert (row["statecode"], row["statuscode"]) == (1, 4), story.id
    assert row["actualstart"] == story.began.isoformat().replace("+00:00", "Z"), story.id
    owner = seeding.user_id(story.owner or "application")
    # What is told of the agent after the row is completed is on a note: it takes no owner then.
    late = [text for text in texts if "voice" in text]
    assert row["ownerid"].id == owner or late, (story.id, story.owner, texts)
    told = sum(text.count(str(story.recording)) for text in texts)
    assert told == (1 if story.recording else 0), (story.id, texts)
