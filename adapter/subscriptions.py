"""Bring a feed up to date and keep it so: snapshot or replay, then live, in order and once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog

from adapter import contacts, frames, messages, pop_claims
from adapter.batch import Batch
from adapter.close_codes import OVERLOADED, SLOW_READER
from adapter.committer import Committer
from adapter.errors import Unavailable
from adapter.hub import Feed, Hub, Panel, monotonic, pop_data, used_at
from adapter.jobs import Work
from adapter.lock_patience import now_or_unlocked
from adapter.messages import Message, PopOutcome, Presence
from adapter.metrics import Metrics
from adapter.missed import CHUNK, Missing
from adapter.registry import Registry
from adapter.seldom import Seldom
from adapter.store import installation, journal, pops as stored_pops
from adapter.store.database import Database
from adapter.store.pops import StoredPop
from adapter.tenants import Agent

log = structlog.get_logger()

_OF_ANOTHER_EPOCH = -1
"""Stands for a place of another epoch: before every message, so that the feed is told of a gap."""

GRACE = 0.5
"""Seconds that a panel without its socket has to come back before its pops go to another."""

TOGETHER = 16 * 1024
"""Bytes of a replay that are written at once: a write for each message would cost a system call and
a packet each. A slow reader's buffer holds many times as much."""

AGAIN = 2.0
"""Seconds until the handing on of a panel's pops is tried again if the journal refuses. Not less,
because very many panels may have gone at once."""


