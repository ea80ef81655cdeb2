"""Take the time of our own code alone, with no sockets: `python -m bench.alone`.

Requests come as bytes to the connections that uvicorn would make, and frames and answers go to
transports that drop them. So the kernel, the polling and most of what caches lack are left out,
and a change of the code can be seen that is far below the noise of a whole run. Events are
committed in groups of `--group`: with 1 each is alone, as at 1,000 a second; 64 is a flood.

The ways in which an event may come (`--way`):
  known    the head is, but for its length, the last one of its connection
  changing the same, and each event has an attribute of another value and length
  varied   one line of the head is always another (`traceparent`), so each head is parsed
  signed   by Standard Webhooks instead of a key
  binary   attributes in `ce-` headers
  batched  sixteen events in a request (`application/cloudevents-batch+json`)
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from adapter import app as apps, server, settings
from adapter.services import Services
from adapter.telephony import standard_webhooks
from bench import ours, places
from bench.bodies import EVENT

CHUNK: Final = 2_048
"""Events whose requests are made beforehand and then timed together."""
STAGES: Final = ("offered", "answered", "updated", "ended")

WAYS: Final = ("known", "changing", "varied", "signed", "binary", "batched")
STRUCTURED: Final = {"Content-Type": "application/cloudevents+json"}
BATCH: Final = {"Content-Type": "application/cloudevents-batch+json"}
BATCHED: Final = 16
"""Events in a request of that way."""

Lines = dict[str, str]
"""Headers of one request, beside Host and Content-Length."""

Write = Callable[[int, str], bytes]
"""Gives the request of an event, or of a batch, by its number and its JSON."""


class _Nowhere(asyncio.Transport):
    """A transport that drops what is written, and knows who listens to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.protocol: Any = None
        self.writes = 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Take the websocket's protocol for the connection's."""
        self.protocol = protocol

    def write(self, data: Any) -> None:
        """Drop it."""
        self.writes += 1

    def get_write_buffer_size(self) -> int:
        """Tell that everything is sent."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Need none."""

    def is_closing(self) -> bool:
        """Stay open."""
        return False

    def pause_reading(self) -> None:
        """Read what it is given."""

    def resume_reading(self) -> None:
        """Read what it is given."""

    def close(self) -> None:
        """Say so: nothing that is sent here is a reason to."""
        raise RuntimeError("the server has closed a connection")


class _Site:
    """Our application without a server around it."""

    def __init__(self, services: Services, config: Config) -> None:
        self._services = services
        self._config = config
        self._state = ServerState()
        self._state.default_headers = [(b"date", b"Mon, 30 Nov 2026 00:00:00 GMT")]

    def connect(self) -> _Nowhere:
        """Open a connection."""
        transport = _Nowhere()
        make: Any = self._config.http_protocol_class
        transport.protocol = make(
            config=self._config,
            server_state=self._state,
            app_state={"services": self._services},
            _loop=asyncio.get_running_loop(),
        )
        transport.protocol.connection_made(transport)
        return transport

    async def open_feed(self, agent: str, secret: str) -> _Nowhere:
        """Connect an agent's panel, and wait until it is caught up."""
        transport = self.connect()
        lines = (
            f"GET /v1/feed?agent={agent}&panel={agent} HTTP/1.1",
            *("Host: localhost", "Connection: Upgrade", "Upgrade: websocket"),
            *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            *("Sec-WebSocket-Protocol: screenpop.v1", f"Authorization: Bearer {secret}"),
        )
        transport.protocol.data_received("\r\n".join([*lines, "", ""]).encode())
        while not transport.protocol.live:  # noqa: ASYNC110 - the feed tells nobody
            await asyncio.sleep(0)
        return transport


def main() -> None:
    """Print microseconds of processor time an event."""
    options = _options()
    places.prepare()
    with tempfile.TemporaryDirectory(dir=places.WORK) as folder:
        env = ours.environment(Path(folder), options.durability)
        os.environ.update(env)
        feed, write = ours.key(env, "feed"), _writer(options.way, env)
        print(json.dumps(uvloop.run(_measure(options, feed, write))))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.alone",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--way", default="known", choices=WAYS)
    parser.add_argument("--group", type=int, default=64, help="requests that come together")
    parser.add_argument("--agents", type=int, default=1_000, help="each with a panel")
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--durability", default="process", choices=("process", "power"))
    return parser.parse_args()


