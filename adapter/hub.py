"""Know who is connected, choose which panel owns a pop, and write messages to sockets.

Everything runs on the event loop's thread. A fan-out never waits: a socket whose buffer is full
is closed with a code that says "reconnect and resume" (the journal has what it missed).
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog

from adapter import frames, messages
from adapter.close_codes import RENAMED, CloseCode
from adapter.messages import EVERYONE, Message, PopView, Present
from adapter.metrics import Metrics
from adapter.seldom import Seldom
from adapter.store.pops import StoredPop
from adapter.tenants import Agent, AgentKey, Tenant

log = structlog.get_logger()

monotonic: Final = time.monotonic
"""The clock by which panels' interactions are compared."""


@dataclass(slots=True)
class Panel:
    """A panel as it last described itself. `interacted` is in seconds of the server's clock."""

    id: str
    anonymous: bool
    """True if the client gave no id of its own (a service key without `panel=`)."""
    visible: bool = True
    interacted: float = -math.inf
    """When a person last used it; never, until it says so."""


class Feed(Protocol):
    """One open websocket, as the hub sees it."""

    tenant: Tenant
    agent: Agent | None
    """None on a wallboard."""
    panel: Panel | None
    """None if nobody can open anything on it (read-only subprotocol, wallboard)."""
    key: str | None
    live: bool
    """Whether the feed is caught up; until then it may own pops, but its replay delivers them."""

    def send(self, frame: bytes) -> bool:
        """Write a whole frame, or close the feed if its buffer is full; never blocks.

        True if the frame was written.
        """

    def close(self, code: CloseCode) -> None:
        """Start the closing handshake."""

    def abandon(self) -> None:
        """Cut the connection, and leave the hub."""


class BestPanel(NamedTuple):
    """The panel that a new pop goes to."""

    panel: Panel | None
    """None if the agent has no panel."""
    is_sole: bool
    """Whether it is the agent's only one."""


class Outgoing(msgspec.Struct):
    """A message with the pop that it announces."""

    tenant: Tenant
    message: Message
    pop: StoredPop | None = None


