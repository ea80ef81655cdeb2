"""Share the simulated Dynamics between folders of tests: start it once, reset it before each."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from adapter.dataverse import transport
from adapter.demo.simulated import serving
from adapter.demo.simulated.serving import Simulation


@pytest.fixture(scope="session")
def simulation() -> Iterator[Simulation]:
    with serving.running() as running:
        yield running


@pytest.fixture
def dynamics(simulation: Simulation) -> Simulation:
    """Give the simulated Dynamics as it is at the start."""
    simulation.world.reset()
    return simulation


@pytest.fixture
def tls(simulation: Simulation) -> ssl.SSLContext:
    return transport.tls(simulation.ca_file)


@pytest.fixture
def fields(dynamics: Simulation) -> dict[str, Any]:
    """Give what an admin would paste to connect it."""
    told = dynamics.description()
    names = ("environment_url", "token_url", "authorization_url", "client_id", "client_secret")
    return {name: told[name] for name in names}
