"""Serve a world over ASGI: Dataverse, the login host and the control door on one port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from adapter.demo.simulated import control, gateway, login
from adapter.demo.simulated.dataverse.messages import Answer, refused
from adapter.demo.simulated.dataverse.refusals import Refusal
from adapter.demo.simulated.entra import aadsts
from adapter.demo.simulated.faults import Fault, Kind
from adapter.demo.simulated.gateway import Gateway, Unauthorized
from adapter.demo.simulated.incoming import Incoming
from adapter.demo.simulated.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ABORT = "abort"
"""Key of the scope's `state`: a function that cuts the connection (see `serving.Protocol`)."""


class Site:
    """The ASGI application."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._gateway = Gateway(world)
        self._login = login.Login(world)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        incoming = await _read(scope, receive)
        if incoming.path.startswith("/_control"):
            reply = control.respond(self.world, scope.get("client"), incoming)
            await _send(send, reply)
            return
        where = "dataverse" if incoming.path.lower().startswith("/api/data/") else "login"
        if where == "login" and incoming.path.endswith(login.TOKEN_PATHS):
            where = "token"
        line = gateway.entry(self.world, where, incoming.method, incoming.path, incoming.query)
        line["headers"] = {
            name: value for name, value in incoming.headers.items() if name != "authorization"
        }
        # A token request carries secrets: its body is not kept.
        line["body"] = gateway.loggable(incoming.body) if where == "dataverse" else None
        fault = self.world.faults.next(where, incoming.method, incoming.path)
        line["fault"] = fault.kind.value if fault else None
        answer = await self._answer(where, incoming, fault)
        started = float(str(line.pop("started")))
        line["seconds"] = round(time.monotonic() - started, 4)
        line["status"] = answer.status if answer else None
        if answer is None:
            await _cut(scope, receive)
        else:
            await _send(send, answer)

    async def _answer(self, where: str, incoming: Incoming, fault: Fault | None) -> Answer | None:
        """Give the answer; None to cut the connection."""
        kind = fault.kind if fault else None
        seconds = fault.seconds if fault else 0.0
        if kind in (Kind.SLOW, Kind.HANG):
            await asyncio.sleep(seconds)
        if kind in (Kind.HANG, Kind.DROP_BEFORE):
            return None
        if fault is not None and kind is Kind.STATUS:
            return gateway.decorated(gateway.broken(fault))
        if fault is not None and kind is Kind.DENY:
            return self._denial(fault)
        answer = await self._plain(where, incoming)
        if kind is Kind.SLOW_ANSWER:
            await asyncio.sleep(seconds)
        return None if kind is Kind.DROP_AFTER else answer

    async def _plain(self, where: str, incoming: Incoming) -> Answer:
        if where == "dataverse":
            return gateway.decorated(await self._dataverse(incoming))
        reply = self._login.respond(incoming)
        if reply is None:
            return Answer(404, b"Nothing is simulated here.", {"Content-Type": "text/plain"})
        return Answer(reply.status, reply.body, reply.headers)

    async def _dataverse(self, incoming: Incoming) -> Answer:
        match = gateway.API.fullmatch(incoming.path)
        if match is None:
            return gateway.wrong_version(incoming.path)
        try:
            ticket = self._gateway.admit(incoming.headers)
        except Unauthorized as error:
            return self._gateway.challenge(incoming.origin, error.reason)
        except Refusal as refusal:
            return refused(refusal)
        try:
            if self.world.behaviour.latency > 0:
                await asyncio.sleep(self.world.behaviour.latency)
            request = gateway.request_from(
                match,
                method=incoming.method,
                query=incoming.query,
                headers=incoming.headers,
                body=incoming.body,
                origin=incoming.origin,
            )
            return self._gateway.respond(ticket, request)
        finally:
            self._gateway.release(ticket)

    def _denial(self, fault: Fault) -> Answer:
        cause = aadsts.named(fault.code) or aadsts.THROTTLED
        message = fault.message or "This failure was asked for by the control door."
        reply = login.denied(self.world, aadsts.Denial(cause, message))
        return Answer(reply.status, reply.body, reply.headers)


async def _read(scope: Scope, receive: Receive) -> Incoming:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return Incoming(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1").partition("?")[0],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=bytes(body),
        origin=f"{scope['scheme']}://{headers.get('host', 'localhost')}",
    )


async def _send(send: Send, answer: Answer) -> None:
    headers = dict(answer.headers)
    if answer.status not in (204, 304):
        headers["Content-Length"] = str(len(answer.body))
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in headers.items()
            ],
        }
    )
    await send({"type": "http.response.body", "body": answer.body})


async def _cut(scope: Scope, receive: Receive) -> None:
    """Close the connection without a byte of an answer."""
    scope["state"][ABORT]()
    while (await receive())["type"] != "http.disconnect":
        pass