async def _measure(options: argparse.Namespace, feed_key: str, write: Write) -> dict[str, Any]:
    chosen = settings.load()
    services = apps.create_services(chosen)
    config = server.config(services, apps.create_app(services), chosen)
    config.load()
    site = _Site(services, config)
    agents = [f"agent{number:05d}" for number in range(options.agents)]
    feeds = [await site.open_feed(agent, feed_key) for agent in agents]
    greeted = sum(feed.writes for feed in feeds)
    sources = [site.connect() for _ in range(options.group)]
    gc.collect()
    gc.freeze()
    gc.set_threshold(*server.COLLECTOR)
    each = []
    in_one = BATCHED if options.way == "batched" else 1
    made = (write(number, body) for number, body in enumerate(_bodies(agents, in_one)))
    for _ in range(-(-options.events // CHUNK)):
        requests = list(itertools.islice(made, CHUNK // in_one))
        each.append(await _take(sources, requests) / CHUNK * 1e6)
    sent = sum(feed.writes for feed in feeds) - greeted
    if sent != CHUNK * len(each):
        raise RuntimeError(f"{CHUNK * len(each)} events were posted, {sent} frames sent")
    return {
        **{name: getattr(options, name) for name in ("way", "group", "agents", "durability")},
        "median_us": round(statistics.median(each), 1),
        "least_us": round(min(each), 1),
    }


async def _take(sources: list[_Nowhere], requests: list[bytes]) -> float:
    """Have requests taken, a group in each turn of the loop; give the seconds of the processor."""
    owed = sum(source.writes for source in sources) + len(requests)
    started = time.process_time()
    for number, request in enumerate(requests, start=1):
        sources[number % len(sources)].protocol.data_received(request)
        if number % len(sources) == 0:
            await asyncio.sleep(0)
    while sum(source.writes for source in sources) < owed:  # noqa: ASYNC110 - the turns are timed
        await asyncio.sleep(0)
    return time.process_time() - started


def _bodies(agents: list[str], in_one: int) -> Iterator[str]:
    """Write what requests carry: an event, or an array of several."""
    events = _events(agents)
    if in_one == 1:
        return events
    several = iter(lambda: list(itertools.islice(events, in_one)), [])
    return (f"[{','.join(each)}]" for each in several)


def _events(agents: list[str]) -> Iterator[str]:
    """Write events, round after round: each agent's contacts go through their stages."""
    for turn in itertools.count():
        contact, stage = divmod(turn, len(STAGES))
        for agent in agents:
            event = EVENT
            for name, value in {
                "run": "alone",
                "mark": f"{turn:06d}-{agent}",
                "stage": STAGES[stage],
                "contact": f"{agent}-{contact}",
                "agent": agent,
                "time": f"2026-11-30T{turn // 3600:02d}:{turn // 60 % 60:02d}:{turn % 60:02d}.123Z",
            }.items():
                event = event.replace(f"{{{name}}}", value)
            yield event


def _writer(way: str, env: Mapping[str, str]) -> Write:
    """Give what writes an event as a request, of a sender that is known from now on."""
    if way == "signed":
        return _signer(ours.signing_secret(env))
    key = {"Authorization": f"Bearer {ours.key(env, 'ingest')}"}

    def known(_: int, event: str) -> bytes:
        return _request({**key, **STRUCTURED}, event)

    def changing(number: int, event: str) -> bytes:
        said = f'"tariff":"{number % 997:0{1 + number % 89}d}"'
        return _request({**key, **STRUCTURED}, event.replace('"tariff":"comfort plus"', said))

    def varied(number: int, event: str) -> bytes:
        trace = f"00-{number + 1:032x}-{number + 1:016x}-01"
        return _request({**key, **STRUCTURED, "traceparent": trace}, event)

    def binary(_: int, event: str) -> bytes:
        members = json.loads(event)
        data, media = json.dumps(members.pop("data")), members.pop("datacontenttype")
        attributes = {f"ce-{name}": value for name, value in members.items()}
        return _request({**key, "Content-Type": media, **attributes}, data)

    def batched(_: int, events: str) -> bytes:
        return _request({**key, **BATCH}, events)

    return {
        "known": known,
        "changing": changing,
        "varied": varied,
        "binary": binary,
        "batched": batched,
    }[way]


def _signer(secret: str) -> Write:
    key = standard_webhooks.decode_secret(secret)

    def signed(number: int, event: str) -> bytes:
        id_, now = f"msg_{number}", int(time.time())
        lines = {
            "webhook-id": id_,
            "webhook-timestamp": str(now),
            "webhook-signature": standard_webhooks.sign(key, id_, now, event.encode()),
        }
        return _request({**STRUCTURED, **lines}, event)

    return signed


def _request(lines: Lines, body: str) -> bytes:
    packed = body.encode()
    said = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    head = f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\n{said}"
    return f"{head}Content-Length: {len(packed)}\r\n\r\n".encode() + packed


if __name__ == "__main__":
    main()
