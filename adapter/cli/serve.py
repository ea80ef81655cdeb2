"""Run the server: `screenpop serve`, `screenpop demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from adapter.cli.options import Database

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on [SCREENPOP_HOST].")]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Port to listen on [SCREENPOP_PORT]."),
]
Bus = Annotated[str | None, typer.Option("--bus", help="redis:// URL, for several processes.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)
    app.command("demo")(demo)


def serve(host: Host = None, port: Port = None, database: Database = None, bus: Bus = None) -> None:
    """Run the server on a SQLite file."""
    from adapter import app as apps, logs, office, server, settings  # noqa: PLC0415
    from adapter.errors import InvalidSettings  # noqa: PLC0415

    chosen = settings.load(host=host, port=port, database=database, bus=bus)
    if chosen.bus is not None:
        raise InvalidSettings("bus: several processes are not supported by this version")
    logs.configure(chosen.log_level, chosen.log_format)

    def say(port: int) -> None:
        typer.echo(f"listening on {_address(chosen.host, port)}")  # flushed: a program waits for it
        own = chosen.public_url or _address(chosen.host, port)
        for link in links:
            typer.echo(f"first admin: {link(own)}")

    with server.alone(chosen):
        # This creates the database and the tenant `default` where there are none. The links are
        # made before anybody is served: the event loop must not wait for a lock.
        with office.opened(chosen) as here:
            links = here.first_admin_links()
        services = apps.create_services(chosen)
        server.run(services, apps.create_app(services), chosen, started=say)


def demo(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")
    ] = 8000,
) -> None:
    """Run everything at once: the server, a simulated Dynamics, simulated calls."""
    from adapter.demo import run  # noqa: PLC0415

    run.run(host, port)


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
