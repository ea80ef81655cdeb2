"""Give a database, a key box and the accounts' desk, beside the simulated Dynamics."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter.connections import AccountDesk
from adapter.secret_box import SecretBox
from adapter.store import settings as stored_settings
from adapter.store.database import Database
from adapter.tenants import DEFAULT, Tenant
from tests.dataverse.simulation import dynamics, fields, simulation, tls

__all__ = ["dynamics", "fields", "simulation", "tls"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'screenpop.db'}")
    opened.migrate()
    for name in (DEFAULT, Tenant("other")):
        stored_settings.create_tenant(opened, name, datetime.now(UTC), who="test")
    yield opened
    opened.close()


@pytest.fixture
def box() -> SecretBox:
    return SecretBox([b"k" * 32])


@pytest.fixture
def desk(database: Database, box: SecretBox, tls: ssl.SSLContext) -> AccountDesk:
    return AccountDesk(database, box, tls=tls, allow_loopback=True)
