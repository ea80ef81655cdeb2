"""Run the application under uvicorn: one process, one port, websockets on our own protocol."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Generator
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapter.services import Services
from adapter.settings import Settings
from adapter.store import maintenance
from adapter.store.database import sqlite_path
from adapter.web.feed_socket import FeedSocket

log = structlog.get_logger()

Application = Callable[..., Any]
"""An ASGI application."""

KEEP_ALIVE = 75
"""Seconds: a platform that sends in bursts must not meet a closing connection each time."""
BACKLOG = 4096
GRACE = 5
"""Seconds that open requests have at a shutdown."""


def run(
    services: Services,
    app: Application,
    settings: Settings,
    *,
    started: Callable[[int], None] | None = None,
) -> None:
    """Serve until a signal; `started` is told the port when the socket listens.

    Raises:
        SystemExit: the address is taken (uvicorn says so).
    """
    _Server(config(services, app, settings), started).run()


@contextlib.contextmanager
def alone(settings: Settings) -> Generator[None]:
    """Keep a second server away from the database, before its schema is touched.

    Raises:
        StoreUnavailable: another server has the database.
    """
    lock = maintenance.lock(sqlite_path(settings.database_url))
    try:
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
        http=_Http,
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


class _Http(HttpToolsProtocol):
    def handle_websocket_upgrade(self) -> None:
        """Refuse what uvicorn would hand on as if it were HTTP/1.1 (RFC 6455, 4.2.1)."""
        if self.scope["http_version"] == "1.1":
            super().handle_websocket_upgrade()
        else:
            self.send_400_response("A websocket needs HTTP/1.1.")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[int], None] | None) -> None:
        super().__init__(config)
        self._started = started

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """End with exit code 0 at a signal: uvicorn would raise it again and die of it."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def startup(self, sockets: Any = None) -> None:
        """Tell the port, and leave what is alive now out of the garbage collector's rounds."""
        await super().startup(sockets)
        # 10,000 sockets' objects live for a shift; walking them costs milliseconds each time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        port = self.servers[0].sockets[0].getsockname()[1] if self.servers else 0
        log.info("listening", host=self.config.host, port=port)
        if self._started is not None:
            self._started(port)
