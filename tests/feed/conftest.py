"""Share one server between the tests of the feed; each takes agents and contacts of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server import Server

Fresh = Callable[[str], str]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("feed"))
    server.set_policy()
    with server:
        yield server


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """Give the shared server; what a test connected is closed after it."""
    yield shared
    shared.hang_up()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """Give a server of the test's own, with a pop policy, to be killed or started again."""
    server = Server(tmp_path)
    server.set_policy()
    with server:
        yield server


@pytest.fixture
def fresh() -> Fresh:
    """Give names that no other test uses."""
    return lambda kind: f"{kind}-{next(_numbers)}"
