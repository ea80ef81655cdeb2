"""Serve several sites on one port, told apart by the Host header.

Two ports of `localhost` are one site to a browser, which would hide every fault of cookies in
frames; `screenpop.localhost` and `contoso.localhost` are two.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

ADAPTER = "screenpop.localhost"
DYNAMICS = "contoso.localhost"
PHONE = "phone.localhost"


class Hosts:
    """An ASGI app that hands each request to the app of its host, with that app's own state.

    `adapter` gets every host that no other app has (127.0.0.1 and `screenpop.localhost` among
    them), and every websocket but those to the other hosts, which are refused (403).
    """

    def __init__(self, adapter: Starlette, others: Mapping[str, Starlette]) -> None:
        self._adapter = adapter
        self._others = dict(others)
        self._states: dict[int, Mapping[str, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        app = self._others.get(host_of(scope), self._adapter)
        if scope["type"] == "websocket" and app is not self._adapter:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "No socket here"})
            return
        await app({**scope, "state": dict(self._states.get(id(app), {}))}, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Run all lifespans as one; the adapter starts first and ends last."""
        await receive()
        started = False
        try:
            async with AsyncExitStack() as stack:
                for app in (self._adapter, *self._others.values()):
                    state = await stack.enter_async_context(app.router.lifespan_context(app))
                    self._states[id(app)] = state or {}
                await send({"type": "lifespan.startup.complete"})
                started = True
                await receive()
        except Exception as error:
            kind = "shutdown" if started else "startup"
            await send({"type": f"lifespan.{kind}.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})


def host_of(scope: Scope) -> str:
    """Read the host of a request, lower case, without its port."""
    name = Headers(scope=scope).get("host", "").lower()
    return name if name.endswith("]") else name.rsplit(":", 1)[0] if ":" in name else name
