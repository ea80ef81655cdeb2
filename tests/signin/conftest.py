"""Share one server and one provider; each test signs in with browsers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.server import Server
from tests.signin.openid import OpenIdProvider, free_port
from tests.signin.visitor import PanelSignIn, Visitor

CRM = "https://contoso.crm4.dynamics.com"
OTHER_CRM = "https://evil.crm4.dynamics.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("signin")) as server:
        server.port = server.port or free_port()
        with server.office() as office:
            office.set_domains("default", f"{CRM}\n{OTHER_CRM}\n")
        yield server


@pytest.fixture(scope="module")
def provider(server: Server) -> Iterator[OpenIdProvider]:
    with OpenIdProvider([f"{server.url}/v1/signin/callback"]) as provider:
        use(server, provider)
        yield provider


def use(server: Server, provider: OpenIdProvider, **changes: object) -> None:
    """Put the provider into force for the tenant."""
    answer = server.request("PUT", "/v1/admin/sign-in", provider.settings(**changes), scope="admin")
    assert answer.status_code == 200, answer.text


@pytest.fixture
def visitors(server: Server) -> Iterator[Callable[[], Visitor]]:
    """Make browsers that share no cookie."""
    with ExitStack() as stack:

        def make() -> Visitor:
            made = Visitor(server)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def visitor(visitors: Callable[[], Visitor]) -> Visitor:
    return visitors()


@pytest.fixture
def stranger(visitors: Callable[[], Visitor]) -> Visitor:
    return visitors()


@pytest.fixture
def panel(visitor: Visitor, provider: OpenIdProvider) -> PanelSignIn:
    provider.twist()
    return PanelSignIn(visitor, [CRM])
