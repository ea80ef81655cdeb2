"""Replace a client while its calls are in flight: none of them is lost."""

from __future__ import annotations

import asyncio
import ssl
import uuid

import msgspec
import pytest

from adapter.accounts.parsing import Parsed
from adapter.dataverse import errors
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.entra import Entra
from adapter.dataverse.requests import Priority
from adapter.dataverse.tokens import TokenSource
from adapter.demo.simulated.faults import Fault, Kind
from adapter.demo.simulated.serving import Simulation
from adapter.exchanges import exchange
from adapter.steps import RenderedRequest


@pytest.fixture
def client(parsed: Parsed, tls: ssl.SSLContext) -> DataverseClient:
    tokens = TokenSource(Entra(*parsed, tls=tls), account="main")
    return DataverseClient(parsed.account, tokens, tls=tls, total=5.0)


async def test_the_read_after_a_duplicate_belongs_to_the_call(
    client: DataverseClient, dynamics: Simulation
) -> None:
    row = str(uuid.uuid4())
    await client.create("phonecalls", {"activityid": row, "subject": "earlier"})
    repeated = RenderedRequest(
        method="POST",
        path="phonecalls",
        body=msgspec.json.encode({"activityid": row, "subject": "earlier"}),
        row_id=row,
        id_column="activityid",
    )
    for method in ("POST", "GET"):
        dynamics.world.faults.plan(Fault(Kind.SLOW, method=method, path="phonecalls", seconds=0.2))
    async with asyncio.TaskGroup() as group:
        sent = group.create_task(exchange(client, repeated, owner=False, priority=Priority.STEP))
        await asyncio.sleep(0)  # it has begun
        group.create_task(client.close())
    assert sent.result().response["activityid"] == row


async def test_a_page_of_rows_is_followed_to_the_end_though_the_client_is_replaced(
    client: DataverseClient,
) -> None:
    for number in range(5):
        await client.create("phonecalls", {"subject": f"{number}"})
    rows = client.rows("phonecalls", "$select=subject", page_size=2)
    seen = [await anext(rows)]
    async with asyncio.TaskGroup() as group:
        closing = group.create_task(client.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        seen += [row async for row in rows]
    assert len(seen) >= 5


async def test_a_call_that_comes_too_late_may_be_sent_again(client: DataverseClient) -> None:
    await client.who_am_i()
    await client.close()
    with pytest.raises(errors.NotSent, match="replaced") as refused:
        await client.create("phonecalls", {"subject": "late"})
    assert refused.value.retriable
