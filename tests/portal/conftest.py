"""Give the portal's tests a server and a browser-like client that is signed in to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import principals
from tests.portal.visitor import Visitor
from tests.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give one server to all tests of a worker: each makes what it needs under names of its own."""
    with Server(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest.fixture(scope="session")
def admin(server: Server) -> Iterator[Visitor]:
    """Give a signed-in admin."""
    with Visitor(server, principals.sign_in_as_admin(server)) as visitor:
        yield visitor


@pytest.fixture(scope="session")
def supervisor(server: Server) -> Iterator[Visitor]:
    """Give somebody who may read."""
    cookie = principals.sign_in(server, "supervisor", name="Sue Supervisor")
    with Visitor(server, cookie) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server of two tenants, whose hosts are `<tenant>.screenpop.example`."""
    server = Server(
        tmp_path_factory.mktemp("two"), SCREENPOP_ENVIRONMENT_DOMAIN="screenpop.example"
    )
    with server.office() as office:
        office.create_tenant("contoso")
        office.create_tenant("fabrikam")
    with server:
        yield server
