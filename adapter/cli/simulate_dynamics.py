"""Run the simulated Dynamics and Entra alone: `screenpop simulate dynamics`."""

from __future__ import annotations

import json as texts
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.cli.options import AsJson

if TYPE_CHECKING:
    from adapter.demo.simulated.serving import Simulation

PORT = 8443


def add_to(simulate: typer.Typer) -> None:
    """Add the command to the group `simulate`."""
    simulate.command("dynamics")(dynamics)


def dynamics(
    *,
    port: Annotated[int, typer.Option(help="Port on localhost; 0 takes a free one.")] = PORT,
    name: Annotated[
        list[str] | None, typer.Option(help="Another DNS name that its certificate allows.")
    ] = None,
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="Another redirect URI of the app registration.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Serve a simulated Dataverse and Entra over HTTPS on localhost until stopped."""
    from adapter.demo.simulated import serving  # noqa: PLC0415 - `--help` must be quick

    def started(simulation: Simulation) -> None:
        described = simulation.description()
        if json:
            typer.echo(texts.dumps(described))
            return
        typer.echo("Simulated Dynamics 365 and Entra; nothing here is real, and nothing is kept.")
        for key, value in described.items():
            typer.echo(f"  {key:<18} {value}")
        typer.echo("  Stop with Ctrl-C.")

    serving.serve(
        port=port,
        names=name or (),
        redirect_uris=redirect_uri or (),
        started=started,
    )
