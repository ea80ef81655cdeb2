"""Run the real server in a process of its own and speak to it over real sockets."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from adapter import settings
from adapter.credentials import SCOPES
from adapter.office import Office, opened
from tests import forking
from tests.forking import Forked

ROOT = Path(__file__).parents[1]
ORGANISATION = "https://contoso.crm4.dynamics.com"
RECORD = "11111111-2222-3333-4444-555555555555"
POLICY: dict[str, Any] = {
    "organisation": ORGANISATION,
    "appid": "99999999-2222-3333-4444-555555555555",
    "table": "account",
    "attribute": "CrmId",
    "target": "tab",
    "stages": ["answered", "made"],
}
PANEL = "screenpop.v1"
READER = "cloudevents.json"
PATIENCE = 10.0
"""Seconds until a wait fails: far above what anything takes, so that a busy machine passes."""


def eventually(condition: Callable[[], Any], what: str, *, within: float = PATIENCE) -> Any:
    """Give the first true answer of `condition`; fails with `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"not within {within} s: {what}")


class Feed:
    """One open websocket: what came in is read in order; nothing is skipped unseen."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []

    @property
    def epoch(self) -> str | None:
        """Give what the answer to the handshake says the sequences are of."""
        answer = self.socket.response
        return None if answer is None else answer.headers.get("Screenpop-Epoch")

    def next(self, within: float = PATIENCE) -> dict[str, Any]:
        """Give the next message; raises TimeoutError or ConnectionClosed."""
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=within))
        self.seen.append(message)
        return message

    def until(self, kind: str, within: float = PATIENCE) -> dict[str, Any]:
        """Read on to the next message of a type."""
        deadline = time.monotonic() + within
        while True:
            message = self.next(max(deadline - time.monotonic(), 0.001))
            if message["type"] == kind:
                return message

    def quiet(self, seconds: float = 0.2) -> bool:
        """Whether nothing comes in for a while (for what must not happen)."""
        try:
            self.next(seconds)
        except TimeoutError:
            return True
        return False

    def say(self, **message: Any) -> None:
        """Send a control message; `type` is written `kind`."""
        self.socket.send(json.dumps({"type": message.pop("kind"), **message}))

    def sync(self) -> list[dict[str, Any]]:
        """Give all that came before the answer to a ping sent now (`screenpop.v1` only)."""
        self.say(kind="ping")
        before = len(self.seen)
        self.until("pong")
        return self.seen[before:-1]

    def outcome(self, pop: str, outcome: str, **more: Any) -> None:
        """Report what became of a pop and wait until the server has it."""
        self.say(kind="pop.outcome", pop=pop, outcome=outcome, **more)
        while self.until("outcome.stored")["pop"] != pop:
            pass

    def close_code(self, within: float = PATIENCE) -> int:
        """Read to the end and give the code that the server closed with."""
        try:
            while True:
                self.next(within)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    def close(self) -> None:
        """Close with a handshake."""
        self.socket.close()

    def cut(self) -> None:
        """Break the connection without a word, as a dying browser does."""
        self.socket.socket.shutdown(2)
        self.socket.close()


class Client:
    """Speak to a server at `port`: the part that a test needs of any server, however it runs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.http = httpx.Client(trust_env=False, timeout=30)
        self._sockets = contextlib.ExitStack()
        self._ids = itertools.count(1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def secret(self, scope: str, tenant: str = "default") -> str:
        """Give a service key of this scope."""
        raise NotImplementedError

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        scope: str | None = None,
        tenant: str = "default",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Ask over HTTP; with a key of `scope`."""
        head = dict(headers or {})
        if scope is not None:
            head.setdefault("authorization", f"Bearer {self.secret(scope, tenant)}")
        content = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        head.setdefault("content-type", "application/json")
        return self.http.request(method, self.url + path, content=content, headers=head)

    def event(self, stage: str, contact: str = "c-1", **data: Any) -> dict[str, Any]:
        """Make a CloudEvent; `id`, `source` and `time` may be given, the rest is `data`."""
        return {
            "specversion": "1.0",
            "id": data.pop("id", None) or f"e-{next(self._ids)}",
            "source": data.pop("source", "urn:test"),
            "type": f"screenpop.contact.{stage}",
            "subject": contact,
            **({"time": data.pop("time")} if "time" in data else {}),
            "data": {"channel": "voice", "direction": "inbound", **data},
        }

    def post(
        self,
        *events: dict[str, Any],
        tenant: str = "default",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Post one event or a batch; gives the response unchecked."""
        single = len(events) == 1
        kind = "application/cloudevents+json" if single else "application/cloudevents-batch+json"
        return self.request(
            "POST",
            "/v1/events",
            events[0] if single else list(events),
            scope="ingest",
            tenant=tenant,
            headers={"content-type": kind, **(headers or {})},
        )

    def report(self, stage: str, contact: str = "c-1", **data: Any) -> dict[str, Any]:
        """Post one event, see it accepted, and give it back."""
        event = self.event(stage, contact, **data)
        answer = self.post(event)
        assert answer.status_code == 202, answer.text
        return event

    def answer(self, agent: str, contact: str = "c-1", **data: Any) -> dict[str, Any]:
        """Report an answered call whose policy (`POLICY`) pops a record."""
        return self.report("answered", contact, agent=agent, attributes={"CrmId": RECORD}, **data)

    def connect(
        self,
        agent: str | None = None,
        *,
        after: str | int | None = None,
        epoch: str | None = None,
        panel: str | None = None,
        protocol: str | None = READER,
        scope: str | None = "feed",
        tenant: str = "default",
        headers: Mapping[str, str] | None = None,
        path: str | None = None,
        **options: Any,
    ) -> Feed:
        """Open a feed: the key goes into a header, the rest before `protocol` into the query."""
        query = {"agent": agent, "after": after, "epoch": epoch, "panel": panel}
        given = {name: value for name, value in query.items() if value is not None}
        head = dict(headers or {})
        if scope is not None:
            head.setdefault("authorization", f"Bearer {self.secret(scope, tenant)}")
        if "Host" in head:  # dial the loopback, whatever the host is called
            options.setdefault("sock", socket.create_connection(("127.0.0.1", self.port)))
        authority = head.pop("Host", f"127.0.0.1:{self.port}")
        target = path or f"/v1/feed?{httpx.QueryParams(given)}"
        opening = connect(
            f"ws://{authority}{target}",
            subprotocols=None if protocol is None else [Subprotocol(protocol)],
            additional_headers=head,
            compression=None,
            proxy=None,
            ping_interval=None,
            max_size=None,
            close_timeout=2,
            **options,
        )
        return Feed(self._sockets.enter_context(opening))

    def panel(self, agent: str, panel: str | None = None, **options: Any) -> Feed:
        """Open a feed that can open records, with its snapshot still to be read."""
        return self.connect(agent, panel=panel, protocol=PANEL, **options)

    def hang_up(self) -> None:
        """Close every feed that is still open."""
        self._sockets.close()


@contextlib.contextmanager
def elsewhere(server: Server) -> Iterator[None]:
    """Run a server that has ended at another port, where no client of it is coming back to."""
    place, server.port = server.port, 0
    server.start()
    yield
    assert server.stop() == 0
    server.port = place


class Server(Client):
    """`screenpop serve` on a free port of the loopback, with its data in one folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        super().__init__(0)
        self.folder = folder
        self.environment = {
            "SCREENPOP_DATA_DIR": str(folder),
            "SCREENPOP_ALLOW_LOOPBACK": "1",
            **environment,
        }
        self.process: Forked | None = None
        self.errors: list[str] = []
        self._secrets: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hang_up()
        self.http.close()
        self.kill9()

    @property
    def database(self) -> Path:
        return self.folder / "screenpop.db"

    @contextlib.contextmanager
    def office(self) -> Iterator[Office]:
        """Do what the command line does, without starting one (a running server sees it soon)."""
        chosen = settings.load(data_dir=self.folder, allow_loopback=True)
        with opened(chosen) as office:
            yield office

    def secret(self, scope: str, tenant: str = "default") -> str:
        """Give a service key of this scope: made on first use, known to a running server."""
        if (scope, tenant) not in self._secrets:
            with self.office() as office:
                made = office.create_key(tenant, scope, "test")
            self._secrets[scope, tenant] = made.secret
            if self.process is not None:
                self._await_key(scope, tenant, made.secret)
        return self._secrets[scope, tenant]

    key = secret

    def make_keys(self, tenant: str = "default") -> None:
        """Make a key of every scope at once (opening the database costs more than the key)."""
        missing = [scope for scope in SCOPES if (scope, tenant) not in self._secrets]
        if missing:
            with self.office() as office:
                for scope in missing:
                    self._secrets[scope, tenant] = office.create_key(tenant, scope, "test").secret

    def set_policy(self, tenant: str = "default", **changes: Any) -> None:
        """Set the pop policy (`POLICY` with changes) before the server starts."""
        with self.office() as office:
            office.set_pop_policy(tenant, json.dumps({**POLICY, **changes}))

    def start(self, *, wait: bool = True) -> Self:
        """Start the process; with `wait` until it is ready."""
        self.make_keys()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SCREENPOP_")}
        self.process = forking.start(
            ["serve", "--port", str(self.port)], {**kept, **self.environment}, self.folder
        )
        threading.Thread(
            target=_collect, args=(self.process.stderr, self.errors), daemon=True
        ).start()
        if wait:
            self._await_line()
        return self

    def stop(self, within: float = PATIENCE) -> int:
        """Ask it to end (SIGTERM) and give its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._ended(within)

    def kill9(self) -> None:
        """Kill it as a power cut would; harmless where it has ended."""
        if self.process is not None:
            self.process.kill()
            self._ended(PATIENCE)

    def restart(self, *, kill: bool = False) -> Self:
        """End it (or kill it) and start it on the same port and data."""
        if kill:
            self.kill9()
        else:
            assert self.stop() == 0, "".join(self.errors)
        return self.start()

    def log(self) -> str:
        """Give what it wrote to standard error so far."""
        return "".join(self.errors)

    def _ended(self, within: float) -> int:
        process, self.process = self.process, None
        assert process is not None
        code = process.wait(within)
        process.stdout.close()
        return code

    def _await_line(self) -> None:
        assert self.process is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), f"{line}{self.log()}"
        self.port = int(line.rpartition(":")[2])

    def _await_key(self, scope: str, tenant: str, secret: str) -> None:
        def known() -> bool:
            # An unknown key is 401; a known one of any scope is not.
            return self._probe(tenant, secret) != 401

        eventually(known, f"the server knows the new {scope} key")

    def _probe(self, tenant: str, secret: str) -> int:
        domain = self.environment.get("SCREENPOP_ENVIRONMENT_DOMAIN")
        head = {"authorization": f"Bearer {secret}"}
        if domain:
            head["Host"] = f"{tenant}.{domain}"
        return self.http.get(self.url + "/v1/admin/domains", headers=head).status_code


def _collect(stream: Any, lines: list[str]) -> None:
    with stream:
        lines.extend(stream)
