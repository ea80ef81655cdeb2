"""Give a connection deadlines: a request left unfinished must not hold it open for ever.

uvicorn has one timeout, for idle connections between requests. This adds one for a request's head
and one for its body. A request that comes in one piece, as nearly all do, sets no timer: the idle
timer is left running, and checks, when it is due, for how long the connection has been idle.

What happens at a deadline is in `connection_ends`. Websockets are handed on before: `feed_socket`
has deadlines of its own.
"""

from __future__ import annotations

import asyncio
import random
from typing import cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from adapter.web import body_pace, refusal_log
from adapter.web.body_pace import BodyPace
from adapter.web.connection_ends import HANDED_ON, OPEN, EndingConnection
from adapter.web.unreadable import ENDING, TOO_SLOW

_SPREAD = 1.25
"""Factor up to which a connection's idle time is lengthened, at random."""

_ONE_READ = 0.001
"""Seconds after which the loop has read at least once."""


class HttpConnection(EndingConnection):
    """One connection, until it ends or becomes a websocket."""

    head_seconds = 15.0
    """Seconds for a whole head, from its first byte on."""
    body_silence = 30.0
    """Seconds of silence within a body; a slow line may take longer for the whole."""
    body_grace = body_pace.GRACE
    body_rate = body_pace.RATE
    ending_grace = 2.0
    """`body_grace` while the server shuts down."""

    _head_timer: asyncio.TimerHandle | None = None
    """Set while a head comes in; more bytes do not reset it. Only one of the two is set at a
    time."""
    _body_timer: asyncio.TimerHandle | None = None
    """Set while a body comes in; each piece of it resets it, as far as `_pace` allows."""
    _pace: BodyPace | None = None
    """The pace of the body that is coming in, or of the last one."""
    _idle_seconds: float
    """Seconds for which it may be idle."""
    _idle_since: float | None = None
    """When it connected or the last answer was complete, by the loop's clock; None once bytes have
    come."""
    _idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start idle: pools connect in advance, and closing one too early loses a request."""
        super().connection_made(transport)
        # Without the spread, a pool's connections would all be closed at one moment, and a request
        # on its way just then would hit one of them: its sender could not tell whether it was
        # accepted.
        self._idle_seconds = self.timeout_keep_alive * random.uniform(1, _SPREAD)  # noqa: S311
        self._be_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._cancel_deadline()
        self._cancel_idle_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End soon: what has come is answered, and what is still missing has a second to come."""
        super().shutdown()
        self.head_seconds = self.body_silence = self.ending_silence
        self.body_grace, self._pace = self.ending_grace, None
        self._idle_seconds = _ONE_READ
        if self._reading is not OPEN or self.transport.is_closing():
            return
        if self._idle_since is None:
            self._cancel_deadline()
            self._set_deadline(0)
        else:  # a request may be waiting already
            self._cancel_idle_timer()
            self._idle_timer = self.loop.call_later(_ONE_READ, self._close_if_idle)

    def data_received(self, data: bytes) -> None:
        """Read, and set the deadline for what is still missing."""
        if self._reading is not OPEN:
            self._discard(data)
            return
        self._unset_keepalive_if_required()
        refusal = self.read(data)
        if refusal is None:
            self.after_reading(data)
            self._set_deadline(len(data))
            return
        refusal_log.note(refusal, self.client[0] if self.client else None)
        is_owed = self.drop_unfinished()
        self.after_reading(data)
        self._read_no_more(refusal if is_owed else None)

    def after_reading(self, chunk: bytes) -> None:
        """Do what must wait until the parser has returned from a chunk."""

    def on_response_complete(self) -> None:
        """Begin the next request if it has come already; or end, or be idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._watch_unread()
        elif self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            if not self.pipeline:
                self._resume_after_pipeline()
        elif self._reading is not OPEN:
            self._write_last_words()
        else:
            self.flow.resume_reading()
            self._be_idle()

    def _resume_after_pipeline(self) -> None:
        if self._unparsed:
            self.loop.call_soon(self.parse_on)  # not now: the parser may be at work
        else:
            self.flow.resume_reading()

    def handle_websocket_upgrade(self) -> None:
        """Clear the deadlines, and hand the connection on."""
        self._cancel_deadline()
        self._cancel_idle_timer()
        super().handle_websocket_upgrade()

    # --- between requests -------------------------------------------------------------------

    def _be_idle(self) -> None:
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self._idle_seconds, self._idle_time_passed)

    def _unset_keepalive_if_required(self) -> None:
        """Be busy: uvicorn calls this when it would cancel its own timer."""
        self._idle_since = None

    def _idle_time_passed(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return  # the next answer sets the timer again
        left = self._idle_since + self._idle_seconds - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._idle_time_passed)
        else:
            # A loop that is late runs its timers before it reads: a request may be waiting already.
            self._idle_timer = self.loop.call_later(_ONE_READ, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is not None and not self.transport.is_closing():
            self._close_when_taken()

    def _cancel_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    # --- within a request -------------------------------------------------------------------

    def _set_deadline(self, came: int) -> None:
        """Set the deadline for what is still missing after `came` more bytes, if anything is."""
        cycle = self.cycle
        was_late, self._was_late = self._was_late, False
        if self._reading is HANDED_ON or self.transport.is_closing():
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
        if self._head_timer is None:
            self._cancel_deadline()
            self._head_timer = self.loop.call_later(self.head_seconds, self._head_time_passed)

    def _await_body(self, cycle: RequestResponseCycle, came: int) -> None:
        self._cancel_deadline()
        now = self.loop.time()
        if self._expect_early_answer(cycle) or self._pace is None:
            self._pace = BodyPace(now, self.body_grace, self.body_rate)
        self._pace.came(came)
        seconds = self._pace.until(now, self.body_silence)
        self._body_timer = self.loop.call_later(seconds, self._body_time_passed)

    def _cancel_deadline(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _head_time_passed(self) -> None:
        cycle = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        if self.flow.read_paused or is_answering:  # it is us who are slow
            self._head_timer = self.loop.call_later(self.body_silence, self._head_time_passed)
        elif self._head_has_begun:
            self._refuse_as_too_slow()
        else:  # there were only empty lines
            self._close_when_taken()

    def _body_time_passed(self) -> None:
        if self.flow.read_paused:  # it is us who are slow
            if self._pace is not None:
                self._pace.waited(self.loop.time(), self.body_grace)
            self._body_timer = self.loop.call_later(self.body_silence, self._body_time_passed)
        else:
            self._refuse_as_too_slow()

    def _refuse_as_too_slow(self) -> None:
        refusal = ENDING if self.is_ending else TOO_SLOW
        self._read_no_more(refusal if self.drop_unfinished() else None)
