"""Serve several sites on one port, told apart by the Host header.

Two ports of `localhost` are one site to a browser, which would hide every fault of cookies in
frames; `screenpop.localhost` and `contoso.localhost` are two.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

ADAPTER = "screenpop.localhost"
DYNAMICS = "contoso.localhost"
PHONE = "phone.localhost"


class Hosts:
    """An ASGI app that hands each request to the app of its host, with that app's own state.

    `adapter` gets every host that no other app has (127.0.0.1 and `screenpop.localhost` among
    them), and every websocket but those to the other hosts, which are refused (403).

    A name that is neither this machine's own nor one of `named` is refused (421): whoever owns it
    could let it lead here, and its pages would then be the demo's own (DNS rebinding), which signs
    in anybody without a password.
    """

    def __init__(
        self,
        adapter: Starlette,
        others: Mapping[str, Starlette],
        *,
        named: Collection[str] = (),
    ) -> None:
        self._adapter = adapter
        self._others = dict(others)
        self._named = frozenset(each.lower() for each in named)
        self._states: dict[int, Mapping[str, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        host = host_of(scope)
        if not is_own(host) and host not in self._named:
            await _refuse(scope, receive, send, host)
            return
        app = self._others.get(host, self._adapter)
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


def is_own(host: str) -> bool:
    """Tell if a host is an address or a name that no stranger can let lead here.

    `host` is as `host_of` gives it; names below `localhost` are this machine's own (RFC 6761, 6.3).
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


async def _refuse(scope: Scope, receive: Receive, send: Send, host: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "No such host here"})
        return
    text = (
        f"The demo is not at {host or 'this host'}: open http://{ADAPTER} or its IP address, with "
        "its port, or start it with --host and this name.\n"
    )
    await PlainTextResponse(text, 421)(scope, receive, send)
