"""Give a connection deadlines: what a peer leaves half said must not be held open for ever.

uvicorn has one timeout, for idle connections between requests. This adds the rest: a request's
head, its body, and the rest of a body that a refusal did not wait for. Websockets leave before
any of it (`feed_socket` has deadlines of its own). A request that comes in one piece, as nearly
all do, sets no timer: the one of an idle connection is left to run and looks, when it is due,
how long there has been nothing to do.

It also ends connections: what came before the end is answered first, and the last words get to
the peer, unless it takes none of them for long.
"""

from __future__ import annotations

import asyncio
import random
import weakref
from functools import partial
from typing import cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from adapter.web import body_pace
from adapter.web.body_pace import BodyPace
from adapter.web.refusal_log import refusals
from adapter.web.request_reader import RequestReader
from adapter.web.unread_answers import UnreadWatch
from adapter.web.unreadable import TOO_SLOW, Refusal
from adapter.web.written_answers import written

_SPREAD = 1.25
"""By how much longer than another a connection may be idle."""

_ONE_READ = 0.001
"""Seconds after which the loop has read at least once."""


class HttpConnection(RequestReader):
    """One connection, until it ends or becomes a websocket."""

    head_seconds = 15.0
    """For a whole head, from its first byte on."""
    body_silence = 30.0
    """Seconds of silence within a body; a slow line may take longer for the whole."""
    body_grace = body_pace.GRACE
    body_rate = body_pace.RATE
    small_body = 64 * 1024
    """Bytes of a body that is read to its end though nobody wants it: the connection stays."""
    lingering_seconds = 5.0
    lingering_bytes = 8 * 1024 * 1024
    """What a peer may still send of a body that nobody reads, so that it gets to our answer:
    closing with unread bytes resets the connection, and the answer with it (RFC 9112, 9.6)."""
    unread_seconds = 60.0
    """In which a peer has to take some of what waits to be sent."""
    unread_rate = body_pace.RATE
    """Bytes a second that it has to take on the whole, when those seconds are over."""
    ending_seconds = 2.0
    """The same while the server ends: less than its grace."""

    _timer: asyncio.TimerHandle | None = None
    _in_head = False
    """Whether the timer is that of a head: bytes do not set it back."""
    _pace: BodyPace | None = None
    """Of the body that comes in or came in last."""
    _idle_since: float | None = None
    """When it connected or the last answer was complete, in the loop's seconds; None since bytes
    have come."""
    _idle_timer: asyncio.TimerHandle | None = None
    _to_discard: int | None = None
    """Bytes that may still be thrown away; None while requests are read."""
    _refusal: Refusal | None = None
    """What is to be said when all that came before it is answered."""
    _is_last = False
    """Whether no request comes any more behind those that are to be answered."""
    _answering: weakref.ref[RequestResponseCycle] | None = None
    """Whose answer the application is giving or gave last: others may wait behind it."""
    _unread: UnreadWatch | None = None
    """While answers wait for the peer to take them."""
    _may_stay = False
    """Whether the connection stays where the body that comes in is whole before its answer."""
    _is_websocket = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be idle: pools connect in advance, and one that is closed early loses a request."""
        super().connection_made(transport)
        # A pool's connections would all be closed in one moment, and a request that is just then on
        # its way would find one of them: nothing says of it whether it was taken.
        self.timeout_keep_alive *= random.uniform(1, _SPREAD)  # type: ignore[assignment]  # noqa: S311
        self._be_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines and what waits, and tell the application."""
        self._cancel_deadline()
        self._cancel_idle_timer()
        self._stop_watching_unread()
        while self.pipeline:
            _forget(self.pipeline.pop()[0])
        self._unparsed = b""
        answering = self._answering() if self._answering is not None else None
        if answering is not None:  # uvicorn tells the newest alone
            answering.disconnected = True
            answering.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what came whole before the end (RFC 9112, 9.6); say whether there is such."""
        if self._to_discard is None and not self.transport.is_closing():
            self.drop_unfinished()
            cycle = self.cycle
            self._is_last = cycle is not None and (
                bool(self.pipeline) or not (cycle.response_complete or cycle.disconnected)
            )
            self._to_discard = 0
            self._cancel_deadline()
        if not self._is_last:
            self._close_when_taken()
        return self._is_last

    def shutdown(self) -> None:
        """End when what was read is answered, and do not wait for who does not listen."""
        self._unparsed = b""
        self._may_stay = False
        self.unread_seconds = self.ending_seconds
        super().shutdown()
        self._stop_watching_unread()
        if self.flow.write_paused or self.transport.is_closing():
            self._watch_unread()

    def pause_writing(self) -> None:
        """Wait for the peer to take what is sent, but not for ever."""
        super().pause_writing()
        self._watch_unread()

    def resume_writing(self) -> None:
        """Go on: the peer has taken most of it."""
        super().resume_writing()
        self._stop_watching_unread()
        if self.transport.is_closing():
            self._watch_unread()

    def _close_when_taken(self) -> None:
        self.transport.close()
        self._watch_unread()

    def _watch_unread(self) -> None:
        # A websocket says its first words before it is told to be paused, and we are told instead;
        # who reads those too slowly is its business, and what it does later is nothing to us.
        if self._is_websocket or self._unread is not None:
            return
        if self.transport.get_write_buffer_size():
            self._unread = UnreadWatch(
                self.transport, self.loop, self.unread_seconds, self.unread_rate
            )

    def _stop_watching_unread(self) -> None:
        if self._unread is not None:
            self._unread.stop()
            self._unread = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = weakref.ref(cycle)
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Read, and set the deadline for what is still missing."""
        if self._to_discard is not None:
            self._to_discard -= len(data)
            if self._to_discard < 0:
                self._close_when_taken()
            return
        self._unset_keepalive_if_required()
        refusal = self.read(data)
        if refusal is None:
            self.after_reading(data)
            self._set_deadline(len(data))
            return
        refusals.note(refusal, self.client[0] if self.client else None)
        is_owed = self.drop_unfinished()
        self.after_reading(data)
        self._read_no_more(refusal if is_owed else None)

    def after_reading(self, chunk: bytes) -> None:
        """Do what waits until the parser has returned from a chunk."""

    def on_response_complete(self) -> None:
        """Begin the next request that has come already, or be idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._watch_unread()
        elif self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            if not self.pipeline:
                self._resume_after_pipeline()
        elif self._is_last:
            self._write_last_words()
        else:
            self.flow.resume_reading()
            self._be_idle()

    def _resume_after_pipeline(self) -> None:
        if self._unparsed:
            self.loop.call_soon(self.parse_on)  # not while the parser may be at work
        else:
            self.flow.resume_reading()

    def _be_idle(self) -> None:
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._idle_time_passed)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on."""
        self._is_websocket = True
        self._cancel_deadline()
        self._cancel_idle_timer()
        self._stop_watching_unread()
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # it leads back here

    def _unset_keepalive_if_required(self) -> None:
        """Be busy: uvicorn calls this where it would cancel its own timer."""
        self._idle_since = None

    def _idle_time_passed(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return  # the next answer sets a timer again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._idle_time_passed)
        else:
            # A loop that is late runs its timers before it reads: a request may lie there already.
            self._idle_timer = self.loop.call_later(_ONE_READ, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is not None and not self.transport.is_closing():
            self._close_when_taken()

    def _cancel_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _cancel_deadline(self) -> None:
        self._in_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_deadline(self, came: int) -> None:
        cycle = self.cycle
        was_late, self._was_late = self._was_late, False
        if self._is_websocket or self.transport.is_closing():
            self._cancel_deadline()
        elif cycle is None or self._head_has_begun:
            self._await_head()
        elif cycle.more_body:
            self._await_body(cast(RequestResponseCycle, cycle), came)
        elif was_late and cycle.response_complete:
            self._cancel_deadline()
            self._be_idle()
        elif cycle.response_complete and self._idle_since is None:
            self._await_head()  # an empty line between requests has ended the idle time
        else:
            self._cancel_deadline()

    def _await_head(self) -> None:
        if not self._in_head:
            self._cancel_deadline()
            self._in_head = True
            self._timer = self.loop.call_later(self.head_seconds, self._deadline_passed)

    def _await_body(self, cycle: RequestResponseCycle, came: int) -> None:
        self._cancel_deadline()
        now = self.loop.time()
        if self._pace is None or not isinstance(cycle.transport, _Unfinished):
            self._pace = BodyPace(now, self.body_grace, self.body_rate)
            # Or it would lead back to itself, for the collector alone.
            itself = weakref.proxy(cycle)
            cycle.transport = _Unfinished(self.transport, itself)
            cycle.on_response = partial(self._after_answer, itself)
            if cycle.keep_alive and _declared(cycle) > self.small_body:
                self._may_stay = True
                cycle.keep_alive = False  # so that an early answer says it
        self._pace.came(came)
        self._timer = self.loop.call_later(
            self._pace.until(now, self.body_silence), self._deadline_passed
        )

    def _deadline_passed(self) -> None:
        cycle = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        if self.flow.read_paused or (self._in_head and is_answering):  # it is us who are slow
            if self._pace is not None:
                self._pace.waited(self.loop.time(), self.body_grace)
            self._timer = self.loop.call_later(self.body_silence, self._deadline_passed)
        elif self._head_has_begun or not self._in_head:
            self._read_no_more(TOO_SLOW if self.drop_unfinished() else None)
        else:
            self._close_when_taken()

    def _after_answer(self, cycle: RequestResponseCycle) -> None:
        """Go on with the next request, or throw away the rest of a body that nobody wants."""
        self.on_response_complete()
        if not cycle.more_body or self.transport.is_closing() or self._to_discard is not None:
            return
        if not cycle.keep_alive or _declared(cycle) > self.small_body:
            self._linger()
        # Else uvicorn drops the rest as it comes, and the deadline of a body holds.

    def on_message_complete(self) -> None:
        """Let the connection stay where the whole body came before its answer."""
        super().on_message_complete()
        cycle = self.cycle
        if self._may_stay and self._again is None and cycle is not None:
            self._may_stay = False
            cycle.keep_alive = not cycle.response_started

    def drop_unfinished(self) -> bool:
        """Take back a request of which no more is read; say whether its sender is owed a word."""
        cycle = self.cycle
        if cycle is None or self._head_has_begun or not cycle.more_body:
            return True
        if self.pipeline and self.pipeline[0][0] is cycle:
            _forget(self.pipeline.popleft()[0])
            return True
        if cycle.response_complete:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        # What is said next takes the place of its answer, unless that has begun.
        cycle.response_complete = not cycle.response_started
        return cycle.response_complete

    def _read_no_more(self, refusal: Refusal | None) -> None:
        """Read no more, and say why when all that came before is answered."""
        cycle = self.cycle
        if self.transport.is_closing() or self._to_discard is not None:
            return
        if refusal is None:
            self._linger()
        elif cycle is None or cycle.response_complete:
            self._write_refusal(refusal)
        else:
            self._cancel_deadline()
            self._to_discard = self.lingering_bytes
            self._refusal, self._is_last = refusal, True
            self.flow.pause_reading()

    def _write_last_words(self) -> None:
        self._is_last = False
        refusal, self._refusal = self._refusal, None
        if refusal is None:
            self._close_when_taken()
        else:
            self._write_refusal(refusal)

    def _write_refusal(self, refusal: Refusal) -> None:
        usual = self.server_state.default_headers
        self.transport.write(written(refusal.answer(), usual, is_https=False, keep_alive=False))
        self._linger()

    def _linger(self) -> None:
        """Say no more, and throw away what the peer still sends until it has heard all."""
        self._unset_keepalive_if_required()
        self._cancel_deadline()
        self._to_discard = self.lingering_bytes
        self.flow.resume_reading()
        self.transport.write_eof()
        self._timer = self.loop.call_later(self.lingering_seconds, self._close_when_taken)


def _nothing() -> None:
    pass


def _forget(cycle: RequestResponseCycle) -> None:
    """Let go of a request that never began: what is called at its answer leads back to it."""
    cycle.on_response = _nothing


def _declared(cycle: RequestResponseCycle) -> float:
    """Give the length of the body that is coming in, infinite where it is not said."""
    for name, value in cycle.scope["headers"]:
        if name == b"content-length":
            return int(value)  # the parser has refused what is no number
    return float("inf")


class _Unfinished(asyncio.Transport):
    """Stand for the transport while a body comes in: closing waits where an answer was early."""

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        super().__init__()
        self._transport = transport
        self._cycle = cycle

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        if not (self._cycle.response_complete and self._cycle.more_body):
            self._transport.close()  # else `_after_answer` comes next
