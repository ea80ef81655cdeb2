"""Open panels of a `serve` server: by a ticket in the address, as a CRM would hand it out."""

from __future__ import annotations

from tests.server import Server


def ticket(server: Server, agent: str) -> str:
    """Make a feed ticket with a feed key."""
    answer = server.request("POST", "/v1/feed/ticket", {"agent": agent}, scope="feed")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["ticket"])


def panel_url(server: Server, agent: str, home: str) -> str:
    """Give an address that opens the agent's panel once, within 30 seconds."""
    return f"{home}/#ticket={ticket(server, agent)}"
