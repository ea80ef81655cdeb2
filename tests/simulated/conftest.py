"""Run one simulated Dynamics for each file of tests, and reset it before each test."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from adapter.demo.simulated.serving import Simulation, running

MARIA = "7a1c0001-53b2-ed11-83ff-000d3a020001"
ADATUM = "7a1c0001-53b2-ed11-83ff-000d3a010001"
NOBODY = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True, slots=True)
class Api:
    """Talk to the Web API with a good token, and to the control door."""

    client: httpx.Client
    simulation: Simulation

    def __call__(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> httpx.Response:
        """Send one request; in header names `_` stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if "://" in path else f"{self.simulation.api_url}/{path}"
        return self.client.request(method, url, json=body, headers=named)

    def get(self, path: str, **headers: str) -> dict[str, Any]:
        """Read JSON that must be there."""
        response = self("GET", path, **headers)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def create(self, plural: str, body: object) -> str:
        """Make a row and give its URL."""
        response = self("POST", plural, body)
        assert response.status_code == 204, response.text
        return response.headers["OData-EntityId"]

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Use the control door."""
        url = f"{self.simulation.url}/_control/{path}"
        response = self.client.request(method, url, json=body)
        assert response.status_code == 200, response.text
        return response.json()


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Give the status and Dataverse's code of an error."""
    return response.status_code, response.json()["error"]["code"]


@pytest.fixture(scope="module")
def running_simulation() -> Iterator[Simulation]:
    with running() as simulation:
        yield simulation


@pytest.fixture
def simulation(running_simulation: Simulation) -> Simulation:
    running_simulation.world.reset()
    return running_simulation


@pytest.fixture
def web(simulation: Simulation) -> Iterator[httpx.Client]:
    """Give a client that trusts the simulation's CA and carries no token."""
    context = ssl.create_default_context(cafile=str(simulation.ca_file))
    with httpx.Client(verify=context, trust_env=False, timeout=10) as client:
        yield client


def token(web: httpx.Client, simulation: Simulation, **changes: str) -> httpx.Response:
    """Ask for a token by client credentials, with some fields changed ("" leaves one out)."""
    form = {
        "grant_type": "client_credentials",
        "client_id": simulation.world.application.client_id,
        "client_secret": simulation.world.client_secret,
        "scope": simulation.scope,
        **changes,
    }
    url = f"{simulation.authority}/oauth2/v2.0/token"
    return web.post(url, data={name: value for name, value in form.items() if value})


@pytest.fixture
def api(web: httpx.Client, simulation: Simulation) -> Api:
    web.headers["Authorization"] = f"Bearer {token(web, simulation).json()['access_token']}"
    return Api(web, simulation)
