"""Set what belongs to a tenant: `tenants`, `pop-policy`, `agents`, `migrate`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from adapter.cli.files import read_text
from adapter.cli.options import AsJson, Database, Tenant, office


def register(app: typer.Typer) -> None:
    """Add the families."""
    tenants = typer.Typer(help="Customer organisations of this host.", no_args_is_help=True)
    tenants.command("create")(create_tenant)
    tenants.command("list")(list_tenants)
    app.add_typer(tenants, name="tenants")
    policy = typer.Typer(help="Which contacts pop which record.", no_args_is_help=True)
    policy.command("set")(set_policy)
    policy.command("show")(show_policy)
    app.add_typer(policy, name="pop-policy")
    agents = typer.Typer(
        help="Agents and the ids that sources have for them.", no_args_is_help=True
    )
    agents.command("alias")(alias)
    agents.command("list")(list_aliases)
    app.add_typer(agents, name="agents")
    app.command("migrate")(migrate)


def create_tenant(
    name: Annotated[str, typer.Argument(help="One label of a host name.")],
    database: Database = None,
) -> None:
    """Create a tenant; its host is <name>.<SCREENPOP_ENVIRONMENT_DOMAIN>."""
    with office(database) as here:
        new = here.create_tenant(name)
    typer.echo(f"{'created' if new else 'is there already'}: {name}")


def list_tenants(database: Database = None) -> None:
    """List the tenants."""
    from adapter.store import settings as stored  # noqa: PLC0415 - `--help` must be quick

    with office(database) as here:
        for tenant in sorted(stored.tenants(here.database)):
            typer.echo(tenant)


def set_policy(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON; - is standard input.")],
    tenant: Tenant = "default",
    database: Database = None,
) -> None:
    """Replace the pop policy; a running server obeys within a second."""
    text = read_text(file)
    with office(database) as here:
        policy = here.set_pop_policy(tenant, text)
    typer.echo("pop policy set" if policy is not None else "pop policy removed")


def show_policy(tenant: Tenant = "default", database: Database = None) -> None:
    """Print the pop policy."""
    with office(database) as here:
        typer.echo(here.pop_policy(tenant))


def alias(
    agent: Annotated[str, typer.Argument(help="The agent of the tenant.")],
    source_id: Annotated[str, typer.Argument(help="The source's id: an ARN, a user name.")],
    tenant: Tenant = "default",
    database: Database = None,
) -> None:
    """Let an id of a source stand for an agent."""
    with office(database) as here:
        made = here.alias(tenant, agent, source_id)
    typer.echo(f"{made.source_id} -> {made.agent}")


def list_aliases(
    tenant: Tenant = "default", as_json: AsJson = False, database: Database = None
) -> None:
    """List a tenant's aliases, also those learnt from a source."""
    with office(database) as here:
        aliases = here.aliases(tenant)
    for each in aliases:
        row = {"agent": each.agent, "source_id": each.source_id, "origin": each.origin}
        typer.echo(
            json.dumps(row) if as_json else f"{each.agent}  {each.source_id}  ({each.origin})"
        )


def migrate(database: Database = None) -> None:
    """Bring the database up to date."""
    with office(database) as here:
        typer.echo(f"up to date: {here.database.path}")
