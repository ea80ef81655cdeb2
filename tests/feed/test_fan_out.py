"""Show that a fan-out waits for nothing, and that one socket takes nothing from the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from adapter import app, hub, messages, settings
from adapter.batch import Batch
from adapter.close_codes import RENAMED
from adapter.hub import Hub, Outgoing
from adapter.metrics import Metrics
from adapter.services import Services
from adapter.tenants import Agent, Tenant
from adapter.web.feed_socket import FeedSocket
from tests.feed.local import Local
from tests.feed.raw import Raw
from tests.feed.test_broken_sockets import Dead
from tests.feed.test_floods import opened
from tests.feed.test_slow_readers import BUFFER, closed, flood, read_to_the_end
from tests.server import Server
from tests.test_upkeep import until

Served = tuple[Services, str]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Give the services of a server that nobody runs, and a key for its feed."""
    server = Server(tmp_path)
    server.make_keys()
    services = app.create_services(settings.load(data_dir=tmp_path))
    yield services, server.key("feed")
    services.subscriptions.stop()
    services.database.close()


def test_a_reader_that_is_too_slow_is_closed_without_a_question_to_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    fan_out = Hub.fan_out
    with Local(tmp_path, feed_buffer=BUFFER) as server:
        database = server.services.database

        def watched(one: Hub, outgoing: Outgoing) -> int:
            database.raw.set_trace_callback(asked.append)
            try:
                return fan_out(one, outgoing)
            finally:
                database.raw.set_trace_callback(None)

        monkeypatch.setattr(Hub, "fan_out", watched)
        flood(server, "slow", 1)  # the tenant's number takes a transaction
        with Raw(server, receive_buffer=4096) as raw, server.services.committer.upkeep.held():
            flood_until_closed(server, raw)
            assert database.durability.backlog  # there was something to write
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


def test_a_feed_that_fails_takes_a_message_from_nobody_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = structlog.testing.LogCapture()
    with Local(tmp_path) as server, Raw(server) as bad:
        monkeypatch.setattr(hub, "log", structlog.wrap_logger(None, [told]))
        bad.open("alice")  # the first, so that all others are behind it
        good = [server.panel("alice"), server.connect("alice"), server.connect("*")]
        before = [feed.next()["sequence"] for feed in good]
        broken = server.services.hub.feeds()[0]
        assert isinstance(broken, FeedSocket)
        broken._transport = Dead(broken._transport)  # noqa: SLF001
        server.report("offered", "c-1", agent="alice")
        assert [feed.next()["subject"] for feed in good] == ["c-1"] * 3
        assert bad.ended()
        assert broken not in server.services.hub.feeds()
        server.report("ended", "c-1")
        assert [feed.next()["type"] for feed in good] == ["screenpop.contact.ended"] * 3
        again = server.connect("alice", after=before[0])
        assert again.next()["type"] == "screenpop.contact.offered"
    (line,) = told.entries
    assert "cut off" in line["event"]


async def test_a_feed_that_fails_keeps_no_other_of_an_id_from_being_closed(served: Served) -> None:
    services = served[0]
    (bad, _), (good, pipe) = (opened(served) for _ in range(2))
    bad._transport = Dead(bad._transport)  # noqa: SLF001
    services.hub.renamed(Agent(Tenant("default"), "alice"))
    assert int.from_bytes(pipe.written[2:4], "big") == RENAMED.code
    assert services.hub.feeds() == []
    good.connection_lost(None)


async def test_panels_that_go_at_once_and_leave_nobody_behind_ask_the_database_nothing(
    served: Served,
) -> None:
    services = served[0]
    await services.committer.submit(_say)
    panels = [opened(served, f"/v1/feed?agent=agent-{number}")[0] for number in range(50)]
    with services.committer.upkeep.held():
        await services.committer.submit(_say)
        asked: list[str] = []
        services.database.raw.set_trace_callback(asked.append)
        for each in panels:
            each.connection_lost(None)
        timers = services.subscriptions._timers  # noqa: SLF001 - nothing else says that it is over
        await until(lambda: not timers)
        services.database.raw.set_trace_callback(None)
        assert len(services.database.durability.backlog) == 1
    assert asked == []


async def test_each_time_that_a_panel_goes_its_moment_of_grace_is_whole(served: Served) -> None:
    services = served[0]
    ends = []
    for _ in range(2):
        path = "/v1/feed?agent=alice&panel=p-1"
        opened(served, path)[0].connection_lost(None)
        (waiting,) = services.subscriptions._timers.values()  # noqa: SLF001
        ends.append(waiting["p-1"].when())
    assert ends[1] > ends[0]


class Compared(FeedSocket):
    """A socket that counts how often it is compared with another."""

    __hash__ = FeedSocket.__hash__
    count = 0

    def __eq__(self, other: object) -> bool:
        Compared.count += 1
        return self is other


def test_wallboards_that_go_together_are_not_compared_with_one_another(served: Served) -> None:
    crowd = [Compared(served[0], set()) for _ in range(100)]
    group = Hub(Metrics())
    for each in crowd:
        group.join(each)
    for each in reversed(crowd):
        group.leave(each)
        group.leave(each)  # harmless
    assert Compared.count < len(crowd)
    assert group.feeds() == []


def _say(batch: Batch) -> None:
    batch.say(Tenant("default"), messages.UPDATED, "x", agents=("alice",))
