"""Answer the hot POST where its bytes arrive, and leave every other request to uvicorn.

Nearly every source sends the body of its POST to `/v1/events` in one chunk with the head. Such a
request needs no ASGI: the scope, task and event that it would get cost more than the contact event
itself (docs/decisions/0004-hot-path.md). Anything unusual (a body in pieces, a request that comes
before the previous answer, HTTP/1.0, `Expect`, an upgrade) is left to uvicorn.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final, cast

import msgspec
import structlog
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from adapter.recent_requests import RecentRequest
from adapter.services import Services
from adapter.shares import Waiter
from adapter.web import known_heads
from adapter.web.connection_ends import OPEN
from adapter.web.head_rules import HeaderLines
from adapter.web.http_connections import HttpConnection
from adapter.web.intake import CLOSE, FAULT, ONE_ACCEPTED, Answer
from adapter.web.known_heads import KnownHead
from adapter.web.short_ingest import SOURCE, Post
from adapter.web.written_answers import written

log = structlog.get_logger()

TARGET: Final = b"/v1/events"
ACCEPTED: Final = 202
IN_VAIN: Final = 4
"""Heads in a row that a connection remembers without meeting any of them again. After that it
remembers no more: they evidently differ each time, as they do behind a proxy that numbers its
requests."""
_SCHEMES: Final = ("http", "https", "ws", "wss")


class _Nobody:
    """Stand in for the event that uvicorn sets: on the short way nothing waits for one."""

    def set(self) -> None:
        """Do nothing."""


_NOBODY: Final = _Nobody()


class ShortRequest(Post, kw_only=True, eq=False):
    """A request on the short way: to uvicorn, a `Cycle` that has not been answered yet."""

    connection: ShortConnection
    pieces: list[bytes] = msgspec.field(default_factory=list)
    """Of the body."""
    keep_alive: bool = True
    is_https: bool = False
    chunk: bytes = b""
    """The chunk that completed it, as it came."""
    disconnected: bool = False
    response_complete: bool = False

    more_body = False
    response_started = False
    message_event = _NOBODY

    def waits(self, waiter: Waiter) -> None:
        """Have the connection keep the waiter, which it takes off the line if it ends first."""
        self.connection.waiting = waiter

    def answer(self, answer: Answer | None) -> None:
        """Have the connection write it."""
        self.connection.respond(self, answer)


class _Answered:
    """The `Cycle` of a connection that has answered its last request.

    It holds nothing. The request would hold its body, and many connections stay idle for long.
    """

    keep_alive = True
    more_body = False
    response_started = True
    response_complete = True
    disconnected = False
    message_event = _NOBODY


_ANSWERED: Final = _Answered()


class ShortConnection(HttpConnection):
    """A connection on which the hot POST takes the short way."""

    _services: Services | None = None
    """None if no request may go the short way."""
    _is_behind_proxy = False
    """Whether the peer is a proxy that is trusted to name the scheme."""
    _incoming: ShortRequest | None = None
    """The request that is being received, if it may go the short way."""
    _whole: ShortRequest | None = None
    """The same request once it is complete, until the parser returns."""
    _known: KnownHead | None = None
    """The head of the last request, if it is remembered. While it is, the last chunk was exactly
    that request, and the parser has seen nothing of the next one."""
    _last_parsed: ShortRequest | None = None
    """The request that the last parsed chunk completed, until it is answered: if it is accepted,
    its head is remembered."""
    _in_vain = 0
    """How many heads were remembered since one last came again."""
    waiting: Waiter | None = None
    """The waiter of the request that waits for its sender's turn, or of the last one that did."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find out whether this server may answer without its application."""
        super().connection_made(transport)
        chosen = self.config
        is_plain = not (chosen.root_path or chosen.limit_concurrency or chosen.access_log)
        # The demo has no services here: it serves several sites and chooses by the host name.
        self._services = self.app_state.get("services") if is_plain else None
        if isinstance(self.app, ProxyHeadersMiddleware):
            host = self.client[0] if self.client else None
            self._is_behind_proxy = host in self.app.trusted_hosts

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop a request that has not begun: its sender was not told that it is kept."""
        super().connection_lost(exc)
        if self.waiting is not None and self._services is not None:
            self._services.shares.leave(self.waiting)
        # A request refers back to this connection, so only the collector would free its body.
        self.waiting = self._incoming = self._last_parsed = None
        if isinstance(self.cycle, ShortRequest):
            self.cycle = _ANSWERED

    def shutdown(self) -> None:
        """Take no more requests the short way: they would not say that they are the last."""
        self._known = None
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Process a request with a known head; have everything else parsed."""
        if self._known is None or not self._recognise(self._known, data):
            self._known = self._last_parsed = None
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin a request; its scope is made only if it goes the long way."""
        self._head_has_begun = self._moved = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def begin_request(self) -> None:
        """Choose the way of a request."""
        if self._may_be_short() and not self.is_ending:
            self._incoming = ShortRequest(
                services=cast(Services, self._services),
                request=RecentRequest(SOURCE, datetime.now(UTC), self.headers),
                connection=self,
                keep_alive=self.parser.should_keep_alive(),
                is_https=self._is_https(self.headers),
            )
        else:
            self._go_the_long_way()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._incoming is None:
            super().on_body(body)
        else:
            self._moved = True
            self._incoming.pieces.append(body)

    def on_message_complete(self) -> None:
        """Keep the complete request until the parser returns, as that would swallow our errors."""
        if self._incoming is None:
            super().on_message_complete()
        else:
            self._moved = True
            # uvicorn's own pipeline holds the next request on the connection back until this is
            # done.
            self.cycle = self._whole = self._incoming
            self._incoming = None

    def drop_unfinished(self) -> bool:
        """Drop a request that will not be read to its end; say whether it is owed an answer."""
        if self._incoming is None:
            return super().drop_unfinished()
        self._incoming = None
        return True

    def after_reading(self, chunk: bytes) -> None:
        """Process a complete request; one that is not goes the long way, which has deadlines."""
        if self._whole is not None:
            request, self._whole = self._whole, None
            request.chunk = chunk
            self._last_parsed = request
            self._process(request, b"".join(request.pieces))
        if self._incoming is not None:
            request, self._incoming = self._incoming, None
            if not self.transport.is_closing():
                self._go_the_long_way()
                for piece in request.pieces:
                    super().on_body(piece)

    def _may_be_short(self) -> bool:
        before = self.cycle
        return (
            self.url == TARGET
            and self._services is not None
            and (before is None or before.response_complete)
            and self.method == b"POST"
            and self.version == "1.1"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and not self.flow.write_paused
        )

    def _go_the_long_way(self) -> None:
        url, lines, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, lines, expects
        self.scope["headers"] = lines
        super().begin_request()

    def _recognise(self, head: KnownHead, chunk: bytes) -> bool:
        """Process a chunk that is one request with the known head; False if it must be parsed."""
        services, before = self._services, self.cycle
        if (
            services is None
            or before is None
            or head.generation != services.registry.generation
            or not before.response_complete
            or self.flow.write_paused
        ):
            return False
        found = head.match(chunk)
        if found is None or len(found[1]) > services.settings.body_limit:
            return False
        lines, body = found
        self._idle_since = None
        self._in_vain = 0
        request = ShortRequest(
            services=services,
            request=RecentRequest(SOURCE, datetime.now(UTC), lines, head.tenant, head.key, body),
            connection=self,
            is_https=head.is_https,
        )
        self.cycle = request
        self._process(request, body, head)
        return True

    def _process(self, request: ShortRequest, body: bytes, head: KnownHead | None = None) -> None:
        try:
            if head is None:
                request.check(body)
            else:
                request.reuse_checks(head, body)
        except Exception:
            log.exception("a request failed")
            self.respond(request, None)

    def _is_https(self, lines: list[tuple[bytes, bytes]]) -> bool:
        """Say whether the sender used TLS, by the same rules as uvicorn's proxy middleware."""
        scheme: str | None = self.scheme
        if self._is_behind_proxy:
            said = dict(lines).get(b"x-forwarded-proto", b"").decode("latin-1").strip()
            scheme = said if said in _SCHEMES else scheme
        return scheme == "https"

    def respond(self, request: ShortRequest, answer: Answer | None) -> None:
        """Write the answer, unless the sender has gone; what it sent is kept either way."""
        if request.disconnected or request.response_complete:
            return
        request.response_complete = True
        self.waiting = None  # it refers to the request, and many connections stay idle for long
        if self.cycle is request:
            self.cycle = _ANSWERED
        if answer is None:
            answer = FAULT
        if not self.transport.is_closing():
            self._write_answer(request, answer)
        if request is self._last_parsed:
            self._last_parsed = None
            self._remember_head(request, answer)
        if self.is_ending and not request.keep_alive and not self.transport.is_closing():
            self._after_last_answer(request)
        else:
            self.on_response_complete()

    def _remember_head(self, request: ShortRequest, answer: Answer) -> None:
        """Remember the head of an accepted request, unless this peer's heads never come again."""
        may_come_again = request.keep_alive and self._reading is OPEN
        if answer.status == ACCEPTED and may_come_again and self._in_vain < IN_VAIN:
            self._in_vain += 1
            self._known = known_heads.remember(
                request.chunk, request.request, request.generation, is_https=request.is_https
            )

    def _write_answer(self, request: ShortRequest, answer: Answer) -> None:
        usual = self.server_state.default_headers
        if answer is ONE_ACCEPTED and request.keep_alive:
            text = _one_accepted.text(usual, is_https=request.is_https)
        else:
            if CLOSE in answer.headers:
                request.keep_alive = False
            text = written(answer, usual, is_https=request.is_https, keep_alive=request.keep_alive)
        try:
            self.transport.write(text)
        except RuntimeError as error:
            if "closed" not in str(error):  # uvloop learns of the close before the protocol does
                raise
        if not request.keep_alive and not self.is_ending:
            self.transport.close()


class _OneAccepted:
    """The answer to nearly all requests as bytes, kept until the date in it changes."""

    def __init__(self) -> None:
        self._kept: tuple[HeaderLines, bytes, bytes] = ([], b"", b"")

    def text(self, usual: HeaderLines, *, is_https: bool) -> bytes:
        """Give the bytes; uvicorn makes a new list of `usual` headers whenever the date changes."""
        kept = self._kept
        if kept[0] is not usual:
            plain = written(ONE_ACCEPTED, usual, is_https=False, keep_alive=True)
            by_tls = written(ONE_ACCEPTED, usual, is_https=True, keep_alive=True)
            kept = self._kept = (usual, plain, by_tls)
        return kept[2] if is_https else kept[1]


_one_accepted: Final = _OneAccepted()
