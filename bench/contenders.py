"""List who is measured: how each is installed, started, and spoken to by the load generator."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import install, ours, places, tls_front

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
    other_source: list[str] | None = None
    """Options for a source with a key of its own; None: there is but one source."""
    wallboard: list[str] | None = None
    """Options for sockets that get everything; None: agents' sockets can get an event to all."""
    behind: tuple[int, ...] = ()
    """Further ports that must answer before it is ready."""
    tls: bool = False


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
    extra: bool = False
    """Measured with `--extras` or by its name alone."""
    against: str = REFERENCE
    """Whose figures its ratios are to."""
    most_panels: int = 1_000_000


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


def _ours(durability: str, program: str = "adapter") -> Prepare:
    def prepare(folder: Path, port: int, _: int) -> Setup:
        env = ours.environment(folder, durability)
        feed_key, ingest_key = ours.key(env, "feed"), ours.key(env, "ingest")
        other_key = ours.key(env, "ingest")
        return Setup(
            [sys.executable, "-m", program, "serve", "--port", str(port)],
            env=env,
            load=ours.panels(feed_key, ingest_key),
            other_source=ours.panels(feed_key, other_key),
            wallboard=ours.wallboards(feed_key, ingest_key),
        )

    return prepare


def _behind_tls(inner: Prepare) -> Prepare:
    """Put nginx in front, on the same core; it and the server count as one."""

    def prepare(folder: Path, port: int, ping: int) -> Setup:
        made = inner(folder, port + 1, ping)
        front = tls_front.command(folder, port, port + 1)
        # One session holds both, so that both are pinned, counted and ended together.
        both = f"{shlex.join(made.command)} & exec {shlex.join(front)}"
        return replace(made, command=["sh", "-c", both], behind=(port + 1,), tls=True)

    return prepare


TLS_PANELS = 9_000
"""nginx holds two sockets a panel; this machine's limit is 20,000 files a process."""

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
    Contender(
        "reference-tls",
        "the reference behind nginx, which ends TLS",
        _behind_tls(_python("reference.py", *_PLAIN)),
        install.reference_with_tls,
        extra=True,
        against="reference-tls",
        most_panels=TLS_PANELS,
    ),
    Contender(
        "screenpop-normal-tls",
        "this server behind nginx, which ends TLS",
        _behind_tls(_ours("process")),
        install.tls_front,
        extra=True,
        against="reference-tls",
        most_panels=TLS_PANELS,
    ),
    Contender(
        "screenpop-normal-early",
        "this server, wrongly pushing before the commit: what waiting costs",
        _ours("process", "bench.early_push"),
        install.generator,
        extra=True,
        against="screenpop-normal",
    ),
    Contender(
        "screenpop-full-early",
        "the same with every commit on the disk",
        _ours("power", "bench.early_push"),
        install.generator,
        extra=True,
        against="screenpop-full",
    ),
)
