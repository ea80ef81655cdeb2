"""List who is measured: how each is started and how the load generator speaks to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import places

REFERENCE = "reference"
PING_NEVER = 3600
PING_EVERY = 25
"""Seconds; off while latency is measured, on for the idle row (ours are always on)."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A contender made ready for one run."""

    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    load: list[str] = field(default_factory=list)
    """Options of the generator for agents' sockets."""
    wallboard: list[str] | None = None
    """Options for sockets that get everything; None: agents' sockets get an event to all."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody to measure."""

    name: str
    about: str
    setup: Callable[[Path, int, int], Setup]
    """Given a fresh folder, a port and the ping interval in seconds."""
    resumes: bool = False


def _plain(command: list[str]) -> Setup:
    paths = ["--ws-path", "/feed/{agent}", "--post-path", "/events/{agent}", "--all-path", "/all"]
    return Setup(command, load=paths)


def _floor(_: Path, port: int, __: int) -> Setup:
    return _plain([str(places.FLOOR), str(port)])


def _python(script: str) -> Callable[[Path, int, int], Setup]:
    def setup(_: Path, port: int, ping: int) -> Setup:
        program = [str(places.VENV / "bin/python"), str(places.PEERS / script)]
        return _plain([*program, str(port), str(ping)])

    return setup


def _ours(durability: str) -> Callable[[Path, int, int], Setup]:
    def setup(folder: Path, port: int, _: int) -> Setup:
        env = {
            "SCREENPOP_DATA_DIR": str(folder),
            "SCREENPOP_DURABILITY": durability,
            "SCREENPOP_LOG_LEVEL": "warning",
            # One key stands for a whole platform here; the bench measures the server, not the limit.
            "SCREENPOP_RATE_LIMIT": "1000000",
        }
        feed = ["--ws-header", f"Authorization: Bearer {_key(env, 'feed')}", "--ready", "snapshot"]
        post = [
            *("--post-path", "/v1/events", "--all-path", "/v1/events"),
            *("--post-header", f"Authorization: Bearer {_key(env, 'ingest')}"),
            *("--post-header", "Content-Type: application/cloudevents+json"),
        ]
        panel = ["--ws-header", "Sec-WebSocket-Protocol: screenpop.v1", *feed]
        wallboard = ["--ws-header", "Sec-WebSocket-Protocol: cloudevents.json", *feed]
        return Setup(
            [sys.executable, "-m", "adapter", "serve", "--port", str(port)],
            env=env,
            load=["--ws-path", "/v1/feed?agent={agent}&panel={agent}{after}", *panel, *post],
            wallboard=["--ws-path", "/v1/feed?agent=*", "--wallboard", "1", *wallboard, *post],
        )

    return setup


def _key(env: Mapping[str, str], scope: str) -> str:
    command = [sys.executable, "-m", "adapter", "keys", "create", "--scope", scope, "--json"]
    done = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", **env}, cwd=places.REPOSITORY,
        check=True, capture_output=True, text=True,
    )
    secret: str = json.loads(done.stdout)["secret"]
    return secret


CONTENDERS = (
    Contender("floor", "C, epoll: the least possible work; shows the generator's ceiling", _floor),
    Contender(REFERENCE, "bare Starlette on uvicorn, nothing checked or kept", _python("reference.py")),
    Contender("screenpop-normal", "this server, journal survives a crash of the process", _ours("process"), True),
    Contender("screenpop-full", "this server, journal survives loss of power", _ours("power"), True),
)
