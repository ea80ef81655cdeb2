"""Remember what each panel said of itself when it opened its feed: its version, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapter.tenants import Agent

MOST = 20_000
"""Panels remembered: twice what a process serves. The oldest goes first; only a list misses it."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a panel's `hello` said and proved."""

    at: datetime
    version: str | None
    """The version of its page."""


class Greetings:
    """The latest greeting of each panel of this process."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[tuple[Agent, str], Greeting] = {}

    def note(self, agent: Agent, panel: str, greeting: Greeting) -> None:
        """Keep a panel's greeting; it replaces that of the same panel's last connection."""
        self._known.pop((agent, panel), None)
        self._known[agent, panel] = greeting
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]

    def of(self, agent: Agent, panel: str) -> Greeting | None:
        """Give what a panel said; None where it never said hello (a service key)."""
        return self._known.get((agent, panel))
