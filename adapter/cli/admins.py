"""Let a first admin in: `screenpop admins link`."""

from __future__ import annotations

import typer

from adapter.cli.options import Database, Tenant, office


def register(app: typer.Typer) -> None:
    """Add `admins` and its commands."""
    family = typer.Typer(help="Admins of the portal.", no_args_is_help=True)
    family.callback()(_family)
    family.command("link")(link)
    app.add_typer(family, name="admins")


def _family() -> None:
    pass  # a family of one command would lose that command's name


def link(tenant: Tenant = "default", database: Database = None) -> None:
    """Make a one-time link into the portal as admin; it is good once, for 24 hours."""
    with office(database) as here:
        typer.echo(here.admin_link(tenant))
        typer.echo("The link is shown once: open it in a browser yourself.", err=True)