class Hub:
    """The open feeds of this process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._failed = Seldom()
        self._agents: dict[AgentKey, list[Feed]] = {}
        self._wallboards: dict[Tenant, dict[Feed, None]] = {}
        """Dictionaries, to keep their order and find each at once: thousands may leave together."""

    def join(self, feed: Feed) -> None:
        """Add a feed: its panel may own pops from now on; messages follow once it is `live`."""
        if feed.agent is None:
            self._wallboards.setdefault(feed.tenant, {})[feed] = None
        else:
            self._agents.setdefault(feed.agent, []).append(feed)
        self._metrics.feeds.labels(_kind(feed)).inc()

    def leave(self, feed: Feed) -> None:
        """Forget a feed; harmless if it never joined."""
        left = self._leave_wallboards(feed) if feed.agent is None else self._leave(feed, feed.agent)
        if left:
            self._metrics.feeds.labels(_kind(feed)).dec()

    def _leave_wallboards(self, feed: Feed) -> bool:
        group = self._wallboards.get(feed.tenant, {})
        if feed not in group:
            return False
        del group[feed]
        if not group:
            del self._wallboards[feed.tenant]
        return True

    def _leave(self, feed: Feed, agent: Agent) -> bool:
        group = self._agents.get(agent, [])  # an agent has only a few
        if feed not in group:
            return False
        group.remove(feed)
        if not group:
            del self._agents[agent]
        return True

    def panels(self, agent: Agent) -> list[Feed]:
        """Give the agent's feeds that can open records."""
        return [feed for feed in self._agents.get(agent, ()) if feed.panel is not None]

    def has_panel(self, agent: Agent, panel: str) -> bool:
        """Whether a panel of this id is connected now."""
        return any(feed.panel.id == panel for feed in self.panels(agent) if feed.panel)

    def best_panel(self, agent: Agent) -> BestPanel:
        """Choose the owner of a pop: a visible panel before a hidden one, then the last used."""
        panels = [feed.panel for feed in self._agents.get(agent, ()) if feed.panel is not None]
        if not panels:
            return BestPanel(None, False)
        # Reversed, so that among equals the last one opened is taken.
        best = max(reversed(panels), key=lambda panel: (panel.visible, panel.interacted))
        return BestPanel(best, len(panels) == 1)

    def renamed(self, agent: Agent) -> None:
        """Close the feeds of an id that means another agent now: they reconnect as that one."""
        for feed in list(self._agents.get(agent, ())):
            try:
                feed.close(RENAMED)
            except Exception as error:  # noqa: BLE001 - it is logged there
                self.cut_off(feed, error)

    def feeds(self) -> list[Feed]:
        """Give every feed (for closing them all)."""
        grouped = [*self._agents.values(), *self._wallboards.values()]
        return [feed for group in grouped for feed in group]

    def fan_out(self, outgoing: Outgoing) -> int:
        """Write one message to every socket that it is for; give how many accepted it.

        Wallboards are not counted.
        """
        tenant, message, pop = outgoing.tenant, outgoing.message, outgoing.pop
        targets = self._targets(tenant, message.agents)
        wallboards: list[Feed] = []
        if self._wallboards and tenant in self._wallboards:
            # A copy, because a feed whose buffer is full leaves while it is written to.
            wallboards = [feed for feed in self._wallboards[tenant] if feed.live]
        if not targets and not wallboards:
            return 0
        taken = 0
        if pop is None:
            frame = frames.text(messages.encode(tenant, message))
        else:
            now = datetime.now(UTC)
            frame = frames.text(messages.encode(tenant, message, pop_data(pop, None, now)))
            owner = self._owner(pop)
            if owner in targets:
                targets.remove(owner)
                taken = self._write([owner], _own_frame(pop, message, now))
        taken += self._write(targets, frame)
        self._metrics.messages.count += taken
        if wallboards:
            self._metrics.messages.count += self._write(wallboards, frame)
        return taken

    def _write(self, feeds: list[Feed], frame: bytes) -> int:
        taken = 0
        for feed in feeds:
            try:
                taken += feed.send(frame)
            except Exception as error:  # noqa: BLE001 - it is logged there
                self.cut_off(feed, error)
        return taken

    def cut_off(self, feed: Feed, error: Exception) -> None:
        """End a feed that has failed: its client resumes, and the feeds after it miss nothing."""
        if (untold := self._failed.due()) is not None:
            log.error("a feed failed; it is cut off", exc_info=error, untold=untold)
        with suppress(Exception):  # the same fault may strike here too
            feed.abandon()
        self.leave(feed)

    def _targets(self, tenant: Tenant, agents: tuple[str, ...]) -> list[Feed]:
        if len(agents) == 1 and agents[0] != EVERYONE:
            feeds = self._agents.get((tenant, agents[0]))
            return [feed for feed in feeds if feed.live] if feeds else []
        return self._targets_of_many(tenant, agents)

    def _targets_of_many(self, tenant: Tenant, agents: tuple[str, ...]) -> list[Feed]:
        if agents == (EVERYONE,):
            groups = [feeds for (whose, _), feeds in self._agents.items() if whose == tenant]
        else:
            groups = [self._agents.get((tenant, name), []) for name in agents]
        return [feed for group in groups for feed in group if feed.live]

    def _owner(self, pop: StoredPop) -> Feed | None:
        """Give the one socket that may open a pop; if two have the panel's id, the newer one."""
        panels = self.panels(Agent(pop.tenant, pop.agent))
        mine = (feed for feed in reversed(panels) if feed.panel and feed.panel.id == pop.owner)
        return next(mine, None)


def present(pop: StoredPop, panel: str | None, now: datetime) -> Present:
    """Say how a panel shows a pop: only the owner of the first attempt opens it by itself."""
    if panel is None or pop.owner != panel or pop.finished is not None:
        return "mirror"
    fresh = (now - pop.created).total_seconds() <= pop.stale_after
    return "open" if pop.attempt == 1 and pop.outcome is None and fresh else "card"


def pop_view(pop: StoredPop, panel: str | None, now: datetime) -> PopView:
    """Give the `data` of `screenpop.pop` for one panel (None: for a wallboard)."""
    how = present(pop, panel, now)
    return PopView(
        pop=pop.id,
        contact=pop.contact,
        agent=pop.agent,
        stage=pop.stage,
        open=how == "open",
        present=how,
        attempt=pop.attempt,
        target=pop.target,
        url=pop.url,
        record=pop.record,
        reason=pop.reason,
        at=pop.created,
    )


def pop_data(pop: StoredPop, panel: str | None, now: datetime) -> bytes:
    """Give `pop_view` as JSON."""
    return messages.json(pop_view(pop, panel, now))


def _own_frame(pop: StoredPop, message: Message, now: datetime) -> bytes:
    """Give the frame that tells the owner of a pop to open it."""
    return frames.text(messages.encode(pop.tenant, message, pop_data(pop, pop.owner, now)))


def used_at(said: datetime, now: datetime) -> float:
    """Give when a panel was used, by our clock; a time that is ahead of ours counts as now."""
    aware = said if said.tzinfo is not None else said.replace(tzinfo=UTC)
    return monotonic() - max((now - aware).total_seconds(), 0.0)


def _kind(feed: Feed) -> str:
    if feed.agent is None:
        return "wallboard"
    return "listener" if feed.panel is None else "panel"
