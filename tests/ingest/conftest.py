"""Run two servers for all tests of the ingest routes: one as it comes, one with odd settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ingest.doors import DOMAIN, FIREHOSE_LIMIT, OTHER_TENANT, QUEUE, RATE
from tests.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server with one tenant and default settings."""
    folder = tmp_path_factory.mktemp("ingest")
    limits = {"SCREENPOP_FIREHOSE_BODY_LIMIT": str(FIREHOSE_LIMIT)}
    with Server(folder, **limits) as running:
        yield running


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server with two tenants, small limits, and keys allowed in the query."""
    server = Server(
        tmp_path_factory.mktemp("hosts"),
        SCREENPOP_ENVIRONMENT_DOMAIN=DOMAIN,
        SCREENPOP_ALLOW_ACCESS_TOKEN_QUERY="1",
        SCREENPOP_RATE_LIMIT=str(RATE),
        SCREENPOP_QUEUE_LIMIT=str(QUEUE),
        SCREENPOP_LOG_LEVEL="debug",
    )
    with server.office() as office:
        office.create_tenant(OTHER_TENANT)
    with server:
        yield server
