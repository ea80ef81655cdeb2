"""Print what a feed sends, for as long as anybody wants to know: `screenpop listen`."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated

import typer

from adapter.cli.addresses import door
from adapter.errors import MalformedInput

FEED = "/v1/feed"
CLOUDEVENTS = "cloudevents.json"
PANEL = "screenpop.v1"


def register(app: typer.Typer) -> None:
    """Add `listen`."""
    app.command("listen")(listen)


def listen(
    *,
    url: Annotated[
        str, typer.Option("--url", envvar="SCREENPOP_URL", help="The server, like ws://host:8000")
    ],
    key: Annotated[
        str | None,
        typer.Option("--key", envvar="SCREENPOP_KEY", help="A service key of scope feed."),
    ] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="The messages of one agent.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The messages of all agents of the tenant.")
    ] = False,
    after: Annotated[
        int | None,
        typer.Option("--after", min=0, help="Begin after this sequence instead of a snapshot."),
    ] = None,
    epoch: Annotated[
        str | None,
        typer.Option("--epoch", help="What the snapshot before --after gave as its epoch."),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="Stop after so many messages.")
    ] = None,
    pretty: Annotated[
        bool, typer.Option("--pretty", help="Indent the JSON, for reading by eye.")
    ] = False,
    subprotocol: Annotated[
        str, typer.Option("--subprotocol", help=f"{CLOUDEVENTS}, or {PANEL} to act as a panel.")
    ] = CLOUDEVENTS,
    panel: Annotated[
        str | None, typer.Option("--panel", help="The panel's id (default: a new one).")
    ] = None,
    reconnect: Annotated[
        bool, typer.Option("--reconnect/--no-reconnect", help="Come back after a cut and resume.")
    ] = True,
) -> None:
    """Print the feed as JSON, one message a line; come back after a cut, with nothing missed."""
    from adapter.cli import feed  # noqa: PLC0415  # websockets take time to import

    if (agent is None) == (not everything):
        raise MalformedInput("give either --agent AGENT or --all")
    if subprotocol not in (CLOUDEVENTS, PANEL):
        raise MalformedInput(f"--subprotocol is neither {CLOUDEVENTS} nor {PANEL}: {subprotocol}")
    if epoch is not None and after is None:
        raise MalformedInput("--epoch says what --after is of: give both")
    query = {"agent": "*" if agent is None else agent}
    if subprotocol == PANEL:
        panel = query["panel"] = panel or str(uuid.uuid4())
    listener = feed.Listener(
        address=lambda place: door(url, FEED, {**query, **place}),
        key=key,
        subprotocol=subprotocol,
        panel=panel if subprotocol == PANEL else None,
        out=lambda text: typer.echo(feed.one_document(text, pretty=pretty)),
        log=lambda text: typer.echo(f"screenpop: {text}", err=True),
    )
    place = feed.Place(after, epoch)
    asyncio.run(listener.run(place=place, count=count, reconnect=reconnect))
