"""Hand out tickets of one use and 30 seconds' life: the only credential a browser's hello carries.

They live in this process's memory: a restart forgets them, and a panel asks for a new one.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapter import credentials
from adapter.errors import Overloaded
from adapter.tenants import Agent

LIFETIME = 30.0
"""Seconds."""

MOST = 100_000
"""Tickets waiting at once: ten times the panels of a large contact centre."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket stands for."""

    agent: Agent
    key: str | None
    """The feed key that asked for it; None where a session did."""
    session: bytes | None
    """The digest of the session that asked for it; None where a key did (hello makes one)."""
    expires: float


class Tickets:
    """The tickets in force."""

    def __init__(self) -> None:
        self._waiting: dict[str, Ticket] = {}

    def issue(self, agent: Agent, *, key: str | None, session: bytes | None, now: float) -> str:
        """Make a ticket; `now` is a monotonic time in seconds."""
        self._forget(now)
        if len(self._waiting) >= MOST:
            raise Overloaded("too many feed tickets are waiting")
        secret = credentials.new_bearer()
        self._waiting[secret] = Ticket(agent, key, session, now + LIFETIME)
        return secret

    def redeem(self, secret: str, *, now: float) -> Ticket | None:
        """Take a ticket, once."""
        ticket = self._waiting.pop(secret, None)
        return ticket if ticket is not None and ticket.expires > now else None

    def drop(self, keys: frozenset[str]) -> None:
        """Take back the tickets of revoked keys (a session is looked at when it is used)."""
        for secret, ticket in list(self._waiting.items()):
            if ticket.key in keys:
                del self._waiting[secret]

    def _forget(self, now: float) -> None:
        # Issued in order of expiry, so the old ones stand first.
        for secret, ticket in list(self._waiting.items()):
            if ticket.expires > now:
                break
            del self._waiting[secret]
