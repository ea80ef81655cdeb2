"""Let a first admin in: `screenpop admins link`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from adapter.cli.options import Database, Tenant, office

if TYPE_CHECKING:
    from adapter.settings import Settings


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
        typer.echo(f"The address is {_source(here.settings)}.", err=True)
        typer.echo("The link is shown once: open it in a browser yourself.", err=True)


def _source(settings: Settings) -> str:
    """Say which settings an address was made of: those of this command, not of the server."""
    if settings.public_url is not None:
        return "from SCREENPOP_PUBLIC_URL"
    if settings.environment_domain is not None:
        return "from SCREENPOP_ENVIRONMENT_DOMAIN; set SCREENPOP_PUBLIC_URL if the port is another"
    return (
        "from SCREENPOP_HOST and SCREENPOP_PORT; where the server listens elsewhere,"
        " set SCREENPOP_PUBLIC_URL, or write its address before /admin/first"
    )
