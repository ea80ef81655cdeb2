"""Run the server on a thread of this process, so that a test can turn its clocks."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Self

import uvicorn

from adapter import app, server, settings
from adapter.store import locking
from tests.server import PATIENCE, Server, eventually


class Local(Server):
    """A `Server` in this process: the same ports, sockets and files, no process to kill."""

    def __init__(self, folder: Path, **given: Any) -> None:
        super().__init__(folder)
        self.given = given
        self._running: tuple[uvicorn.Server, threading.Thread] | None = None

    def start(self, *, wait: bool = True) -> Self:
        """Start the thread and wait until it listens."""
        self.make_keys()
        self._lock = locking.lock(self.database)
        chosen = settings.load(
            data_dir=self.folder, port=self.port, allow_loopback=True, **self.given
        )
        self.services = services = app.create_services(chosen)
        running = uvicorn.Server(server.config(services, app.create_app(services), chosen))
        thread = threading.Thread(target=running.run)
        thread.start()
        self._running = (running, thread)
        if wait:
            eventually(lambda: running.started, "the server listens")
        listening = running.servers[0]
        self.port = listening.sockets[0].getsockname()[1]
        self.loop = listening.get_loop()
        return self

    def stop(self, within: float = PATIENCE) -> int:
        """Shut it down as a signal would."""
        assert self._running is not None
        running, thread = self._running
        self._running = None
        running.should_exit = True
        thread.join(within)
        assert not thread.is_alive()
        os.close(self._lock)
        return 0

    def kill9(self) -> None:
        """End it; a thread cannot be killed."""
        if self._running is not None:
            self.stop()
