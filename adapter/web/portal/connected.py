"""List the open feeds of a tenant for a page, the first hundred of those that are looked for."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby

import msgspec

from adapter.hub import Feed, monotonic
from adapter.services import Services
from adapter.store import sessions, settings as stored
from adapter.store.sessions import StoredSession
from adapter.tenants import Agent, Tenant
from adapter.web.feed_socket import FeedSocket


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """One open feed, as the page shows it."""

    agent: str | None
    """None on a wallboard."""
    kind: str
    """`panel`, `listener` or `wallboard`."""
    panel: str | None
    since: datetime | None
    """When its feed was opened; None where only a service key knows."""
    signed_in: datetime | None
    embedder: str | None
    """The page around it, `top` or `unknown`; None where no session tells."""
    version: str | None
    visible: bool
    interacted: datetime | None
    key: str | None
    """The name of the key that let it in."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The first of the feeds that are looked for, by agent; wallboards last."""

    groups: list[tuple[str | None, list[Connected]]]
    shown: int
    total: int
    """How many there are."""
    signed_in: frozenset[str]
    """The agents among those shown of whose feeds one has a session, shown or not."""


class OfAgent(msgspec.Struct, frozen=True, kw_only=True):
    """How many feeds of an agent are open, by what they were opened with."""

    by_session: int
    by_key: int


def listed(
    services: Services, tenant: Tenant, wanted: str, agents: Collection[str], *, most: int
) -> Listed:
    """List the feeds that have `wanted` in their agent or key, case-folded, or are of `agents`.

    Everything where `wanted` is empty. Sessions are read for the feeds that are shown alone.
    """
    names = {key.id: key.name or key.id for key in stored.keys(services.database)}
    feeds = [
        each
        for each in services.hub.feeds()
        if each.tenant == tenant and _is_wanted(each, wanted, agents, names)
    ]
    shown = heapq.nsmallest(most, feeds, key=_place)
    chains = {chain for each in shown if (chain := _session(each)) is not None}
    with services.database.reading():
        known = sessions.of_chains(services.database.raw.cursor(), tenant, chains)
    those = {each.agent for each in shown}
    return Listed(
        groups=[
            (
                None if agent is None else agent.id,
                [_of(services, each, known, names) for each in one],
            )
            for agent, one in groupby(shown, key=lambda each: each.agent)
        ],
        shown=len(shown),
        total=len(feeds),
        signed_in=frozenset(
            each.agent.id
            for each in feeds
            if each.agent is not None and each.agent in those and _session(each) is not None
        ),
    )


def of_agent(services: Services, agent: Agent) -> OfAgent:
    """Count the open feeds of an agent."""
    feeds = [each for each in services.hub.feeds() if each.agent == agent]
    by_session = sum(_session(each) is not None for each in feeds)
    return OfAgent(by_session=by_session, by_key=len(feeds) - by_session)


def _is_wanted(feed: Feed, wanted: str, agents: Collection[str], names: Mapping[str, str]) -> bool:
    if not wanted:
        return True
    if feed.agent is not None and (wanted in feed.agent.id or feed.agent.id in agents):
        return True
    return feed.key is not None and wanted in names.get(feed.key, feed.key).casefold()


def _place(feed: Feed) -> tuple[bool, str]:
    return (True, "") if feed.agent is None else (False, feed.agent.id)


def _session(feed: Feed) -> bytes | None:
    """Give the chain of the session that opened a feed."""
    return feed.session if isinstance(feed, FeedSocket) else None


def _of(
    services: Services,
    feed: Feed,
    known: Mapping[bytes, StoredSession],
    names: Mapping[str, str],
) -> Connected:
    session = known.get(_session(feed) or b"")
    panel = feed.panel
    said = None
    if panel is not None and feed.agent is not None:
        said = services.greetings.of(feed.agent, panel.id)
    return Connected(
        agent=None if feed.agent is None else feed.agent.id,
        kind="wallboard" if feed.agent is None else "listener" if panel is None else "panel",
        panel=None if panel is None else panel.id,
        since=None if said is None else said.at,
        signed_in=None if session is None else session.created,
        embedder=None if session is None else session.embedder,
        version=None if said is None else said.version,
        visible=panel is not None and panel.visible,
        interacted=None if panel is None else _moment(panel.interacted),
        key=None if feed.key is None else names.get(feed.key, feed.key),
    )


def _moment(interacted: float) -> datetime | None:
    """Turn a time of the server's clock into one of the calendar; None where it never was."""
    if not math.isfinite(interacted):
        return None
    return datetime.now(UTC) - timedelta(seconds=monotonic() - interacted)
