"""Connect a server to the simulated Dynamics, and follow single calls from their events to rows."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapter import steps
from adapter.demo.simulated.faults import Fault, Kind
from adapter.demo.simulated.serving import Simulation
from tests.server import Feed, Server, eventually

APP_ID = "4f6d1c2a-9b3e-ed11-9db1-000d3a1b2c3d"
ACCOUNT = "/v1/admin/accounts/main"
LONG = 20.0
"""Seconds for what includes a few tries again, on a busy machine too."""
ENDED_AND_COMPLETED = '{"category": "{{Channel}}", "statecode": 1, "statuscode": 4}'

_numbers = itertools.count(1)


def trusting(dynamics: Simulation) -> dict[str, str]:
    """Give the settings by which a server speaks to a simulation."""
    return {"SCREENPOP_CA_FILE": str(dynamics.ca_file), "SCREENPOP_ALLOW_LOOPBACK": "true"}


@contextlib.contextmanager
def connected(folder: Path, dynamics: Simulation, fields: dict[str, Any]) -> Iterator[Server]:
    """Run a server whose tenant has an account in force and the seed product's steps."""
    with Server(folder, **trusting(dynamics)) as server:
        connect(server, fields)
        yield server


def connect(server: Server, fields: dict[str, Any]) -> None:
    """Give the tenant an account in force and the seed product's four steps."""
    saved = server.request("PUT", ACCOUNT, described(fields), scope="admin")
    assert saved.is_success, saved.text
    for action in ("apply", "test"):
        answer = server.request("POST", f"{ACCOUNT}/{action}", scope="admin")
        assert answer.is_success, answer.text
    assert answer.json()["message"] == "Connection is valid.", answer.text
    assert set_steps(server) is None


def described(fields: dict[str, Any]) -> dict[str, Any]:
    """Give the account as an admin saves it."""
    return {**fields, "app_id": APP_ID, "default": True}


def set_steps(
    server: Server,
    *,
    bodies: dict[int, str] | None = None,
    members: dict[int, dict[str, Any]] | None = None,
    patience: int = 20,
    **rules: Any,
) -> str | None:
    """Put the four steps into effect, changed; gives why they are disabled."""
    document = json.loads(steps.dump(steps.default_steps()))
    for step in document["steps"]:
        if step["number"] in (bodies or {}):
            step["body"] = (bodies or {})[step["number"]]
        if step["method"] == "OPEN":
            step["patience"] = patience
        step.update((members or {}).get(step["number"], {}))
    answer = server.request("PUT", "/v1/admin/steps", {**document, **rules}, scope="admin")
    assert answer.is_success, answer.text
    disabled: str | None = answer.json()["disabled"]
    return disabled


def letters(server: Server) -> list[dict[str, Any]]:
    """List the dead letters, page by page."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        path = f"/v1/admin/dead-letters?limit=500{after}"
        page = server.request("GET", path, scope="admin").json()
        found += page["dead_letters"]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


def replay(server: Server, letter: int | None = None) -> None:
    """Try one dead letter again, or all."""
    body = {} if letter is None else {"id": letter}
    answer = server.request("POST", "/v1/admin/dead-letters/replay", body, scope="admin")
    assert answer.status_code == 202, answer.text


def give_up_all(server: Server) -> None:
    """Dismiss what earlier tests have left: replayed, it would wait for a value for minutes."""
    path = "/v1/admin/dead-letters/dismiss"
    answer = server.request("POST", path, {"all": True}, scope="admin")
    assert answer.is_success, answer.text


def waiting(server: Server) -> list[Any]:
    """List the requests that are still to be sent or on their way."""
    with contextlib.closing(sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)) as file:
        return file.execute(
            "SELECT contact, key, attempts, cause FROM outbox WHERE state='waiting'"
        ).fetchall()


def settle(server: Server, dynamics: Simulation) -> None:
    """Let what is on its way arrive: the next test's log and faults are for its own requests."""
    dynamics.world.faults.clear()
    try:
        eventually(lambda: not waiting(server), "all is sent", within=LONG)
    except AssertionError:
        raise AssertionError(f"left to be sent: {waiting(server)}") from None


def break_down(dynamics: Simulation, kind: Kind, **more: Any) -> Fault:
    """Let the next request (or `count`) meet a fault."""
    fault = Fault(kind, **more)
    dynamics.world.faults.plan(fault)
    return fault


def writes(dynamics: Simulation, method: str = "", path: str = "phonecalls") -> list[Any]:
    """List the requests to Dynamics, the finished ones with `status`."""
    return [
        line
        for line in list(dynamics.world.log)
        if line["where"] == "dataverse"
        and str(line["method"]).startswith(method)
        and path in str(line["path"])
    ]


