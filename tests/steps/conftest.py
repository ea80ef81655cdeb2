"""Give a desk for steps whose tenant has an account of the simulated Dynamics in force."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapter.connections import AccountDesk, Clients
from adapter.environments import Environments
from adapter.secret_box import SecretBox
from adapter.services import Tasks
from adapter.step_desk import StepDesk
from adapter.store import settings as stored_settings
from adapter.store.database import Database
from adapter.tenants import DEFAULT, Agent
from tests.dataverse.simulation import dynamics, fields, simulation, tls
from tests.steps.settings import ORIGIN, put_in_force

__all__ = ["dynamics", "fields", "simulation", "tls"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'screenpop.db'}")
    opened.migrate()
    stored_settings.create_tenant(opened, DEFAULT, datetime.now(UTC), who="test")
    yield opened
    opened.close()


@pytest.fixture
def box() -> SecretBox:
    return SecretBox([b"k" * 32])


@pytest.fixture
def accounts(database: Database, box: SecretBox, tls: ssl.SSLContext) -> AccountDesk:
    return AccountDesk(database, box, tls=tls, allow_loopback=True)


@pytest.fixture
async def clients(
    database: Database,
    box: SecretBox,
    accounts: AccountDesk,
    tls: ssl.SSLContext,
    fields: dict[str, Any],
) -> AsyncIterator[Clients]:
    await put_in_force(accounts, "main", {**fields, "default": True})
    tasks = Tasks()
    made = Clients(database, box, accounts, tls=tls, spawn=tasks.spawn)
    made.refresh()
    yield made
    await made.close()
    await tasks.finish()


@pytest.fixture
def environments(database: Database, clients: Clients) -> Environments:
    return Environments(database, clients)


@pytest.fixture
def desk(database: Database, environments: Environments) -> StepDesk:
    return StepDesk(
        database,
        environments,
        origin=lambda _tenant: ORIGIN,
        agent=lambda tenant, who: Agent(tenant, who.casefold()),
    )
