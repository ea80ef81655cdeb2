"""Answer the hot POST where the bytes come in, and leave every other request to uvicorn.

A request for `/v1/events` whose body comes in one piece with its head, as that of nearly every
source does, needs no ASGI: no scope, task or event for it, which cost more than the event itself
(docs/decisions/0004-hot-path.md). Whatever is unusual (a body in pieces, a request that comes
before the answer to the one before, HTTP/1.0, `Expect`, an upgrade) goes uvicorn's way.
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
"""Heads in a row that a connection remembers and does not meet again: then it remembers no more,
as they seem to differ each time. So they do behind a proxy that numbers its requests."""
_SCHEMES: Final = ("http", "https", "ws", "wss")


class _Nobody:
    """Nobody waits in a request on the short way, so nobody is woken."""

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
    """The bytes that completed it, as they came."""
    disconnected: bool = False
    response_complete: bool = False

    more_body = False
    response_started = False
    message_event = _NOBODY

    def waits(self, waiter: Waiter) -> None:
        """Keep what waits with the connection: if that ends first, it waits no longer."""
        self.connection.waiting = waiter

    def answer(self, answer: Answer | None) -> None:
        """Have it written."""
        self.connection.respond(self, answer)


class _Answered:
    """The `Cycle` of a connection whose last request is answered.

    It holds nothing, where the request would hold its body: many connections are idle for long.
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
    """None where no request may go the short way."""
    _is_behind_proxy = False
    """Whether the peer is a proxy whose word on the scheme counts."""
    _incoming: ShortRequest | None = None
    """The request whose body comes in, where it may go the short way."""
    _whole: ShortRequest | None = None
    """The same once it is whole, until the parser returns."""
    _known: KnownHead | None = None
    """The head of the last request. While there is one, the last chunk was that request, and the
    parser has not seen a byte of what comes next."""
    _last_parsed: ShortRequest | None = None
    """The request that the last parsed chunk completed, until its answer: if it is taken, its head
    is remembered."""
    _in_vain = 0
    """Heads remembered since one was met again."""
    waiting: Waiter | None = None
    """What waits for its sender's turn, or did so last."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See whether this server can answer without its application."""
        super().connection_made(transport)
        chosen = self.config
        is_plain = not (chosen.root_path or chosen.limit_concurrency or chosen.access_log)
        # The demo has none there: it is several sites, and finds out by the host which is meant.
        self._services = self.app_state.get("services") if is_plain else None
        if isinstance(self.app, ProxyHeadersMiddleware):
            host = self.client[0] if self.client else None
            self._is_behind_proxy = host in self.app.trusted_hosts

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a request that has not begun: nobody was told that it is kept."""
        super().connection_lost(exc)
        if self.waiting is not None and self._services is not None:
            self._services.shares.leave(self.waiting)
        # What leads back here holds its body until the collector comes.
        self.waiting = self._incoming = self._last_parsed = None
        if isinstance(self.cycle, ShortRequest):
            self.cycle = _ANSWERED

    def data_received(self, data: bytes) -> None:
        """Take a request whose head is known, and have everything else parsed."""
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
        if self._may_be_short():
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
        """Keep the whole request until the parser returns: it would take our errors for its own."""
        if self._incoming is None:
            super().on_message_complete()
        else:
            self._moved = True
            # What follows on the connection waits for this, in uvicorn's own pipeline.
            self.cycle = self._whole = self._incoming
            self._incoming = None

    def drop_unfinished(self) -> bool:
        """Take back a request of which no more is read; say whether its sender is owed a word."""
        if self._incoming is None:
            return super().drop_unfinished()
        self._incoming = None
        return True

    def after_reading(self, chunk: bytes) -> None:
        """Take a request that is whole; one that is not goes the long way, with its deadlines."""
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
        """Take a chunk that is one request with a known head; False where it is to be parsed."""
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
        """Say whether the sender came by TLS, as uvicorn's proxy middleware finds it."""
        scheme: str | None = self.scheme
        if self._is_behind_proxy:
            said = dict(lines).get(b"x-forwarded-proto", b"").decode("latin-1").strip()
            scheme = said if said in _SCHEMES else scheme
        return scheme == "https"

    def respond(self, request: ShortRequest, answer: Answer | None) -> None:
        """Write the answer, unless the sender has gone: what it sent is kept."""
        if request.disconnected or request.response_complete:
            return
        request.response_complete = True
        self.waiting = None  # it leads back to the request, and many connections are idle for long
        if self.cycle is request:
            self.cycle = _ANSWERED
        if answer is None:
            answer = FAULT
        if not self.transport.is_closing():
            self._write_answer(request, answer)
        if request is self._last_parsed:
            self._last_parsed = None
            self._remember_head(request, answer)
        self.on_response_complete()

    def _remember_head(self, request: ShortRequest, answer: Answer) -> None:
        """Remember the head of a request that was taken, unless this peer's are never the same."""
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
            if "closed" not in str(error):  # uvloop knows of an end before the protocol does
                raise
        if not request.keep_alive:
            self.transport.close()


class _OneAccepted:
    """The answer of nearly all requests as it is written, until the date in it changes."""

    def __init__(self) -> None:
        self._kept: tuple[HeaderLines, bytes, bytes] = ([], b"", b"")

    def text(self, usual: HeaderLines, *, is_https: bool) -> bytes:
        """Give its bytes; uvicorn makes a new list of the `usual` headers for a new date."""
        kept = self._kept
        if kept[0] is not usual:
            plain = written(ONE_ACCEPTED, usual, is_https=False, keep_alive=True)
            by_tls = written(ONE_ACCEPTED, usual, is_https=True, keep_alive=True)
            kept = self._kept = (usual, plain, by_tls)
        return kept[2] if is_https else kept[1]


_one_accepted: Final = _OneAccepted()