_LINK = re.compile(r"https?://[^/\s]+/r/([A-Za-z0-9_-]{22})")


def followed(server: Server, text: Any) -> Any:
    """Put the addresses of files into a text in the place of our own links to them."""
    if not isinstance(text, str) or not _LINK.search(text):
        return text
    file = f"file:{server.database}?mode=ro"
    with contextlib.closing(sqlite3.connect(file, uri=True)) as database:
        links = dict(database.execute("SELECT token, url FROM recording_links").fetchall())
    return _LINK.sub(lambda link: str(links[link[1]]), text)


@dataclass
class Call:
    """One contact of its own, with a number by which its rows are found."""

    server: Server
    dynamics: Simulation
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def id(self) -> str:
        return f"call-{self.number}"

    @property
    def phone(self) -> str:
        return f"+1202555{self.number:04}"

    @property
    def agent(self) -> str:
        """Name an agent who has no other contact."""
        return f"agent-{self.number}"

    @property
    def recording(self) -> str:
        return f"https://recordings.example/{self.id}.wav"

    def report(self, stage: str, **data: Any) -> dict[str, Any]:
        return self.server.report(stage, self.id, **data)

    def created(self, **data: Any) -> None:
        customer = {"phone": self.phone, "name": f"Denise Carter {self.number}"}
        self.report("created", **{"customer": customer, **data})

    def answered(self, agent: str | None = None) -> None:
        self.report("answered", agent=agent or self.agent)

    def ended(self) -> None:
        self.report("ended")

    def recorded(self, url: str | None = None, **data: Any) -> None:
        found = {"kind": "recording", "url": url or self.recording}
        self.report("recorded", recording=found, **data)

    def panel(self) -> Feed:
        """Open the agent's panel and read its snapshot."""
        feed = self.server.panel(self.agent)
        feed.until("screenpop.snapshot")
        return feed

    def rows(self) -> list[dict[str, Any]]:
        """Give the phone calls of this contact."""
        found = self.dynamics.world.database.rows("phonecall")
        return [
            {
                "activityid": record,
                **row,
                "description": followed(self.server, row.get("description")),
            }
            for record, row in list(found.items())
            if row.get("phonenumber") == self.phone
        ]

    def row(self) -> dict[str, Any]:
        """Give its one phone call, as soon as there is one."""
        eventually(self.rows, f"a phone call of {self.phone}", within=LONG)
        (row,) = self.rows()
        return row

    def until(self, column: str, value: Any, *, within: float = LONG) -> dict[str, Any]:
        """Wait until the one phone call has this value (a text may be a part of it)."""

        def there() -> bool:
            rows = self.rows()
            return bool(rows) and _has(rows[0].get(column), value)

        eventually(there, f"{column} of {self.phone} is {value!r}", within=within)
        return self.row()

    def notes(self) -> list[str]:
        """Give the texts of the notes on its phone calls."""
        mine = {row["activityid"] for row in self.rows()}
        notes = self.dynamics.world.database.rows("annotation")
        return [
            str(followed(self.server, note.get("notetext")))
            for note in list(notes.values())
            if getattr(note.get("objectid"), "id", None) in mine
        ]

    def story(self) -> list[tuple[str, str]]:
        """Give the trace: what and detail."""
        answer = self.server.request("GET", f"/v1/contacts/{self.id}/trace", scope="admin")
        return [(line["what"], line["detail"]) for line in answer.json()["trace"]]

    def told(self, *words: str) -> list[str]:
        """Give the lines of the story that have all these words."""
        lines = [f"{what}: {detail}" for what, detail in self.story()]
        return [line for line in lines if all(word in line for word in words)]

    def until_told(self, *words: str, times: int = 1, within: float = LONG) -> list[str]:
        """Wait for lines of the story."""
        enough = lambda: len(found := self.told(*words)) >= times and found  # noqa: E731
        lines: list[str] = eventually(enough, f"{words} on the trace", within=within)
        return lines

    def letters(self) -> list[dict[str, Any]]:
        return [each for each in letters(self.server) if each["contact"] == self.id]

    def until_letters(self, count: int = 1, *, within: float = LONG) -> Sequence[dict[str, Any]]:
        """Wait for its dead letters; in the order of the steps."""
        enough = lambda: len(self.letters()) >= count  # noqa: E731
        eventually(enough, f"{count} dead letters of {self.id}", within=within)
        return sorted(self.letters(), key=lambda each: each["step"])


def _has(found: Any, value: Any) -> bool:
    if isinstance(found, str) and isinstance(value, str):
        return value in found
    return bool(found == value)
