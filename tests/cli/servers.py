"""Serve canned answers over real sockets, and remember what came in."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.http11 import Request as WebSocketRequest, Response as WebSocketResponse
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Ingest:
    """A server whose answers are taken in turn; the last one stays."""

    answers: list[Response]
    port: int = 0
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        self.received.append(Received(request.url.path, dict(request.headers), body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextlib.contextmanager
def ingest(*answers: Response, port: int = 0) -> Iterator[Ingest]:
    """Serve `POST` on any path, on any free port."""
    door = Ingest(list(answers))
    app = Starlette(routes=[Route("/{path:path}", door.answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        door.port = server.servers[0].sockets[0].getsockname()[1]
        yield door
    finally:
        server.should_exit = True
        thread.join()


Turn = Callable[[ServerConnection], None]


@dataclass
class Feed:
    """A websocket server that does each turn once; later connections get the last one."""

    turns: list[Turn]
    port: int = 0
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        self.headers.append({name.lower(): value for name, value in socket.request.headers.items()})
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        turn(socket)


@contextlib.contextmanager
def feed(
    *turns: Turn, port: int = 0, refuse: int | None = None, epoch: str | None = None
) -> Iterator[Feed]:
    """Serve a feed on any path, with both subprotocols, or refuse every handshake."""
    door = Feed(list(turns))

    def before(socket: ServerConnection, _request: WebSocketRequest) -> WebSocketResponse | None:
        return None if refuse is None else socket.respond(refuse, "no\n")

    def after(
        _socket: ServerConnection, _request: WebSocketRequest, response: WebSocketResponse
    ) -> None:
        if epoch is not None:
            response.headers["Screenpop-Epoch"] = epoch

    with serve(
        door.handle,
        "127.0.0.1",
        port,
        subprotocols=[Subprotocol("cloudevents.json"), Subprotocol("screenpop.v1")],
        process_request=before,
        process_response=after,
    ) as server:
        door.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield door
        finally:
            server.shutdown()
            thread.join()