class Subscriber(Feed, Protocol):
    """A feed that can be caught up."""

    def catch_up(self, frames: bytes) -> bool:
        """Write frames as `send` does one, before the feed is live.

        An answer to the handshake that has not been sent yet goes before them, in the same write.
        """

    def is_half_full(self) -> bool:
        """Whether so much waits in the socket's buffer that a replay should pause."""

    def when_drained(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` once, when the buffer has room again."""

    def is_open(self) -> bool:
        """Whether the feed is neither closed nor closing."""


class Subscriptions:
    """The life of every feed between its handshake and its end."""

    def __init__(
        self,
        database: Database,
        committer: Committer,
        registry: Registry,
        hub: Hub,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._committer = committer
        self._registry = registry
        self._hub = hub
        self._metrics = metrics
        self.epoch = installation.epoch(database.raw.cursor())
        """The epoch of all sequences that are sent and received here."""
        self._unopened, self._kept = Seldom(), Seldom()
        self._timers: dict[Agent, dict[str, asyncio.TimerHandle]] = {}
        """By agent and panel that has just lost its socket: the timer that hands its pops on."""

    def open(self, feed: Subscriber, after: int | None, epoch: str | None = None) -> None:
        """Start a feed that has been let in. It goes live in this call, or after its replay.

        If its panel has to claim a pop while another program holds the database's lock, the feed
        waits for the lock as an event does. `epoch`: that of `after`, if the client says it.
        """
        if after is not None and epoch not in (None, self.epoch):
            after = _OF_ANOTHER_EPOCH
        self._attempt(feed, partial(self._open, feed, after))

    def _attempt(self, feed: Subscriber, work: Callable[[], None]) -> None:
        """Do a part of what brings a feed up to date; end the feed if that fails.

        Nobody else would: in a later turn of the loop it would be open, pinged and silent for ever.
        """
        try:
            self._committer.publish_now()
            with self._database.reading_tables():
                work()
        except Unavailable as error:
            self._give_up(feed, error)
        except Exception as error:  # noqa: BLE001 - it is logged there
            self._hub.cut_off(feed, error)

    def _give_up(self, feed: Subscriber, error: BaseException) -> None:
        if (untold := self._unopened.due()) is not None:
            log.warning("feed not brought up to date", error=str(error), untold=untold)
        feed.close(OVERLOADED)

    def _open(self, feed: Subscriber, after: int | None) -> None:
        self._hub.join(feed)
        resumed, gap = self._resumed(feed, after)
        if feed.agent is None or feed.panel is None:
            self._start(feed, resumed, gap=gap)
            return
        pops = pop_claims.unfinished(self._database.raw.cursor(), feed.agent, datetime.now(UTC))
        job = self._claim(feed, feed.agent, feed.panel, resumed, pops)
        if job is None:  # nothing can have changed: it is all one turn of the event loop
            self._start(feed, resumed, gap=gap, pops=pops)
        else:
            now_or_unlocked(self._committer, job, partial(self._go_on_claimed, feed, after))

    def _read_and_start(self, feed: Subscriber, after: int | None) -> None:
        resumed, gap = self._resumed(feed, after)
        self._start(feed, resumed, gap=gap)

    def _start(
        self,
        feed: Subscriber,
        resumed: int | None,
        *,
        gap: bool,
        pops: list[StoredPop] | None = None,
    ) -> None:
        """Send a feed what it lacks, now that it has its pops; `pops`: its agent's, if read."""
        if resumed is not None:
            self._replay(feed, resumed)
            return
        sequence = self._committer.last_sequence(feed.tenant)
        self._snapshot(feed, sequence, gap=gap, pops=pops)
        if feed.is_half_full():
            feed.when_drained(lambda: self._go_on(feed, sequence))
        else:
            feed.live = True

    def _resumed(self, feed: Feed, after: int | None) -> tuple[int | None, bool]:
        """Give the message to resume after (None: by a snapshot), and whether some are gone."""
        if after is None:
            return None, False
        first, last = journal.sequences(self._database.raw.cursor(), feed.tenant)
        gap = not first - 1 <= after <= last
        return None if gap else after, gap

    def _claim(
        self,
        feed: Subscriber,
        agent: Agent,
        panel: Panel,
        after: int | None,
        pops: list[StoredPop],
    ) -> Work[None] | None:
        """Give a job that claims for a panel the pops that nobody else will open; None if none."""
        among = frozenset(pop.id for pop in pops)

        def expected() -> frozenset[str]:
            return frozenset(self._timers.get(agent, ()))

        def job(batch: Batch) -> None:
            if feed.is_open():  # it may have waited
                pop_claims.attach(
                    batch, agent, panel, after=after, among=among, expected=expected()
                )

        found = pop_claims.attachable(
            self._hub, pops, agent, panel, after=after, expected=expected()
        )
        return job if found else None

    def _go_on_claimed(
        self, feed: Subscriber, after: int | None, error: BaseException | None
    ) -> None:
        if error is not None:
            self._give_up(feed, error)
        elif feed.is_open():  # it may have waited
            self._attempt(feed, partial(self._read_and_start, feed, after))

    def _snapshot(
        self, feed: Subscriber, sequence: int, *, gap: bool, pops: list[StoredPop] | None
    ) -> None:
        cursor = self._database.raw.cursor()
        now = datetime.now(UTC)
        since = now - pop_claims.FORGOTTEN
        settings = self._registry[feed.tenant]
        name = None if feed.agent is None else feed.agent.id
        views = [
            contacts.view(each, agent=settings.agent(each.agent).id if each.agent else None)
            for each in journal.open_contacts(cursor, feed.tenant, name, since=since)
        ]
        if feed.agent is None:
            pops = stored_pops.unfinished_of_tenant(cursor, feed.tenant, since=since)
        elif pops is None:
            pops = stored_pops.unfinished(cursor, feed.agent, since=since)
        frame = messages.snapshot(
            feed.tenant,
            sequence,
            now,
            contacts=views,
            pops=pop_claims.views(pops, feed.panel, now),
            epoch=self.epoch,
            gap=gap,
        )
        feed.catch_up(frames.text(frame))

    def _replay(self, feed: Subscriber, after: int, missing: Missing | None = None) -> None:
        cursor = self._database.raw.cursor()
        missing = missing or Missing(feed)
        while feed.is_open():
            missed = missing.read(cursor, after)
            if missed is None:
                self._go_on_soon(feed, after, missing)
                return
            if not missed:
                # Nothing can have been committed since the read: it is all one turn of the event
                # loop.
                feed.live = True
                return
            pops = stored_pops.by_ids(
                cursor, feed.tenant, [each.pop for each in missed if each.pop is not None]
            )
            for last, joined in _joined(_replayed(missed, pops, feed)):
                feed.catch_up(joined)
                after = last
                if feed.is_half_full():
                    missing.give_back(missed, after)
                    feed.when_drained(partial(self._go_on, feed, after, missing))
                    return
            if len(missed) == CHUNK or missing.is_more:  # the buffer of a fast reader never fills
                self._go_on_soon(feed, after, missing)
                return

    def _go_on_soon(self, feed: Subscriber, after: int, missing: Missing) -> None:
        """Let others have their turn."""
        asyncio.get_running_loop().call_soon(self._go_on, feed, after, missing)

    def _go_on(self, feed: Subscriber, after: int, missing: Missing | None = None) -> None:
        self._attempt(feed, partial(self._replay_on, feed, after, missing))

    def _replay_on(self, feed: Subscriber, after: int, missing: Missing | None) -> None:
        if self._is_forgotten(feed, after):
            feed.close(SLOW_READER)  # it will resume, and be told of the gap
        else:
            self._replay(feed, after, missing)

    def _is_forgotten(self, feed: Subscriber, after: int) -> bool:
        """Whether the retention has meanwhile removed what comes next."""
        first, _ = journal.sequences(self._database.raw.cursor(), feed.tenant)
        return feed.is_open() and after < first - 1

    def closed(self, feed: Feed) -> None:
        """Forget a feed that is closing, and hand its pops on after a moment of grace.

        It does no I/O: this may be in the middle of a fan-out, and one of very many.
        """
        self._hub.leave(feed)
        if feed.agent is None or feed.panel is None:
            return
        agent, panel = feed.agent, feed.panel.id
        if self._hub.has_panel(agent, panel):
            return  # it has a newer socket
        # The moment begins now, even if the panel was away just before.
        self._stop_waiting(agent, panel)
        self._release_later(agent, panel)

    def _release_later(self, agent: Agent, panel: str, seconds: float = GRACE) -> None:
        loop = asyncio.get_running_loop()
        waiting = self._timers.setdefault(agent, {})
        if panel not in waiting:
            waiting[panel] = loop.call_later(seconds, self._release, agent, panel)

    def _stop_waiting(self, agent: Agent, panel: str) -> None:
        waiting = self._timers.get(agent, {})
        timer = waiting.pop(panel, None)
        if timer is not None:
            timer.cancel()
            if not waiting:
                del self._timers[agent]

    def _release(self, agent: Agent, panel: str) -> None:
        self._stop_waiting(agent, panel)
        if not self._hub.panels(agent) or self._hub.has_panel(agent, panel):
            return  # it came back; or no panel is left, and the next to come claims the pops

        def refused(error: BaseException) -> None:
            if (untold := self._kept.due()) is not None:
                told = str(error)
                log.warning("pop not handed on; it is tried again", error=told, untold=untold)
            self._release_later(agent, panel, AGAIN)

        def released(done: asyncio.Future[None]) -> None:
            if not done.cancelled() and (error := done.exception()) is not None:
                refused(error)

        try:
            if self._has_pops(agent, panel):  # else nothing is to be written
                done = self._committer.submit(lambda batch: pop_claims.release(batch, agent, panel))
                done.add_done_callback(released)
        except Unavailable as error:
            refused(error)

    def _has_pops(self, agent: Agent, panel: str) -> bool:
        with self._database.reading_tables():  # no pops wait in the redo log
            cursor = self._database.raw.cursor()
            pops = pop_claims.unfinished(cursor, agent, datetime.now(UTC))
            return any(pop.owner == panel for pop in pops)

    def presence(self, feed: Feed, said: Presence) -> None:
        """Note what a panel says of itself; becoming visible counts as a use if it names none."""
        panel = feed.panel
        if panel is None:
            return
        if said.interacted is not None:
            panel.interacted = used_at(said.interacted, datetime.now(UTC))
        elif said.visible and not panel.visible:
            panel.interacted = monotonic()
        panel.visible = said.visible

    async def outcome(self, feed: Feed, report: PopOutcome) -> None:
        """Store what became of a pop, then tell the panel that it need not send it again.

        Raises:
            Unavailable: it is not stored; the panel sends it again.
        """
        agent = feed.agent
        if agent is None:
            return
        pop, is_news = await self._committer.submit(
            lambda batch: pop_claims.settle(batch, agent, report)
        )
        if pop is None:  # our own page may report late on one that the retention has removed
            detail = "pop.outcome: this agent has no such pop, or no longer"
            feed.send(frames.text(messages.error(detail, pop=report.pop)))
        elif is_news:
            self._metrics.pops.labels(report.outcome).inc()
            if report.outcome == "opened":
                waited = (datetime.now(UTC) - pop.created).total_seconds()
                self._metrics.pop_seconds.observe(max(waited, 0.0))  # the clock may be set back
        feed.send(frames.text(messages.outcome_stored(report.pop)))

    def stop(self) -> None:
        """Cancel the timers (at shutdown)."""
        for waiting in self._timers.values():
            for timer in waiting.values():
                timer.cancel()


def _replayed(
    missed: list[Message], pops: dict[str, StoredPop], feed: Feed
) -> Iterator[tuple[int, bytes]]:
    """Give the sequence and the frame of each message, as this feed must see it now."""
    now = datetime.now(UTC)
    for message in missed:
        data = None  # as it was stored
        pop = pops.get(message.pop) if message.pop is not None else None
        # If the claim has been handed on since, a later message of its own says so.
        if pop is not None and feed.panel is not None and pop.sequence == message.sequence:
            data = pop_data(pop, feed.panel.id, now)
        yield message.sequence, frames.text(messages.encode(feed.tenant, message, data))


def _joined(framed: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Join frames that are to be written at once; each time with the sequence of the last one."""
    joined: list[bytes] = []
    size = last = 0
    for last, frame in framed:
        joined.append(frame)
        size += len(frame)
        if size >= TOGETHER:
            yield last, b"".join(joined)
            joined.clear()
            size = 0
    if joined:
        yield last, b"".join(joined)
