"""Speak websocket with one client: a slim protocol at uvicorn's `ws=` hook.

Why not Starlette's WebSocket: a task, a queue and a scope for each of ten thousand sockets cost
25 KiB and a context switch per message (docs/decisions/0003-feed-sockets.md). The protocol itself
(handshake, masking, fragmentation, control frames, closing) is the sans-I/O core of the
`websockets` library; `feed_reading` and `feed_writing` move its bytes, and this module says what a
feed does: who is let in, what a panel may say, when a silent one is given up.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import msgspec
import structlog
from websockets.frames import CloseCode as StandardClose
from websockets.http11 import Request, Response
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from adapter import frames, messages
from adapter.close_codes import (
    HELLO_TIMEOUT,
    OVERLOADED,
    RESTARTING,
    UNAUTHENTICATED,
    malformed,
)
from adapter.errors import ScreenpopError, Unavailable
from adapter.hub import Panel, used_at
from adapter.lock_patience import now_or_unlocked
from adapter.messages import Hello, Ping, PopOutcome, Presence
from adapter.services import Services
from adapter.store import sessions
from adapter.tenants import Agent, Tenant
from adapter.web import feed_access, handshake_refusals
from adapter.web.feed_access import PANEL_PROTOCOL, READ_PROTOCOL, Access, Greeted, Refused
from adapter.web.feed_reading import MESSAGE_LIMIT, FeedReader

log = structlog.get_logger()

HELLO_DEADLINE = 5.0
"""Seconds that a panel has to say who it is."""
SHUTDOWN_DEADLINE = 1.0
"""Seconds that a client has to answer our close frame when the server stops: one that hangs must
not hold the server up."""
PING_AFTER = 20.0
"""Seconds of silence above which the next sweep pings a peer; our panel sends something after 20 s
by itself. A peer that only answers pings is pinged every 25 s, at every second sweep, because its
answer comes a moment after the sweep that pinged it."""
DEAD_AFTER = 55.0
"""Seconds of silence above which the next sweep takes a peer for dead."""

_PANEL_NOT_TAKEN = "hello.panel is not taken: with a key, name the panel in the query (panel=)"


class _Core(ServerProtocol):
    """The sans-I/O core. It has methods, because functions handed to it would refer back to it."""

    def parse(self) -> Generator[None]:
        """Parse frames from the first byte on: the head of the handshake is parsed already."""
        return Protocol.parse(self)

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Choose the first of ours that is offered, or none."""
        for known in (PANEL_PROTOCOL, READ_PROTOCOL):
            if known in subprotocols:
                return known
        return None


