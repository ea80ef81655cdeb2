"""Run a server that knows the simulated Dynamics, and fill in the portal's forms for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapter.demo.simulated.serving import Simulation
from tests import principals
from tests.portal.visitor import Page, Visitor
from tests.server import Server


@contextmanager
def portal(folder: Path, simulation: Simulation) -> Iterator[Visitor]:
    """Give an admin who is signed in to a server of its own."""
    with (
        Server(folder, SCREENPOP_CA_FILE=str(simulation.ca_file)) as server,
        Visitor(server, principals.sign_in_as_admin(server)) as visitor,
    ):
        yield visitor


def filled(page: Page, **changes: str | list[str] | None) -> dict[str, str | list[str]]:
    """Give a page's fields as they stand, with some changed (None: left out, as an empty box)."""
    fields: dict[str, str | list[str]] = {
        name: values if len(values) > 1 else values[0] for name, values in page.values.items()
    }
    for name, value in changes.items():
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
    return fields


def account_fields(simulation: Simulation, **changes: str) -> dict[str, str]:
    """Give what an admin types into the account's form."""
    told = simulation.description()
    given = {
        "version": "0",
        "name": "main",
        "default": "1",
        "api_url": f"{told['environment_url']}/api/data/v9.2",
        "authorization_url": str(told["authorization_url"]),
        "token_url": str(told["token_url"]),
        "client_id": str(told["client_id"]),
        "client_secret": str(told["client_secret"]),
        "app_id": "99999999-2222-3333-4444-555555555555",
        "access": "application",
        "then": "test",
    }
    return given | changes
