"""Speak websocket with one client: a slim protocol at uvicorn's `ws=` hook.

Why not Starlette's WebSocket: a task, a queue and a scope for each of ten thousand sockets cost
25 KiB and a context switch per message (docs/decisions/0003-feed-sockets.md). The protocol itself
(handshake, masking, fragmentation, control frames, closing) is the sans-I/O core of the
`websockets` library; this module only moves its bytes and says what a feed does.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import structlog
from websockets.frames import CloseCode as StandardClose, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from adapter import frames, messages
from adapter.close_codes import (
    HELLO_TIMEOUT,
    MALFORMED,
    OVERLOADED,
    RESTARTING,
    SLOW_READER,
    UNAUTHENTICATED,
    CloseCode,
)
from adapter.errors import ScreenpopError, Unavailable
from adapter.hub import Panel, monotonic, used_at
from adapter.messages import Hello, Ping, PopOutcome, Presence
from adapter.services import Services
from adapter.tenants import Agent, Tenant
from adapter.web import feed_access, handshake_refusals
from adapter.web.feed_access import Access, Refused
from adapter.web.refusal_log import Seldom

log = structlog.get_logger()

HELLO_DEADLINE = 5.0
CLOSE_DEADLINE = 5.0
"""Seconds that a client has to answer our close frame before the connection is cut."""
SHUTDOWN_DEADLINE = 1.0
"""The same when the server ends: a client that hangs must not hold it."""
PING_AFTER = 20.0
"""Seconds of silence above which the next look pings a peer: our panel speaks after 20 s itself.
A peer that only answers is pinged every 25 s, with every second look: its answer comes a moment
after the first."""
DEAD_AFTER = 55.0
"""Seconds of silence above which the next look takes a peer for dead."""
MESSAGE_LIMIT = 16 * 1024
"""Bytes of one message from a client: the largest we know of is a pop outcome."""
PIECE = 4 * 1024
"""Bytes that are read in one turn of the loop: of the smallest frames, which cost most, that takes
some milliseconds. The others have a turn before the next."""
LAST_WORDS = 2 * MESSAGE_LIMIT
"""Bytes that are read, after our own close, to find the client's: the rest of a message and more.
What comes after that is thrown away unread, until the connection is cut."""

PANEL_PROTOCOL = Subprotocol("screenpop.v1")
READ_PROTOCOL = Subprotocol("cloudevents.json")

_mistakes = Seldom()


class _Core(ServerProtocol):
    """The sans-I/O core. A method, because a function given to it would lead back to it."""

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Choose the first of ours that is offered, or none."""
        for known in (PANEL_PROTOCOL, READ_PROTOCOL):
            if known in subprotocols:
                return known
        return None


