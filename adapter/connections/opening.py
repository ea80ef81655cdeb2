"""Put the desk and the clients of one process together."""

from __future__ import annotations

from dataclasses import dataclass

from adapter.connections.clients import Clients, Spawn
from adapter.connections.desk import AccountDesk, Needs, basic_needs
from adapter.dataverse import transport
from adapter.secret_box import SecretBox
from adapter.settings import Settings
from adapter.store.database import Database


@dataclass(frozen=True, slots=True)
class Connections:
    """What an admin does with accounts, and the clients of those in force."""

    desk: AccountDesk
    clients: Clients


def open_connections(
    database: Database,
    box: SecretBox,
    settings: Settings,
    *,
    spawn: Spawn,
    needs: Needs = basic_needs,
) -> Connections:
    """Make both as the settings say; `clients.refresh()` reads the accounts.

    Raises:
        InvalidSettings: `SCREENPOP_CA_FILE` holds no certificates.
    """
    tls = transport.tls(settings.ca_file)
    desk = AccountDesk(database, box, tls=tls, allow_loopback=settings.allow_loopback, needs=needs)
    return Connections(desk, Clients(database, box, desk, tls=tls, spawn=spawn))
