from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapter.demo.hosts import DYNAMICS, PHONE, Hosts


class _State(TypedDict):
    name: str


def site(name: str, log: list[str]) -> Starlette:
    """Build an app that says its name from its lifespan's state."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[_State]:
        del app
        log.append(f"{name} starts")
        yield {"name": name}
        log.append(f"{name} ends")

    async def say(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.state.name)

    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket.state.name)
        await socket.close()

    return Starlette(lifespan=lifespan, routes=[Route("/", say), WebSocketRoute("/feed", feed)])


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def hosts(log: list[str]) -> Hosts:
    others = {DYNAMICS: site("dynamics", log), PHONE: site("phone", log)}
    return Hosts(site("adapter", log), others, named=["Demo.lan"])


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("contoso.localhost:8000", "dynamics"),
        ("CONTOSO.localhost", "dynamics"),
        ("phone.localhost:8000", "phone"),
        ("screenpop.localhost:8000", "adapter"),
        ("127.0.0.1:8000", "adapter"),
        ("[::1]:8000", "adapter"),
        ("[::1]", "adapter"),
        ("evil.contoso.localhost", "adapter"),
        ("192.168.1.20:8000", "adapter"),
        ("[fe80::1]:8000", "adapter"),
        ("demo.lan:8000", "adapter"),
    ],
)
def test_each_host_has_its_site_with_its_own_state(hosts: Hosts, host: str, name: str) -> None:
    with TestClient(hosts) as client:
        assert client.get("/", headers={"Host": host}).text == name


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example:8000",
        "localhost.example",
        "127.0.0.1.example",
        "contoso.localhost.example",
        "xlocalhost",
        "127.1",
        "0x7f000001",
        "demo.lan.example",
        "",
    ],
)
def test_a_name_that_a_stranger_lets_lead_here_gets_nothing(hosts: Hosts, host: str) -> None:
    with TestClient(hosts) as client:
        refused = client.get("/", headers={"Host": host})
        assert refused.status_code == 421
        assert "adapter" not in refused.text
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/feed", headers={"Host": host}),
        ):
            pass


def test_websockets_go_to_the_adapter_alone(hosts: Hosts) -> None:
    with TestClient(hosts) as client:
        with client.websocket_connect("/feed", headers={"Host": "screenpop.localhost"}) as socket:
            assert socket.receive_text() == "adapter"
        for host in (DYNAMICS, PHONE):
            with (
                pytest.raises(WebSocketDisconnect),
                client.websocket_connect("/feed", headers={"Host": host}),
            ):
                pass


def test_the_adapter_starts_first_and_ends_last(hosts: Hosts, log: list[str]) -> None:
    with TestClient(hosts):
        pass
    assert (log[0], log[-1], len(log)) == ("adapter starts", "adapter ends", 6)
