"""Manage integration accounts and hold the clients of those in force.

`AccountDesk` does what an admin asks (draft, test, consent, apply); `Clients` gives the work on
contacts a client of an account that is in force and whose connection has been tested.
"""

from __future__ import annotations

from adapter.connections.choosing import AccountNotReady, choose
from adapter.connections.clients import Clients
from adapter.connections.consents import ConsentResult
from adapter.connections.desk import AccountDesk
from adapter.connections.opening import Connections, open_connections
from adapter.connections.views import AccountView, SideView
from adapter.connections.watching import keep_fresh, watch_expiry

__all__ = [
    "AccountDesk",
    "AccountNotReady",
    "AccountView",
    "Clients",
    "Connections",
    "ConsentResult",
    "SideView",
    "choose",
    "keep_fresh",
    "open_connections",
    "watch_expiry",
]
