"""Run a server in a thread of the test, whose limits may be lowered and whose loop may be held."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from adapter import app, server, settings
from adapter.office import opened
from adapter.services import Services
from adapter.web.short_requests import ShortConnection
from tests.server import PATIENCE, Client, eventually


class Held:
    """A loop that does nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._steps = [(threading.Event(), threading.Event()) for _ in range(2)]
        """Set when the loop is held, and when it may go on; twice."""
        self.first: Callable[[], None] = lambda: None
        """What the loop does first when it goes on for good."""
        loop.call_soon_threadsafe(self._hold, 0)
        assert self._steps[0][0].wait(PATIENCE)

    def read(self) -> None:
        """Have all that has come read, each by whose turn it is, and hold the loop again."""
        self._steps[0][1].set()
        assert self._steps[1][0].wait(PATIENCE)

    def let_go(self) -> None:
        """Have it go on."""
        for _, may_go_on in self._steps:
            may_go_on.set()

    def _hold(self, step: int) -> None:
        is_held, may_go_on = self._steps[step]
        is_held.set()
        may_go_on.wait(PATIENCE)
        if step == 0:
            self._loop.call_soon(self._hold, 1)
        else:
            self.first()


class Inside(Client):
    """A server on a free port, reached by sockets, with two keys."""

    services: Services

    def __init__(self, folder: Path) -> None:
        super().__init__(0)
        self._settings = settings.load(data_dir=folder, rate_limit=200)
        with opened(self._settings) as office:
            self.key = office.create_key("default", "ingest", "one").secret
            self.other = office.create_key("default", "ingest", "another").secret
        self._server: uvicorn.Server
        self.thread = threading.Thread(target=self._run)
        self._ready = threading.Event()

    def __enter__(self) -> Inside:
        self.thread.start()
        self._ready.wait(PATIENCE)
        eventually(lambda: self._server.started, "it listens")
        listening = self._server.servers[0]
        self.port = listening.sockets[0].getsockname()[1]
        self._loop = listening.get_loop()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self.http.close()
        # A test that has failed may leave requests that are never answered.
        self._server.should_exit = self._server.force_exit = True
        self.thread.join()

    def end_connections(self) -> None:
        """Do what a server does first that ends. To be called by its loop."""
        for connection in list(self._server.server_state.connections):
            connection.shutdown()

    def secret(self, scope: str, tenant: str = "default") -> str:
        """Give the first key."""
        assert (scope, tenant) == ("ingest", "default")
        return self.key

    def dial(self) -> socket.socket:
        """Open a connection, which ends with the test."""
        made = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        return self._sockets.enter_context(made)

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return self.services.shares.waiting

    @contextlib.contextmanager
    def held(self) -> Iterator[Held]:
        """Hold the loop: what comes lies in the sockets."""
        held = Held(self._loop)
        try:
            yield held
        finally:
            held.let_go()

    def _run(self) -> None:
        self.services = app.create_services(self._settings)
        config = server.config(self.services, app.create_app(self.services), self._settings)
        config.http, config.port = ShortConnection, 0
        self._server = uvicorn.Server(config)
        self._ready.set()
        with contextlib.suppress(asyncio.CancelledError):
            self._server.run()
        database = self.services.database
        if not database.connection.closed:  # who ends it by force leaves it open
            database.close()
