"""Run a simulation: over HTTPS in a thread of this process, or as a program of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapter.demo import samples
from adapter.demo.simulated import certificates
from adapter.demo.simulated.dataverse import seeding
from adapter.demo.simulated.site import ABORT, Site
from adapter.demo.simulated.world import World

_LOOPBACK = "127.0.0.1"
_GRACE = 1
"""Seconds that open requests have when it stops."""


class Protocol(HttpToolsProtocol):
    """Let the application cut the connection that a request came by."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # asyncio does this for sockets that it opens itself; ours are handed to it, and without
        # it each answer waits 40 ms for the client's delayed acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][ABORT] = self.transport.abort


@dataclass(frozen=True, slots=True)
class Simulation:
    """A running simulation: where it is, what to sign in with, and its inside."""

    url: str
    ca_file: Path
    world: World

    @property
    def api_url(self) -> str:
        """Give the Web API's root, `…/api/data/v9.2`."""
        return f"{self.url}/api/data/v9.2"

    @property
    def authority(self) -> str:
        """Give what MSAL takes as `authority` (with `instance_discovery=False`)."""
        return f"{self.url}/{self.world.directory.id}"

    @property
    def scope(self) -> str:
        """Give the scope of application access."""
        return f"{self.url}/.default"

    def description(self) -> dict[str, object]:
        """Say what a client needs, as `screenpop simulate dynamics --json` prints it."""
        login = f"{self.authority}/oauth2/v2.0"
        return {
            "environment_url": self.url,
            "directory_id": self.world.directory.id,
            "client_id": self.world.application.client_id,
            "client_secret": self.world.client_secret,
            "token_url": f"{login}/token",
            "ca_file": str(self.ca_file),
            "authorization_url": f"{login}/authorize",
            "authority": self.authority,
            "api_url": self.api_url,
            "scope": self.scope,
            "app_id": samples.APP_ID,
            "users": {agent: seeding.object_id(agent) for agent in samples.AGENTS},
            "control_url": f"{self.url}/_control",
        }


class _Server(uvicorn.Server):
    """Tell when the sockets listen, and stop at once."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Clients keep connections open, and TLS would wait for each to say good-bye.
        for connection in list(self.server_state.connections):
            if isinstance(connection, Protocol):
                connection.transport.abort()
        await asyncio.sleep(0)
        await super().shutdown(sockets)


@contextlib.contextmanager
def running(
    *, port: int = 0, names: Sequence[str] = (), redirect_uris: Sequence[str] = ()
) -> Iterator[Simulation]:
    """Run a simulation in a thread while the block lasts; port 0 takes any free one.

    `names` are further DNS names that the certificate and the tokens' audience allow (a client
    that dials 127.0.0.1 for `contoso.crm4.dynamics.com` finds the environment there).
    Raises OSError where the port is taken.
    """
    with _prepared(port, names, redirect_uris) as (simulation, config, sockets):
        ready = threading.Event()
        server = _Server(config, ready.set)
        thread = threading.Thread(target=server.run, args=(sockets,), daemon=True)
        thread.start()
        try:
            ready.wait()
            yield simulation
        finally:
            server.should_exit = True
            thread.join()


def serve(
    *,
    port: int,
    names: Sequence[str] = (),
    redirect_uris: Sequence[str] = (),
    started: Callable[[Simulation], None],
) -> None:
    """Run a simulation until a signal; `started` is called when it listens."""
    with _prepared(port, names, redirect_uris) as (simulation, config, sockets):
        _Server(config, lambda: started(simulation)).run(sockets)


@contextlib.contextmanager
def _prepared(
    port: int, names: Sequence[str], redirect_uris: Sequence[str]
) -> Iterator[tuple[Simulation, uvicorn.Config, list[socket.socket]]]:
    with tempfile.TemporaryDirectory(prefix="screenpop-dynamics-") as folder:
        files = certificates.make(Path(folder), names)
        sockets = _listen(port)
        chosen = sockets[0].getsockname()[1]
        url = f"https://localhost:{chosen}"
        urls = [url, f"https://127.0.0.1:{chosen}"]
        for name in names:
            urls += [f"https://{name}", f"https://{name}:{chosen}"]
        world = World(urls=tuple(urls), redirect_uris=tuple(redirect_uris))
        config = uvicorn.Config(
            Site(world),
            http=Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,  # the control door goes by the real address
            ssl_certfile=str(files.chain),
            ssl_keyfile=str(files.key),
            timeout_graceful_shutdown=_GRACE,
        )
        try:
            yield Simulation(url, files.ca, world), config, sockets
        finally:
            for one in sockets:
                one.close()


def _listen(port: int) -> list[socket.socket]:
    """Listen on both loopback addresses: `localhost` may mean either."""
    first = socket.create_server((_LOOPBACK, port), backlog=512)
    sockets = [first]
    with contextlib.suppress(OSError):  # a machine without IPv6
        sockets.append(
            socket.create_server(
                ("::1", first.getsockname()[1]), family=socket.AF_INET6, backlog=512
            )
        )
    return sockets
