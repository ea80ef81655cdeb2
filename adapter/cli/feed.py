"""Follow a feed over reconnects, as its close codes ask for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
)
from websockets.typing import Subprotocol

import adapter
from adapter import close_codes, messages
from adapter.cli import waits
from adapter.cli.addresses import Door, bearer
from adapter.cli.visible import visible
from adapter.errors import (
    Forbidden,
    MalformedInput,
    NotFound,
    ScreenpopError,
    Unauthenticated,
    Unavailable,
)

MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes: a snapshot of a whole tenant is one message."""
HEALTHY = 30.0
"""Seconds a connection must have lasted for the waits to begin anew, where no message came."""

_STOP: dict[int, type[ScreenpopError]] = {
    close_codes.MALFORMED.code: MalformedInput,
    close_codes.UNAUTHENTICATED.code: Unauthenticated,
    close_codes.FORBIDDEN.code: Forbidden,
    close_codes.UNKNOWN_TENANT.code: NotFound,
}
_STOP_HTTP: dict[int, type[ScreenpopError]] = {
    400: MalformedInput,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    421: NotFound,
}
_SPREAD = {close_codes.RESTARTING.code: (0.0, 2.0), close_codes.OVERLOADED.code: (5.0, 15.0)}
"""Seconds within which everybody comes back, for codes that reach everybody at once."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Why a connection ended, and the span of seconds to wait, where the code asks for one."""

    reason: str
    spread: tuple[float, float] | None = None


def one_document(text: str, *, pretty: bool) -> str:
    """Write a message on one line, or indented; what is no JSON becomes a JSON string."""
    try:
        return msgspec.json.format(text, indent=2 if pretty else 0)
    except msgspec.DecodeError:
        return json.dumps(text)


class Place(NamedTuple):
    """Where to resume."""

    after: int | None
    epoch: str | None
    """That of `after`; None where nobody has told it."""

    @property
    def query(self) -> dict[str, str]:
        """Give what goes into the address."""
        if self.after is None:
            return {}
        named = {"after": str(self.after)}
        return named if self.epoch is None else {**named, "epoch": self.epoch}


def moved(place: Place, text: str) -> Place:
    """Give the place after a message; control messages have none."""
    try:
        message = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return place
    value = message.get("sequence") if isinstance(message, dict) else None
    if not (isinstance(value, str) and value.isascii() and value.isdigit()):
        return place
    if message.get("type") == messages.SNAPSHOT:  # it may begin before what was there
        data = message.get("data")
        epoch = data.get("epoch") if isinstance(data, dict) else None
        return Place(int(value), epoch if isinstance(epoch, str) else None)
    return place._replace(after=max(int(value), place.after or 0))


def after_close(code: int | None, reason: str) -> Cut:
    """Say how to come back after this close code, or raise why there is no coming back."""
    known = next((one for one in close_codes.CLOSE_CODES if one.code == code), None)
    words = reason or (known.reason if known else "connection lost")
    text = words if code is None else f"{words} ({code})"
    if known is not None and known.advice != "reconnect":
        raise _STOP.get(known.code, ScreenpopError)(text)
    return Cut(text, None if code is None else _SPREAD.get(code))


class Listener:
    """Hand out a feed's messages as they come, and remember where to resume."""

    def __init__(
        self,
        *,
        address: Callable[[dict[str, str]], Door],
        key: str | None,
        subprotocol: str,
        panel: str | None,
        out: Callable[[str], None],
        log: Callable[[str], None],
    ) -> None:
        self._address = address
        self._key = key
        self._subprotocol = Subprotocol(subprotocol)
        self._panel = panel
        self._out = out
        self._log = log
        self._place = Place(None, None)
        self._left: int | None = None
        self._heard = False

    async def run(self, *, place: Place, count: int | None, reconnect: bool) -> None:
        """Listen until `count` messages came; forever without one."""
        self._place, self._left = place, count
        growing = waits.growing()
        loop = asyncio.get_running_loop()
        while True:
            began, self._heard = loop.time(), False
            cut = await self._once()
            if cut is None:
                return
            if not reconnect:
                raise Unavailable(cut.reason)
            if self._heard or loop.time() - began > HEALTHY:
                growing = waits.growing()
            wait = waits.between(*cut.spread) if cut.spread else next(growing)
            self._log(f"{visible(cut.reason)}; connecting again in {wait:.1f} s")
            await asyncio.sleep(wait)

    async def _once(self) -> Cut | None:
        """Listen on one connection; None once enough came."""
        to = self._address(self._place.query)
        try:
            async with self._connect(to) as socket:
                self._learn_epoch(socket)
                if self._panel is not None:
                    await socket.send(json.dumps(self._hello()))
                return await self._drain(socket)
        except ConnectionClosed as error:
            closed = error.rcvd
            return after_close(closed.code if closed else None, closed.reason if closed else "")
        except InvalidStatus as error:
            return self._after_refusal(error.response.status_code)
        except InvalidMessage as error:  # not HTTP, or cut in the middle of it: a restart
            return Cut(f"no handshake: {error}")
        except InvalidHandshake as error:
            raise ScreenpopError(f"{to.url('ws')} is no feed: {error}") from error
        except (OSError, TimeoutError) as error:
            return Cut(f"no connection to {to.authority}: {str(error) or type(error).__name__}")

    def _connect(self, to: Door) -> connect:
        # With host and port given, a redirect to another origin is refused: the key stays here.
        local: dict[str, Any] = {"proxy": None} if to.is_local else {}
        return connect(
            to.url("ws"),
            host=to.dial,
            port=to.port,
            subprotocols=[self._subprotocol],
            additional_headers=bearer(self._key),
            user_agent_header=f"screenpop/{adapter.__version__}",
            max_size=MAX_MESSAGE,
            **local,
        )

    def _learn_epoch(self, socket: ClientConnection) -> None:
        """Take the server's word for the epoch of a sequence whose own is not known.

        Where it is known, only a snapshot gives another: the sequence is of the former one.
        """
        told = socket.response and socket.response.headers.get(messages.EPOCH_HEADER)
        if told and self._place.after is not None and self._place.epoch is None:
            self._place = self._place._replace(epoch=told)
            self._log(f"beside --after give --epoch {visible(told)} from now on")

    def _hello(self) -> dict[str, object]:
        return {
            "type": "hello",
            "version": adapter.__version__,
            "panel": self._panel,
            "visible": True,
            "interacted": None,
        }

    async def _drain(self, socket: ClientConnection) -> Cut | None:
        while True:
            frame = await socket.recv()
            text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
            self._heard = True
            self._out(text)
            self._place = moved(self._place, text)
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    return None

    def _after_refusal(self, status: int) -> Cut:
        if status in _STOP_HTTP:
            raise _STOP_HTTP[status](f"the feed answered HTTP {status}")
        return Cut(f"the feed answered HTTP {status}")