class FeedSocket(FeedReader):
    """One websocket, from its handshake on.

    uvicorn makes one when a request asks for an upgrade; `connections` is uvicorn's set of the
    protocols that it must shut down.
    """

    __slots__ = (
        "_access",
        "_expires",
        "_hello_timer",
        "_server_connections",
        "agent",
        "key",
        "live",
        "panel",
        "session",
        "tenant",
    )

    def __init__(self, services: Services, connections: set[Any]) -> None:
        core = _Core(
            subprotocols=[PANEL_PROTOCOL, READ_PROTOCOL],
            # No deflate: 32 KiB a socket and 20 µs a message for what a LAN does not need.
            extensions=None,
            max_size=MESSAGE_LIMIT,
            logger=None,
        )
        super().__init__(services, core)
        self._server_connections = connections
        self._access: Access | None = None
        self._hello_timer: asyncio.TimerHandle | None = None
        self._expires: datetime | None = None
        self.tenant = Tenant("")
        self.agent: Agent | None = None
        self.panel: Panel | None = None
        self.key: str | None = None
        self.live = False
        self.session: bytes | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the connection from uvicorn's HTTP protocol."""
        super().connection_made(transport)
        self._server_connections.add(self)
        self._services.sockets.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._server_connections.discard(self)
        self._services.sockets.discard(self)
        super().connection_lost(exc)

    # --- what uvicorn and the hub ask of it -------------------------------------------------

    def shutdown(self) -> None:
        """Tell the client to come back (uvicorn, at a graceful shutdown)."""
        try:
            self.close(RESTARTING)
            self._cut_off_in(SHUTDOWN_DEADLINE)
        except Exception:  # the others must be told too, and the server must stop as it should
            log.exception("a feed could not be closed; it is cut off")
            self.abandon()

    def sweep(self, now: float, date: datetime, excused: float = 0.0) -> None:
        """Ping a silent peer and cut off a dead one (one sweep over all sockets, no timer each).

        `now` is by `monotonic`, `date` is the same moment as a date. `excused` seconds of its
        silence do not count, because the server itself stood still.
        """
        silent = now - self.heard
        if silent - excused > DEAD_AFTER:
            self.abandon()
        elif silent > PING_AFTER and not self._closing and not self._transport.is_closing():
            self._transport.write(frames.PING)
        if self._expires is not None and date >= self._expires:
            self.close(UNAUTHENTICATED)

    # --- handshake --------------------------------------------------------------------------

    def _handshake(self, request: Request) -> None:
        response = self._core.accept(request)
        if response.status_code >= 400:  # noqa: PLR2004
            if (error := self._core.handshake_exc) is not None:
                # The error is kept with the request, and its frames (and its causes') refer back to
                # both.
                error.__traceback__ = error.__cause__ = error.__context__ = None
            self._answer(handshake_refusals.worded(request, response))
            return
        try:
            access = feed_access.check(
                self._services, request.path, request.headers, self._core.subprotocol
            )
        except Refused as refused:
            self._answer(response)
            self.close(refused.code)
            return
        self._access, self.tenant = access, access.tenant
        if access.agent_known:
            # A client that resumes gets no snapshot to tell it the epoch. Scripts cannot see this.
            response.headers[messages.EPOCH_HEADER] = self._services.subscriptions.epoch
            self._core.send_response(response)  # leaves with what catches the feed up
            self._start(access.agent, access.key)
        else:
            self._answer(response)
            loop = asyncio.get_running_loop()
            self._hello_timer = loop.call_later(HELLO_DEADLINE, self.close, HELLO_TIMEOUT)

    def _answer(self, response: Response) -> None:
        self._core.send_response(response)
        self._flush_core()

    def _start(self, agent: Agent | None, key: str | None, hello: Hello | None = None) -> None:
        access = cast(Access, self._access)
        # Otherwise clients that come together, as after a restart, would always be pinged together.
        self.heard -= random.uniform(0, PING_AFTER / 2)  # noqa: S311 - jitter
        self.agent, self.key = agent, key
        if agent is not None and access.speaks:
            self.panel = self._new_panel(agent, access, hello)
        self._services.subscriptions.open(self, access.after, access.epoch)

    def _new_panel(self, agent: Agent, access: Access, hello: Hello | None) -> Panel:
        named = access.panel or (hello.panel if hello else None)
        if named:
            panel = Panel(named, anonymous=False)
        else:
            taken = {feed.panel.id for feed in self._services.hub.panels(agent) if feed.panel}
            number = next(n for n in range(1, len(taken) + 2) if f"{self.key}/{n}" not in taken)
            panel = Panel(f"{self.key}/{number}", anonymous=True)
        if hello is not None:
            panel.visible = hello.visible
            if hello.interacted is not None:
                panel.interacted = used_at(hello.interacted, datetime.now(UTC))
        return panel

    # --- messages from the client -----------------------------------------------------------

    def _handle_message(self, payload: bytes) -> None:
        access = self._access
        if access is None:
            return
        try:
            payload.decode()
        except UnicodeDecodeError:
            # RFC 6455, 8.1
            self._fail(StandardClose.INVALID_DATA, "invalid UTF-8")
            return
        if not access.speaks:
            return  # a read-only subprotocol: what a client says is ignored
        try:
            said = messages.parse_from_panel(payload)
        except (msgspec.MsgspecError, RecursionError) as error:
            if self._hello_timer is not None or messages.is_hello(payload):
                self.close(malformed(f"hello: {error}"))
            else:
                self.send(frames.text(messages.error(f"message not understood: {error}")))
            return
        if self._hello_timer is None:
            self._handle_request(said)
        elif self._core.state is State.OPEN:
            self._handle_first(said)
        # Otherwise the client has closed already: a feed opened now would only claim pops.

    def _handle_first(self, said: messages.FromPanel) -> None:
        if isinstance(said, Hello):
            self._handle_hello(said)
        else:
            self.close(malformed("expected hello first"))

    def _handle_hello(self, hello: Hello) -> None:
        timer, self._hello_timer = self._hello_timer, None
        if timer is not None:
            timer.cancel()
        try:
            greeted = feed_access.greet(self._services, self.tenant, hello)
        except Refused as refused:
            self.close(refused.code)
            return
        except Unavailable:
            self.close(OVERLOADED)
            return
        self.key = greeted.key  # so that the feed is closed if the key is revoked meanwhile
        new = greeted.unkept
        if new is None:
            self._welcome(hello, greeted, None)
        else:
            now_or_unlocked(
                self._services.committer,
                lambda batch: sessions.add(batch.cursor, new),
                partial(self._welcome, hello, greeted),
            )

    def _welcome(self, hello: Hello, greeted: Greeted, error: BaseException | None) -> None:
        if error is not None:
            self.close(OVERLOADED)
            return
        if self._closing:
            return
        self.session, self._expires = greeted.session, greeted.expires
        self._core.send_text(greeted.welcome)  # leaves with what catches the feed up
        self._start(greeted.agent, greeted.key, hello)
        self._flush_core()  # if there was nothing to catch up on, or it has to wait

    def _handle_request(self, said: messages.FromPanel) -> None:
        if isinstance(said, Ping):
            self.send(frames.text(messages.PONG))
        elif self.agent is None and not cast(Access, self._access).agent_known:
            return  # its session is not stored yet
        elif isinstance(said, Presence):
            self._services.subscriptions.presence(self, said)
        elif isinstance(said, PopOutcome):
            self._services.tasks.spawn(self._store_outcome(said), name="pop outcome")
        else:
            self._handle_late_hello(said)

    def _handle_late_hello(self, hello: Hello) -> None:
        """Welcome a client that is in already; it may have pops, so it keeps its panel's id."""
        is_other = self.panel is not None and hello.panel not in (None, self.panel.id)
        try:
            feed_access.check_panel(hello, known=self.panel)
        except Refused as refused:
            self.close(refused.code)
            return
        presence = Presence(visible=hello.visible, interacted=hello.interacted)
        self._services.subscriptions.presence(self, presence)
        welcome = feed_access.welcome_key(self._services, self.tenant, self.agent, self.panel)
        self.send(frames.text(welcome))
        if is_other:
            self.send(frames.text(messages.error(_PANEL_NOT_TAKEN)))

    async def _store_outcome(self, report: PopOutcome) -> None:
        try:
            await self._services.subscriptions.outcome(self, report)
        except ScreenpopError as error:
            self.send(frames.text(messages.error(f"outcome not stored: {error}")))

    def _let_go(self) -> None:
        """Leave the feed: a socket that closes gets no message and owns no pop."""
        if self._hello_timer is not None:
            self._hello_timer.cancel()
        self._services.subscriptions.closed(self)
