"""List who is measured: how each is installed, started, and spoken to by the load generator."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import install, ours, places

REFERENCE = "reference"
FLOOR = "floor"

PING_NEVER = 3600
PING_EVERY = 25
"""Seconds: off while latency is measured, on for the idle row (ours are always on)."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A contender made ready for one run."""

    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    load: list[str] = field(default_factory=list)
    """Options of the generator for agents' sockets."""
    wallboard: list[str] | None = None
    """Options for sockets that get everything; None: agents' sockets can get an event to all."""


Install = Callable[[], None]
Prepare = Callable[[Path, int, int], Setup]
"""Given a fresh folder, a port and the ping interval in seconds."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody to measure."""

    name: str
    about: str
    prepare: Prepare
    install: Install
    ours: bool = False


_PATHS = ["--post-path", "/events/{agent}", "--all-path", "/all"]
_PLAIN = ["--ws-path", "/feed/{agent}", *_PATHS]


def _floor(_: Path, port: int, __: int) -> Setup:
    return Setup([str(places.FLOOR), str(port)], load=_PLAIN)


def _python(script: str, *load: str) -> Prepare:
    def prepare(_: Path, port: int, ping: int) -> Setup:
        program = [str(places.VENV / "bin/python"), str(places.PEERS / script)]
        return Setup([*program, str(port), str(ping)], load=list(load))

    return prepare


def _websockets(folder: Path, port: int, ping: int) -> Setup:
    made = _python("websockets_server.py")(folder, port, ping)
    return Setup(made.command, load=[*_PLAIN, "--post-port", str(port + 1)])


def _node(_: Path, port: int, ping: int) -> Setup:
    command = ["node", str(places.PEERS / "node_ws.mjs"), str(port), str(ping)]
    return Setup(command, env={"BENCH_NODE": str(places.NODE)}, load=_PLAIN)


def _nchan(folder: Path, port: int, ping: int) -> Setup:
    text = (places.PEERS / "nchan.conf").read_text()
    for name, value in (("port", port), ("ping", ping), ("folder", folder)):
        text = text.replace(f"{{{name}}}", str(value))
    config = folder / "nginx.conf"
    config.write_text(text)
    command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config)]
    return Setup(
        command, load=_PLAIN, wallboard=["--ws-path", "/wall", "--wallboard", "1", *_PATHS]
    )


def _ours(durability: str) -> Prepare:
    def prepare(folder: Path, port: int, _: int) -> Setup:
        env = ours.environment(folder, durability)
        feed_key, ingest_key = ours.key(env, "feed"), ours.key(env, "ingest")
        command = [sys.executable, "-m", "adapter", "serve", "--port", str(port)]
        return Setup(
            command,
            env=env,
            load=ours.panels(feed_key, ingest_key),
            wallboard=ours.wallboards(feed_key, ingest_key),
        )

    return prepare


_SOCKETIO = (
    *("--ws-path", "/socket.io/?EIO=4&transport=websocket&agent={agent}", "--ready", "socketio"),
    *_PATHS,
)

CONTENDERS = (
    Contender(
        FLOOR,
        "C, epoll, the least possible work: the generator's ceiling",
        _floor,
        install.generator,
    ),
    Contender(
        REFERENCE,
        "bare Starlette on uvicorn; nothing checked, nothing kept",
        _python("reference.py", *_PLAIN),
        install.python_peers,
    ),
    Contender("websockets", "the bare library on uvloop", _websockets, install.python_peers),
    Contender(
        "python-socketio",
        "rooms on uvicorn",
        _python("socketio_server.py", *_SOCKETIO),
        install.python_peers,
    ),
    Contender("node-ws", "node with ws", _node, install.node_peer),
    Contender(
        "nchan",
        "nginx with nchan (C); ten messages a channel in memory",
        _nchan,
        install.nchan_peer,
    ),
    Contender(
        "screenpop-normal",
        "this server; what it acknowledged survives a crash of the process",
        _ours("process"),
        install.generator,
        ours=True,
    ),
    Contender(
        "screenpop-full",
        "this server; what it acknowledged survives a loss of power",
        _ours("power"),
        install.generator,
        ours=True,
    ),
)
