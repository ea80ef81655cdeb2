"""Serve one Socket.IO client per agent with python-socketio on uvicorn.

A room per agent, as its documentation advises; only the websocket transport.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import parse_qs

import socketio  # type: ignore[import-not-found]
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PORT, PING = int(sys.argv[1]), float(sys.argv[2])

sio = socketio.AsyncServer(
    async_mode="asgi",
    transports=["websocket"],
    ping_interval=PING,
    ping_timeout=PING,
    http_compression=False,
)


@sio.event  # type: ignore[untyped-decorator]
async def connect(sid: str, environ: dict[str, Any]) -> None:
    """Let a client into its agent's room."""
    agent = parse_qs(environ["QUERY_STRING"])["agent"][0]
    await sio.enter_room(sid, agent)


async def event(request: Request) -> Response:
    """Pass the body on to one agent."""
    text = (await request.body()).decode()
    await sio.emit("event", text, to=request.path_params["agent"])
    return Response(status_code=202)


async def to_all(request: Request) -> Response:
    """Pass the body on to everybody."""
    await sio.emit("event", (await request.body()).decode())
    return Response(status_code=202)


app = socketio.ASGIApp(
    sio,
    Starlette(
        routes=[
            Route("/events/{agent}", event, methods=["POST"]),
            Route("/all", to_all, methods=["POST"]),
        ]
    ),
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        port=PORT,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # Engine.IO has pings of its own
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        backlog=4096,
    )
