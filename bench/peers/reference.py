"""Serve one websocket per agent with bare Starlette on uvicorn: the reference of every ratio.

It checks nothing and keeps nothing: POST /events/<agent> passes its body on, POST /all to all.
"""

from __future__ import annotations

import sys
from itertools import chain

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

feeds: dict[str, set[WebSocket]] = {}


async def feed(socket: WebSocket) -> None:
    """Keep an agent's socket until it closes."""
    agent = socket.path_params["agent"]
    await socket.accept()
    mine = feeds.setdefault(agent, set())
    mine.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        mine.discard(socket)


async def event(request: Request) -> Response:
    """Pass the body on to one agent."""
    text = (await request.body()).decode()
    for socket in tuple(feeds.get(request.path_params["agent"], ())):
        await socket.send_text(text)
    return Response(status_code=202)


async def to_all(request: Request) -> Response:
    """Pass the body on to everybody."""
    text = (await request.body()).decode()
    for socket in tuple(chain.from_iterable(feeds.values())):
        await socket.send_text(text)
    return Response(status_code=202)


app = Starlette(
    routes=[
        Route("/events/{agent}", event, methods=["POST"]),
        Route("/all", to_all, methods=["POST"]),
        WebSocketRoute("/feed/{agent}", feed),
    ]
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=float(sys.argv[2]),
        ws_ping_timeout=float(sys.argv[2]),
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        backlog=4096,
    )
