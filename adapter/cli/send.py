"""Post events to a server and see to it that they are kept: `screenpop send`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Annotated

import typer

from adapter.cli import exits, outgoing
from adapter.cli.addresses import door
from adapter.cli.files import STDIN
from adapter.cli.outgoing import Outgoing
from adapter.cli.visible import visible
from adapter.errors import MalformedInput

if TYPE_CHECKING:
    from adapter.cli.posting import Receipt

EVENTS = "/v1/events"


def register(app: typer.Typer) -> None:
    """Add `send`."""
    app.command("send")(send)


def send(
    *,
    url: Annotated[
        str, typer.Option("--url", envvar="SCREENPOP_URL", help="The server, like http://host:8000")
    ],
    file: Annotated[
        str,
        typer.Argument(
            metavar="[FILE|-]",
            help="One CloudEvent, a JSON array of them, or JSON Lines (sent as they come).",
        ),
    ] = STDIN,
    key: Annotated[
        str | None,
        typer.Option("--key", envvar="SCREENPOP_KEY", help="A service key of scope ingest."),
    ] = None,
    signing_secret: Annotated[
        str | None,
        typer.Option(
            "--signing-secret",
            envvar="SCREENPOP_SIGNING_SECRET",
            help="Sign by Standard Webhooks with this whsec_… secret.",
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.001, help="At most so many requests a second.")
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", min=0, help="How often to try a request again.")
    ] = 8,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each receipt as JSON, one line a request.")
    ] = False,
) -> None:
    """Post events, try again what was not acknowledged, and print the receipt.

    Exits with 2 where the server rejected any of them.
    """
    from adapter.cli import posting  # noqa: PLC0415  # httpx takes time to import

    secret = None if signing_secret is None else outgoing.secret_key(signing_secret)
    total = Total()
    to = door(url, EVENTS)
    with posting.client(to, key) as http, _lines(file) as lines:
        poster = posting.Poster(http, to, secret=secret, retries=retries, log=_log)
        for request in _paced(outgoing.split(lines), rate):
            try:
                receipt = poster.post(request)
            except MalformedInput as error:  # one bad event does not hold back the next
                total.rejected += request.events
                typer.echo(f"line {request.line}: {visible(str(error))}", err=True)
                continue
            total.add(receipt)
            _print(receipt, request, as_json=as_json)
    if not as_json:
        typer.echo(total.line())
    if total.rejected:
        raise typer.Exit(exits.MALFORMED)


@dataclass(slots=True)
class Total:
    """Count over all requests what the server's receipts say."""

    accepted: int = 0
    duplicates: int = 0
    ignored: int = 0
    rejected: int = 0

    def add(self, receipt: Receipt) -> None:
        self.accepted += receipt.accepted
        self.duplicates += receipt.duplicates
        self.ignored += receipt.ignored
        self.rejected += len(receipt.rejected)

    def line(self) -> str:
        return (
            f"accepted {self.accepted}, duplicates {self.duplicates}, "
            f"ignored {self.ignored}, rejected {self.rejected}"
        )


def _log(text: str) -> None:
    typer.echo(f"screenpop: {text}", err=True)


@contextlib.contextmanager
def _lines(file: str) -> Iterator[IO[bytes]]:
    """Open for reading line by line, because a pipe may never end."""
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        stream = open(file, "rb")  # noqa: PTH123, SIM115  # closed below
    except OSError as error:
        raise MalformedInput(f"cannot read {file}: {error.strerror}") from error
    with stream:
        yield stream


def _paced(requests: Iterator[Outgoing], rate: float | None) -> Iterator[Outgoing]:
    """Hold the next request back until it is due; a late one is not made up for by a burst."""
    due = time.monotonic()
    for request in requests:
        if rate is not None:
            now = time.monotonic()
            time.sleep(max(0.0, due - now))
            due = max(due, now) + 1 / rate
        yield request


def _print(receipt: Receipt, request: Outgoing, *, as_json: bool) -> None:
    if as_json:
        import msgspec  # noqa: PLC0415

        typer.echo(msgspec.json.encode(receipt).decode())
        return
    for event in receipt.rejected:
        text = f"line {request.line}, event {event.index}: {event.detail}"
        typer.echo(visible(text), err=True)
