"""A long page of the portal lets others have their turn while it is put together."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx

from adapter import app, settings
from adapter.store.settings import StoredKey, add_key
from adapter.tenants import DEFAULT
from tests import in_loop, principals
from tests.server import Server

PAGE = "/admin/keys"
MANY = 1000
"""Rows: they take far longer than the two milliseconds of a turn."""


async def test_another_request_is_answered_before_a_long_page_is_whole(tmp_path: Path) -> None:
    server = Server(tmp_path)
    cookie = principals.sign_in_as_admin(server)
    made = app.create_services(settings.load(data_dir=tmp_path, allow_loopback=True))
    with closing(made.database):
        for number in range(MANY):
            digest = number.to_bytes(32)
            row = StoredKey(
                f"k-{number}", DEFAULT, "ingest", "", digest, None, datetime.now(UTC), None
            )
            add_key(made.database, row, who="a test")
        adapter = app.create_app(made)
        answered: list[str] = []
        async with (
            adapter.router.lifespan_context(adapter) as state,
            httpx.AsyncClient(
                transport=in_loop.transport(adapter, dict(state or {})),
                base_url="http://127.0.0.1:8000",
                headers={"cookie": cookie},
            ) as client,
        ):

            async def ask(path: str) -> None:
                answer = await client.get(path)
                assert answer.status_code == 200, answer.text
                assert path != PAGE or answer.text.count("<tr ") > MANY
                answered.append(path)

            async with asyncio.TaskGroup() as both:
                both.create_task(ask(PAGE))
                both.create_task(ask("/healthz"))
        assert answered == ["/healthz", PAGE]
