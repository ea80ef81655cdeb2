from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.server import ServerProtocol

from adapter import app, server, settings
from adapter.web.feed_socket import FeedSocket
from adapter.web.short_requests import ShortConnection
from tests.server import Server

PANELS = 20


def alive() -> dict[str, int]:
    """Count what the server has made of connections and is not freed yet."""
    # By `type`: what only pretends to be of another class, a weak proxy, may have lost it.
    found = [type(each) for each in gc.get_objects()]
    kinds = (FeedSocket, ServerProtocol, ShortConnection)
    return {kind.__name__: sum(issubclass(each, kind) for each in found) for kind in kinds}


@pytest.mark.parametrize("way", ["closing", "cut off", "refused"])
async def test_feeds_that_come_and_go_leave_the_collector_nothing(tmp_path: Path, way: str) -> None:
    made = Server(tmp_path)
    made.make_keys()
    chosen = settings.load(data_dir=tmp_path, port=0)
    services = app.create_services(chosen)
    serving = uvicorn.Server(server.config(services, app.create_app(services), chosen))
    task = asyncio.create_task(serving.serve())
    while not serving.started:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    port = serving.servers[0].sockets[0].getsockname()[1]
    gc.collect()
    before = alive()  # what other tests of this process have left
    gc.disable()
    try:
        for _ in range(PANELS):
            if way == "refused":  # by the library: no version
                await refused(port)
                continue
            async with connect(
                f"ws://127.0.0.1:{port}/v1/feed?agent=alice",
                additional_headers={"Authorization": f"Bearer {made.key('feed')}"},
                subprotocols=["screenpop.v1"],  # type: ignore[list-item]
            ) as feed:
                await feed.recv()
                if way == "cut off":
                    feed.transport.abort()
        await asyncio.sleep(0.1)
        left = {kind: count - before[kind] for kind, count in alive().items()}
    finally:
        gc.enable()
        serving.should_exit = True
        await task
    assert max(left.values()) < PANELS / 4, left


async def refused(port: int) -> None:
    """Begin a websocket without a version, as anybody may, and see it refused."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = ["GET /v1/feed HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket"]
    lines += ["Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    writer.write("\r\n".join(lines).encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 4")
    writer.close()
