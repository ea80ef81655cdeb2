"""Run the application under uvicorn: one process, one port, websockets on our own protocol."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import resource
import signal
import socket as sockets
import threading
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any

import structlog
import uvicorn

from adapter.errors import InvalidSettings, Unavailable
from adapter.pulse import pulse
from adapter.services import Services
from adapter.settings import Settings
from adapter.store import locking, maintenance
from adapter.store.paths import sqlite_path
from adapter.web.feed_socket import FeedSocket
from adapter.web.short_requests import ShortConnection

log = structlog.get_logger()

Application = Callable[..., Any]
"""An ASGI application."""

KEEP_ALIVE = 75
"""Seconds at least, a quarter more at most: a platform that sends in bursts must not meet a closing
connection each time."""
BACKLOG = 4096
MAX_PORT = 65535
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
GRACE = 5
"""Seconds that open requests have at a shutdown."""
ONE_NAME = "remove that name: what opens the database by it does not see its logs"
COLLECTOR = (2_000, 5, 500)
"""The thresholds of Python's garbage collector. A round of the youngest takes a quarter of a
millisecond, of the middle-aged two. Fewer and longer ones cost as much, with longer pauses."""


def run(
    services: Services,
    app: Application,
    settings: Settings,
    *,
    started: Callable[[int], None] | None = None,
) -> None:
    """Serve until a signal; `started` is told the port when the socket listens.

    Raises:
        PortTaken: another program listens there.
        InvalidSettings: nobody can listen there.
    """
    _allow_descriptors()
    listening = listen(settings.host, settings.port)
    _Server(config(services, app, settings), started).run(sockets=listening)


def _allow_descriptors() -> None:
    """Take all descriptors that the system allows: the usual 1,024 are for programs with select.

    Each panel needs one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class PortTaken(Unavailable):
    """Another program listens on the port."""


def listen(host: str, port: int) -> list[sockets.socket]:
    """Open the sockets of an address, one for each that its name stands for.

    Raises:
        PortTaken: another program listens there.
        InvalidSettings: nobody can listen there.
    """
    opened: list[sockets.socket] = []
    failed: OSError | None = None
    try:
        for family, _, _, _, address in sockets.getaddrinfo(
            host or None, port, type=sockets.SOCK_STREAM, flags=sockets.AI_PASSIVE
        ):
            try:
                opened.append(sockets.create_server(address, family=family, backlog=BACKLOG))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                failed = error  # `localhost` stands for ::1 also where there is no IPv6
        if not opened and failed is not None:
            raise failed
    except OSError as error:
        for each in opened:
            each.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} of {host} is taken; choose another: --port {next_port(port)}"
            ) from error
        raise InvalidSettings(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return opened


def next_port(port: int) -> int:
    """Give a port to try where this one is taken."""
    return port + 1 if port < MAX_PORT else port - 1


@contextlib.contextmanager
def alone(settings: Settings) -> Generator[None]:
    """Keep a second server away from the database, before its schema is touched.

    Raises:
        StoreUnavailable: another server has the database.
    """
    path = sqlite_path(settings.database_url)
    lock = locking.lock(path)
    try:
        locking.lock_file(path)
        maintenance.adopt(path)
        if locking.names(path) > 1:
            log.warning("the database has another name (a hard link)", path=str(path), do=ONE_NAME)
        yield
    finally:
        os.close(lock)


def config(services: Services, app: Application, settings: Settings) -> uvicorn.Config:
    """Give uvicorn's configuration."""

    def socket(config: uvicorn.Config, server_state: Any, app_state: Any) -> FeedSocket:
        del config, app_state
        return FeedSocket(services, server_state.connections)

    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=ShortConnection,
        loop="uvloop",
        ws=socket,  # type: ignore[arg-type]  # a public setting, typed for uvicorn's own classes
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        backlog=BACKLOG,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[int], None] | None) -> None:
        super().__init__(config)
        self._started = started
        self._nap: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """End with exit code 0 at a signal: uvicorn would raise it again and die of it.

        A terminal that is closed ends it in the same way, unless `nohup` has said otherwise.
        """
        with super().capture_signals(), _hang_up(self.handle_exit):
            yield
            self._captured_signals.clear()

    async def main_loop(self) -> None:
        """Keep the date of the answers until the end.

        uvicorn looks ten times a second whether it has come: most of what an idle server used.
        """
        while not await self.on_tick(0):
            async with asyncio.TaskGroup() as group:
                self._nap = group.create_task(pulse(1), name="nap")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal, and end at once."""
        super().handle_exit(sig, frame)
        if self._nap is not None:
            self._nap.cancel()

    async def startup(self, sockets: Any = None) -> None:
        """Tell the port, and leave what is alive now out of the garbage collector's rounds."""
        await super().startup(sockets)
        # 10,000 sockets' objects live for a shift; walking them costs milliseconds each time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTOR)
        port = self.servers[0].sockets[0].getsockname()[1] if self.servers else 0
        log.info("listening", host=self.config.host, port=port)
        if self._started is not None:
            self._started(port)


@contextlib.contextmanager
def _hang_up(handle: Callable[[int, Any], None]) -> Generator[None]:
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGHUP, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
