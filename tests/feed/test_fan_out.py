"""Show that a fan-out waits for nothing, and that one socket takes nothing from the next."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapter import app, messages, settings
from adapter.batch import Batch
from adapter.hub import Hub, Outgoing
from adapter.tenants import Tenant
from tests.feed.local import Local
from tests.feed.raw import Raw
from tests.feed.test_floods import opened
from tests.feed.test_slow_readers import BUFFER, closed, flood, read_to_the_end
from tests.server import Server


def test_a_reader_that_is_too_slow_is_closed_without_a_question_to_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    fan_out = Hub.fan_out
    with Local(tmp_path, feed_buffer=BUFFER) as server:
        database = server.services.database

        def watched(hub: Hub, outgoing: Outgoing) -> int:
            database.raw.set_trace_callback(asked.append)
            try:
                return fan_out(hub, outgoing)
            finally:
                database.raw.set_trace_callback(None)

        monkeypatch.setattr(Hub, "fan_out", watched)
        flood(server, "slow", 1)  # the tenant's number takes a transaction
        with Raw(server, receive_buffer=4096) as raw, server.services.committer.upkeep.held():
            flood_until_closed(server, raw)
            assert database.waiting  # there was something to write
            assert asked == []


def test_the_story_and_the_metric_count_the_sockets_that_were_written_to(tmp_path: Path) -> None:
    with Local(tmp_path, feed_buffer=BUFFER) as server:
        with Raw(server, receive_buffer=4096) as raw:
            sent = flood_until_closed(server, raw)
            raw.frame()  # the snapshot
            numbers, code = read_to_the_end(raw)
        assert code == 4429
        assert sockets(server, f"slow-{sent - 2}") == 1
        assert sockets(server, f"slow-{sent - 1}") == 0
        assert written(server) == len(numbers) == sent - 1


def flood_until_closed(server: Server, raw: Raw) -> int:
    """Send to a reader that stops, until it is closed; give how many messages it took."""
    raw.socket.sendall(raw.request("slow"))
    raw.head()
    sent = 0
    while not closed(server, 4429):
        flood(server, "slow", 1, sent)
        sent += 1
    return sent


def sockets(server: Server, contact: str) -> int:
    """Give to how many sockets the story says that a contact's message was pushed."""
    story = server.request("GET", f"/v1/contacts/{contact}/trace", scope="admin").json()
    (pushed,) = (line["detail"] for line in story["trace"] if line["what"] == "pushed")
    return int(pushed.split()[-2])


def written(server: Server) -> float:
    text = server.http.get(server.url + "/metrics").text
    mark = "screenpop_messages_sent_total "
    (row,) = (row for row in text.splitlines() if row.startswith(mark))
    return float(row.removeprefix(mark))


async def test_panels_that_go_at_once_and_leave_nobody_behind_ask_the_database_nothing(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path)
    server.make_keys()
    services = app.create_services(settings.load(data_dir=tmp_path))
    await services.committer.submit(_say)
    panels = [
        opened((services, server.key("feed")), f"/v1/feed?agent=agent-{number}")[0]
        for number in range(50)
    ]
    with services.committer.upkeep.held():
        await services.committer.submit(_say)
        asked: list[str] = []
        services.database.raw.set_trace_callback(asked.append)
        for each in panels:
            each.connection_lost(None)
        timers = services.subscriptions._timers  # noqa: SLF001 - nothing else says that it is over
        while timers:
            await asyncio.sleep(0.01)
        services.database.raw.set_trace_callback(None)
        assert services.database.waiting == 1
    assert asked == []
    services.database.close()


async def test_each_time_that_a_panel_goes_its_moment_of_grace_is_whole(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.make_keys()
    services = app.create_services(settings.load(data_dir=tmp_path))
    ends = []
    for _ in range(2):
        path = "/v1/feed?agent=alice&panel=p-1"
        opened((services, server.key("feed")), path)[0].connection_lost(None)
        (waiting,) = services.subscriptions._timers.values()  # noqa: SLF001
        ends.append(waiting["p-1"].when())
    assert ends[1] > ends[0]
    services.subscriptions.stop()
    services.database.close()


def _say(batch: Batch) -> None:
    batch.say(Tenant("default"), messages.UPDATED, "x", agents=("alice",))