class FeedSocket(asyncio.Protocol):
    """One websocket, from its handshake on.

    uvicorn makes one when a request asks for an upgrade; `connections` is uvicorn's set of what
    it must shut down.
    """

    __slots__ = (
        "_access",
        "_close_timer",
        "_closing",
        "_expires",
        "_fragments",
        "_go_on",
        "_hello_timer",
        "_limit",
        "_partial",
        "_pieces",
        "_protocol",
        "_server_connections",
        "_services",
        "_transport",
        "_turn",
        "agent",
        "heard",
        "key",
        "live",
        "panel",
        "session",
        "tenant",
    )

    def __init__(self, services: Services, connections: set[Any]) -> None:
        self._services = services
        self._server_connections = connections
        self._protocol = _Core(
            subprotocols=[PANEL_PROTOCOL, READ_PROTOCOL],
            # No deflate: 32 KiB a socket and 20 µs a message for what a LAN does not need.
            extensions=None,
            max_size=MESSAGE_LIMIT,
            logger=None,
        )
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._access: Access | None = None
        self._hello_timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._fragments: bytearray | None = None
        """What has come of a message, or None between messages."""
        self._partial = 0
        """Bytes that have come and not been given back in frames: with none, the next byte begins
        a frame. More than there are where a client pads lengths, never less. Once we have closed it
        only grows."""
        self._pieces: deque[bytes] | None = None
        """What waits to be read, an empty one for the end; None while the transport reads."""
        self._turn: asyncio.Handle | None = None
        """When the next piece is read."""
        self._go_on: Callable[[], None] | None = None
        self._closing = False
        self._limit = self._services.settings.feed_buffer
        self.tenant = Tenant("")
        self.agent: Agent | None = None
        self.panel: Panel | None = None
        self.key: str | None = None
        self.live = False
        self.session: bytes | None = None
        self._expires: datetime | None = None
        self.heard = 0.0

    # --- asyncio.Protocol -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the connection from uvicorn's HTTP protocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limit // 2)
        self._server_connections.add(self)
        self._services.sockets.add(self)
        self.heard = monotonic()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._server_connections.discard(self)
        self._services.sockets.discard(self)
        self._pieces = None
        self._leave()
        if self._close_timer is not None:
            self._close_timer.cancel()
        # The core's parser leads back to the core: of panels that stayed for long only the
        # collector's longest rounds, hours apart, would find that.
        self._protocol.parser.close()
        self._protocol.parser_exc = None

    def data_received(self, data: bytes) -> None:
        """Feed the sans-I/O core, act on what it understood, and write what it wants to say.

        The answer to a ping, where it is all that came, is kept from the core, which would do
        nothing with it (RFC 6455, 5.5.3): nearly all that idle panels ever say.
        """
        self.heard = monotonic()
        if (
            len(data) == frames.EMPTY_PONG_LENGTH
            and not self._partial
            and data.startswith(frames.EMPTY_PONG)
        ):
            return
        self._partial += len(data)
        if self._pieces is None and (
            len(data) <= PIECE or self._protocol.state is State.CONNECTING
        ):
            self._read(data)
            return
        self._hold()
        if self._pieces is not None:
            self._pieces += (data[at : at + PIECE] for at in range(0, len(data), PIECE))
            self._read_on()

    def eof_received(self) -> bool:
        """Let the core see that the client will send no more, when it has seen all that it sent."""
        if self._pieces is not None:
            self._pieces.append(b"")
            return True  # uvloop would close the connection
        self._read(b"")
        return False

    def resume_writing(self) -> None:
        """Go on with a replay that waits, and with what waits to be read."""
        go_on, self._go_on = self._go_on, None
        if go_on is not None:
            go_on()
        if self._pieces is not None:
            self._read_on()

    # --- what uvicorn and the hub ask of it -------------------------------------------------

    def shutdown(self) -> None:
        """Tell the client to come back (uvicorn, at a graceful shutdown)."""
        try:
            self.close(RESTARTING)
            self._cut_off_in(SHUTDOWN_DEADLINE)
        except Exception:  # the others must hear it too, and the server end as it should
            log.exception("a feed could not be closed; it is cut off")
            self.abandon()

    def abandon(self) -> None:
        """Cut the connection, and forget it at once, whoever would be told that it is lost."""
        self._transport.abort()
        self.connection_lost(None)

    def send(self, frame: bytes) -> None:
        """Write a whole frame, or close a reader whose buffer is full. Never waits.

        The frame itself may be larger than the buffer: a reader that is up to date gets it.
        """
        if self._closing:
            return
        if self._transport.get_write_buffer_size() > self._limit:
            self.close(SLOW_READER)
        else:
            self._transport.write(frame)

    def close(self, code: CloseCode) -> None:
        """Start the closing handshake; the connection is cut if the client does not answer."""
        if self._closing:
            return
        self._services.metrics.feeds_closed.labels(str(code.code)).inc()
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code.code, code.reason)
        self._leave()
        self._write_protocol()
        self._cut_off_in(CLOSE_DEADLINE)

    def buffered(self) -> bool:
        """Whether a replay should wait: the buffer is half full.

        `pause_writing` would not do: during the handshake it is uvicorn's protocol that hears it.
        Above the same mark (`connection_made`) the transport owes us a `resume_writing`.
        """
        return self._transport.get_write_buffer_size() > self._limit // 2

    def when_drained(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` when the buffer has room."""
        self._go_on = go_on

    def is_open(self) -> bool:
        """Whether messages still go out."""
        return not self._closing

    def sweep(self, now: float, date: datetime) -> None:
        """Ping a silent peer and cut off a dead one (one sweep over all sockets, no timer each).

        `now` is by `monotonic`, `date` the same moment for people.
        """
        silent = now - self.heard
        if silent > DEAD_AFTER:
            self.abandon()
        elif silent > PING_AFTER and not self._closing and not self._transport.is_closing():
            self._transport.write(frames.PING)
        if self._expires is not None and date >= self._expires:
            self.close(UNAUTHENTICATED)

    # --- handshake --------------------------------------------------------------------------

    def _handshake(self, request: Request) -> None:
        response = self._protocol.accept(request)
        if response.status_code >= 400:  # noqa: PLR2004
            response = handshake_refusals.worded(request, response)
        self._protocol.send_response(response)
        self._write_protocol()
        if self._protocol.state is not State.OPEN:
            return  # not a websocket handshake: the core has answered 4xx
        try:
            self._access = feed_access.check(
                self._services, request.path, request.headers, self._protocol.subprotocol
            )
        except Refused as refused:
            self.close(refused.code)
            return
        self.tenant = self._access.tenant
        if self._access.agent_known:
            self._start(self._access.agent, self._access.key)
        else:
            loop = asyncio.get_running_loop()
            self._hello_timer = loop.call_later(HELLO_DEADLINE, self.close, HELLO_TIMEOUT)

    def _start(self, agent: Agent | None, key: str | None, hello: Hello | None = None) -> None:
        access = cast(Access, self._access)
        # Who comes together, as after a restart, would be pinged together ever after.
        self.heard -= random.uniform(0, PING_AFTER / 2)  # noqa: S311 - jitter
        self.agent, self.key = agent, key
        if agent is not None and access.is_panel:
            self.panel = self._new_panel(agent, access, hello)
        self._services.subscriptions.open(self, access.after)

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

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT and frame.fin:
            self._message(bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._fragments = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._fragments is not None:
            # Joined as they come: empty ones are in no limit of the core's.
            self._fragments += frame.data
            if frame.fin:
                payload, self._fragments = bytes(self._fragments), None
                self._message(payload)
        elif frame.opcode in (Opcode.BINARY, Opcode.CONT):
            self._protocol.fail(StandardClose.UNSUPPORTED_DATA, "text messages only")

    def _message(self, payload: bytes) -> None:
        access = self._access
        if access is None:
            return
        try:
            payload.decode()
        except UnicodeDecodeError:
            # RFC 6455, 8.1
            self._protocol.fail(StandardClose.INVALID_DATA, "invalid UTF-8")
            return
        if not access.speaks:
            return  # a read-only subprotocol: what a client says is ignored
        try:
            said = messages.parse_from_panel(payload)
        except (msgspec.MsgspecError, RecursionError) as error:
            if self._hello_timer is not None:
                self.close(MALFORMED)
            else:
                self.send(frames.text(messages.error(f"message not understood: {error}")))
            return
        if self._hello_timer is not None:
            if isinstance(said, Hello):
                self._hello(said)
            else:
                self.close(MALFORMED)
            return
        self._control(said)

    def _hello(self, hello: Hello) -> None:
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
        self.session, self._expires = greeted.session, greeted.expires
        self.send(frames.text(greeted.welcome))
        self._start(greeted.agent, greeted.key, hello)

    def _control(self, said: messages.FromPanel) -> None:
        if isinstance(said, Ping):
            self.send(frames.text(messages.PONG))
        elif isinstance(said, Presence):
            self._services.subscriptions.presence(self, said)
        elif isinstance(said, PopOutcome):
            self._services.tasks.spawn(self._outcome(said), name="pop outcome")
        else:
            presence = Presence(visible=said.visible, interacted=said.interacted)
            self._services.subscriptions.presence(self, presence)
            self.send(frames.text(feed_access.welcome_key(self.tenant, self.agent, self.panel)))

    async def _outcome(self, report: PopOutcome) -> None:
        try:
            await self._services.subscriptions.outcome(self, report)
        except ScreenpopError as error:
            self.send(frames.text(messages.error(f"outcome not stored: {error}")))

    # --- bytes ------------------------------------------------------------------------------

    def _hold(self) -> None:
        """Have the transport read no more until what waits is read, or what is written has gone."""
        if self._pieces is None and not self._transport.is_closing():
            self._pieces = deque()
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._next_piece)

    def _next_piece(self) -> None:
        self._turn = None
        if self._pieces and not self._is_full():
            self._read(self._pieces.popleft())
        if self._pieces is None or self._is_full():
            return  # it is over, or the transport owes us a `resume_writing`
        if self._pieces:
            self._read_on()
            return
        self._pieces = None
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _read(self, data: bytes) -> None:
        """Read what came, the end where that is nothing. Whatever goes wrong is over with this."""
        try:
            if data:
                self._understand(data)
            else:
                self._protocol.receive_eof()
            self._write_protocol()
        except Exception:
            # Said by nobody else: in its handshake the connection is not this protocol's yet, and
            # what it has put into lists would stay there.
            if (untold := _mistakes.due()) is not None:
                log.exception("a feed made a mistake; it is cut off", untold=untold)
            self.abandon()

    def _understand(self, data: bytes) -> None:
        if self._closing and self._partial > LAST_WORDS:
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._partial = 0  # uvicorn gives the head alone, in one piece
                self._handshake(event)
            elif not self._closing:
                frame = cast(Frame, event)
                self._partial -= frames.from_client(len(frame.data))
                self._frame(frame)

    def _is_full(self) -> bool:
        return self._transport.get_write_buffer_size() > self._limit

    def _write_protocol(self) -> None:
        said = self._protocol.data_to_send()
        if said and not self._transport.is_closing():  # uvloop raises where it has closed already
            if words := b"".join(said):
                self._transport.write(words)
            if said[-1] == SEND_EOF and self._transport.can_write_eof():
                self._transport.close()
            elif self._is_full():
                self._hold()  # who reads no pongs is not heard: `send` has a limit of its own
        if self._protocol.state is not State.OPEN and not self._closing:
            self._leave()
            self._cut_off_in(CLOSE_DEADLINE)
        if self._protocol.state is State.CLOSED:
            self._transport.close()

    def _leave(self) -> None:
        """Take no more part: a socket that closes gets no message and owns no pop."""
        if self._closing:
            return
        self._closing = True
        self._go_on = None
        if self._hello_timer is not None:
            self._hello_timer.cancel()
        self._services.subscriptions.closed(self)

    def _cut_off_in(self, seconds: float) -> None:
        if self._close_timer is not None:
            self._close_timer.cancel()
        loop = asyncio.get_running_loop()
        self._close_timer = loop.call_later(seconds, self._transport.abort)
