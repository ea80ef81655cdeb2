"""Bring a feed up to date and keep it: snapshot or replay first, then live, in order and once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from adapter import contacts, frames, messages, pop_claims
from adapter.close_codes import OVERLOADED
from adapter.committer import Committer
from adapter.errors import StoreUnavailable
from adapter.hub import Feed, Hub, Panel, monotonic, pop_data
from adapter.messages import Message, PopOutcome, Presence
from adapter.metrics import Metrics
from adapter.registry import Registry
from adapter.store import journal, pops as stored_pops
from adapter.store.database import Database
from adapter.store.pops import StoredPop
from adapter.tenants import Agent

log = structlog.get_logger()

CHUNK = 500
"""Messages read at once in a replay: some milliseconds of the loop."""

GRACE = 0.5
"""Seconds in which a panel that lost its socket may come back before its pops go to another."""

FORGOTTEN = timedelta(hours=24)
"""A contact that nobody reported on for so long is not shown as open (its end was lost)."""


class Subscriber(Feed, Protocol):
    """A feed that can be caught up."""

    def buffered(self) -> bool:
        """Whether enough waits in the socket's buffer that a replay should pause."""

    def when_drained(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` once, when the buffer has room again."""

    def is_open(self) -> bool:
        """Whether it is neither closed nor closing."""


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
        self._timers: set[asyncio.TimerHandle] = set()

    def open(self, feed: Subscriber, after: int | None) -> None:
        """Start a feed whose credential is good. It goes live in this call, or after its replay."""
        try:
            with self._database.reading():
                self._open(feed, after)
        except StoreUnavailable as error:
            log.warning("feed not opened", error=str(error))
            feed.close(OVERLOADED)

    def _open(self, feed: Subscriber, after: int | None) -> None:
        cursor = self._database.raw.cursor()
        first, last = journal.sequences(cursor, feed.tenant)
        gap = after is not None and not first - 1 <= after <= last
        resumed = None if gap else after
        if feed.agent is not None and feed.panel is not None:
            self._claim(feed.agent, feed.panel, resumed)
        if resumed is None:
            self._snapshot(feed, gap=gap)
            self._hub.join(feed)
        else:
            self._replay(feed, resumed)

    def _claim(self, agent: Agent, panel: Panel, after: int | None) -> None:
        unfinished = stored_pops.unfinished(self._database.raw.cursor(), agent)
        if pop_claims.needs_attach(unfinished, panel, after):
            self._committer.run_now(
                lambda batch: pop_claims.attach(batch, agent, panel, after=after)
            )

    def _snapshot(self, feed: Subscriber, *, gap: bool) -> None:
        cursor = self._database.raw.cursor()
        now = datetime.now(UTC)
        settings = self._registry[feed.tenant]
        name = None if feed.agent is None else feed.agent.id
        views = [
            contacts.view(each, agent=settings.agent(each.agent).id if each.agent else None)
            for each in journal.open_contacts(cursor, feed.tenant, name, since=now - FORGOTTEN)
        ]
        pops = [] if feed.agent is None else stored_pops.unfinished(cursor, feed.agent)
        sequence = self._committer.last_sequence(feed.tenant)
        frame = messages.snapshot(
            feed.tenant,
            sequence,
            now,
            contacts=views,
            pops=pop_claims.views(pops, feed.panel, now),
            gap=gap,
        )
        feed.send(frames.text(frame))

    def _replay(self, feed: Subscriber, after: int) -> None:
        name = None if feed.agent is None else feed.agent.id
        while feed.is_open():
            cursor = self._database.raw.cursor()
            missed = journal.messages_after(cursor, feed.tenant, name, after, limit=CHUNK)
            if not missed:
                # Nothing was committed since the read: this is all one turn of the event loop.
                self._hub.join(feed)
                return
            pops = stored_pops.by_ids(
                cursor, feed.tenant, [each.pop for each in missed if each.pop is not None]
            )
            now = datetime.now(UTC)
            for message in missed:
                data = _replayed(message, pops, feed.panel, now)
                feed.send(frames.text(messages.encode(feed.tenant, message, data)))
                after = message.sequence
                if feed.buffered():
                    feed.when_drained(lambda after=after: self._go_on(feed, after))  # type: ignore[misc]
                    return

    def _go_on(self, feed: Subscriber, after: int) -> None:
        try:
            with self._database.reading():
                self._replay(feed, after)
        except StoreUnavailable:
            feed.close(OVERLOADED)

    def closed(self, feed: Feed) -> None:
        """Forget a feed whose socket is gone, and hand its pops on after a moment of grace."""
        self._hub.leave(feed)
        if feed.agent is None or feed.panel is None:
            return
        agent, panel = feed.agent, feed.panel.id
        try:
            with self._database.reading():
                owned = [
                    pop
                    for pop in stored_pops.unfinished(self._database.raw.cursor(), agent)
                    if pop.owner == panel
                ]
        except StoreUnavailable:
            owned = []
        if owned:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(GRACE, lambda: self._release(agent, panel))
            self._timers.add(timer)

    def _release(self, agent: Agent, panel: str) -> None:
        self._timers = {timer for timer in self._timers if timer.when() > monotonic()}
        try:
            self._committer.run_now(lambda batch: pop_claims.release(batch, agent, panel))
        except StoreUnavailable as error:
            # The pop stays with its absent owner; the next panel that connects gets it.
            log.warning("pop not handed on", error=str(error))

    def presence(self, feed: Feed, said: Presence) -> None:
        """Keep what a panel says of itself. Its clock does not count, only that it was used."""
        panel = feed.panel
        if panel is not None:
            became_visible = said.visible and not panel.visible
            panel.visible = said.visible
            if said.interacted is not None or became_visible:
                panel.interacted = monotonic()

    async def outcome(self, feed: Feed, report: PopOutcome) -> None:
        """Keep what became of a pop, then tell the panel that it is kept.

        Raises:
            Unavailable: it is not kept; the panel sends it again.
        """
        agent = feed.agent
        if agent is None:
            return
        pop = await self._committer.submit(lambda batch: pop_claims.settle(batch, agent, report))
        if pop is not None:
            self._metrics.pops.labels(report.outcome).inc()
            if report.outcome == "opened":
                waited = (datetime.now(UTC) - pop.created).total_seconds()
                self._metrics.pop_seconds.observe(waited)
        feed.send(frames.text(messages.outcome_stored(report.pop)))

    def stop(self) -> None:
        """Cancel the timers (at shutdown)."""
        for timer in self._timers:
            timer.cancel()


def _replayed(
    message: Message, pops: dict[str, StoredPop], panel: Panel | None, now: datetime
) -> bytes | None:
    """Give the data of a message as this panel must see it now; None: as it was stored."""
    pop = pops.get(message.pop) if message.pop is not None else None
    # A claim that was handed on since has a later message of its own.
    if pop is None or panel is None or pop.sequence != message.sequence:
        return None
    return pop_data(pop, panel.id, now)
