"""Give the tests a server whose tenant is connected to the simulated Dynamics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapter.demo.simulated.serving import Simulation
from tests.dataverse.simulation import dynamics, fields, simulation
from tests.outbox.office import Call, connected, set_steps, settle
from tests.server import Server

__all__ = ["dynamics", "fields", "simulation"]


@pytest.fixture
def fresh(tmp_path: Path, dynamics: Simulation, fields: dict[str, Any]) -> Iterator[Server]:
    """Give a server that the test may kill."""
    with connected(tmp_path, dynamics, fields) as running:
        yield running


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory, simulation: Simulation) -> Iterator[Server]:
    told = simulation.description()
    names = ("environment_url", "token_url", "client_id", "client_secret")
    simulation.world.reset()
    folder = tmp_path_factory.mktemp("outbox")
    with connected(folder, simulation, {name: told[name] for name in names}) as running:
        yield running


@pytest.fixture
def server(kept: Server, dynamics: Simulation) -> Iterator[Server]:
    """Give the server that the tests of this folder share, with the seed product's steps."""
    assert dynamics.world.faults.listed() == []
    set_steps(kept)
    yield kept
    kept.hang_up()
    settle(kept, dynamics)


@pytest.fixture
def call(server: Server, dynamics: Simulation) -> Call:
    """Give a contact that no other test knows."""
    return Call(server, dynamics)
