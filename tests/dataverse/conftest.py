"""Give the tests of the client an account of the simulated Dynamics."""

from __future__ import annotations

from typing import Any

import pytest

from adapter import accounts
from adapter.accounts.parsing import Parsed
from tests.dataverse.simulation import dynamics, fields, simulation, tls

__all__ = ["dynamics", "fields", "simulation", "tls"]


@pytest.fixture
def parsed(fields: dict[str, Any]) -> Parsed:
    return accounts.parse({"name": "main", **fields}, allow_loopback=True)
