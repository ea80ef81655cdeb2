"""Find what a feed has missed, part by part, each in a turn of the event loop."""

from __future__ import annotations

from adapter.hub import Feed
from adapter.messages import Message
from adapter.store import journal
from adapter.store.database import Cursor
from adapter.tenants import Agent

CHUNK = 500
"""Messages of a replay in one turn of the loop: some milliseconds."""

CHAIN_ROWS = 250
"""Rows of an agent's chain that are followed in one turn: one or two milliseconds."""


class Missing:
    """What a feed has missed, read in parts.

    An agent's messages are found by following their chain all the way back from the newest, once
    for all parts. What comes in meanwhile is found in the same way, when those have been read.
    """

    __slots__ = ("_ahead", "_chains", "_feed")

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._chains: journal.Chains | None = None
        """The chains that are still being followed; None while there is no search."""
        self._ahead: list[int] = []
        """The sequences that were found and are yet to be read."""

    def read(self, cursor: Cursor, after: int) -> list[Message] | None:
        """Read the next messages above `after`: none at the end, None if it takes more turns.

        Nothing that was found can be missing: if the retention removes some of it, the feed is
        closed.
        """
        feed = self._feed
        if feed.agent is None:
            return journal.messages_after(cursor, feed.tenant, None, after, limit=CHUNK)
        if not self._ahead and not self._look(cursor, feed.agent, after):
            return [] if self._chains is None else None
        wanted = self._ahead[:CHUNK]
        del self._ahead[:CHUNK]
        return journal.read(cursor, feed.tenant, wanted)

    @property
    def is_more(self) -> bool:
        """Whether more was found than has been read."""
        return bool(self._ahead)

    def _look(self, cursor: Cursor, agent: Agent, after: int) -> bool:
        """Look for more above `after`; say whether there is something to be read."""
        if self._chains is None:
            self._chains = journal.Chains(cursor, agent, after)
        if self._chains.follow(cursor, CHAIN_ROWS):
            self._ahead, self._chains = self._chains.sequences(), None
        return bool(self._ahead)

    def give_back(self, missed: list[Message], after: int) -> None:
        """Note that what was read went out only up to `after`: the rest is read again."""
        if self._feed.agent is not None:
            self._ahead[:0] = [each.sequence for each in missed if each.sequence > after]
