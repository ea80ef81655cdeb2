"""Run the simulated phone system against a receiver, without waiting between tries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from adapter.demo.phone import phone_app
from tests.demo.receiver import Receiver

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


async def no_pause(seconds: float) -> None:
    """Go on at once."""
    del seconds


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def phone_site(receiver: Receiver) -> Starlette:
    return phone_app(
        events_url="http://screenpop.localhost:8000/v1/events",
        ingest_key=lambda: "sk_demo",
        transport=httpx.ASGITransport(receiver.app),
        now=lambda: NOON,
        pause=no_pause,
    )


@pytest.fixture
def phone_elsewhere() -> Iterator[TestClient]:
    """Give a phone system whose adapter is not there (port 1 is closed)."""
    site = phone_app(
        events_url="http://screenpop.localhost:1/v1/events", ingest_key="sk_demo", pause=no_pause
    )
    with TestClient(site, base_url="http://phone.localhost:8000") as client:
        yield client


@pytest.fixture
def phone(phone_site: Starlette) -> Iterator[TestClient]:
    with TestClient(phone_site, base_url="http://phone.localhost:8000") as client:
        yield client
