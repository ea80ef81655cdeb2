"""Make, list and revoke service keys and signing secrets: `screenpop keys …`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from adapter.cli.options import AsJson, Database, Tenant, office
from adapter.errors import InvalidSettings

Scope = Annotated[
    str | None, typer.Option("--scope", help="What the key may do: ingest, feed or admin.")
]
Name = Annotated[str, typer.Option("--name", help="A name by which you know it again.")]
Signing = Annotated[
    bool,
    typer.Option(
        "--signing", help="Make a Standard Webhooks secret (whsec_…) instead; it has no scope."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `keys` and its commands."""
    family = typer.Typer(help="Service keys of sources and clients.", no_args_is_help=True)
    family.command("create")(create)
    family.command("list")(list_keys)
    family.command("revoke")(revoke)
    app.add_typer(family, name="keys")


def create(
    *,
    scope: Scope = None,
    tenant: Tenant = "default",
    name: Name = "",
    signing: Signing = False,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Make a key; its secret is printed once. A running server knows it within a second."""
    if scope is None and not signing:
        raise InvalidSettings("--scope: name one of ingest, feed, admin (or use --signing)")
    if scope is not None and signing:
        raise InvalidSettings("--signing: such a secret has no scope: leave --scope out")
    with office(database) as here:
        if signing:
            made = here.create_signing_secret(tenant, name)
        else:
            made = here.create_key(tenant, scope or "", name)
    if as_json:
        typer.echo(json.dumps({"id": made.id, "secret": made.secret}))
    else:
        typer.echo(f"id      {made.id}\nsecret  {made.secret}")
        typer.echo("The secret is shown once: keep it now.", err=True)


def list_keys(as_json: AsJson = False, database: Database = None) -> None:
    """List all keys without their secrets."""
    with office(database) as here:
        keys = here.keys()
    for key in keys:
        row = {
            "id": key.id,
            "tenant": key.tenant,
            "scope": key.scope,
            "name": key.name,
            "created": key.created.isoformat(),
            "revoked": key.revoked.isoformat() if key.revoked else None,
            "used": key.used.isoformat() if key.used else None,
        }
        if as_json:
            typer.echo(json.dumps(row))
        else:
            state = "revoked" if key.revoked else "in force"
            typer.echo(f"{key.id}  {key.tenant}  {key.scope:7}  {state:8}  {key.name}")


def revoke(
    key: Annotated[str, typer.Argument(help="The key's id.")], database: Database = None
) -> None:
    """Revoke a key for good; a running server closes what it opened within a second."""
    with office(database) as here:
        here.revoke_key(key)
    typer.echo(f"revoked {key}")
