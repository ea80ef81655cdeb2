"""List, replay and dismiss the requests that Dynamics did not take: `screenpop steps dead …`."""

from __future__ import annotations

from typing import Annotated

import typer

from adapter.cli import printing
from adapter.cli.options import AsJson, Database, Tenant, office
from adapter.errors import MalformedInput

Letter = Annotated[
    int | None, typer.Argument(metavar="[ID]", help="The dead letter, as `dead` prints it.")
]
Every = Annotated[bool, typer.Option("--all", help="All of the tenant.")]


def register(family: typer.Typer) -> None:
    """Add the commands to `steps`."""
    family.command("dead")(dead)
    family.command("replay")(replay)
    family.command("dismiss")(dismiss)


def dead(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="At most so many.")] = 50,
    after: Annotated[
        str | None, typer.Option("--after", help="Go on after a page: what it ended with.")
    ] = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """List the dead letters: requests that are not tried again by themselves, with the cause.

    The latest first. Where there are more, what `--after` takes comes on standard error.
    """
    from adapter.store.dead_letters import summary  # noqa: PLC0415 - `--help` must be quick

    with office(database) as here:
        page = here.dead_letters(tenant, limit=limit, after=after)
    for each in page.letters:
        at = "" if each.finished is None else each.finished.isoformat(" ", "seconds")
        line = f"{each.position}  {at}  {each.contact.id}  {each.cause}"
        printing.found(summary(each), [line], as_json=as_json)
    if page.next is not None:
        typer.echo(f"{page.total} in all; go on with --after {page.next}", err=True)


def replay(
    letter: Letter = None,
    every: Every = False,
    tenant: Tenant = "default",
    database: Database = None,
) -> None:
    """Try a dead letter again, or all; a running server sends within a second.

    With one go those of its contact that died for want of its response.
    """
    _require_one(letter, every)
    with office(database) as here:
        count = here.replay(tenant, letter)
    typer.echo(f"tried again: {count} {'contact' if count == 1 else 'contacts'}")


def dismiss(
    *,
    letter: Letter = None,
    every: Every = False,
    reason: Annotated[str, typer.Option("--reason", help="For the audit log.")] = "",
    tenant: Tenant = "default",
    database: Database = None,
) -> None:
    """Give a dead letter up for good, or all."""
    _require_one(letter, every)
    with office(database) as here:
        count = here.dismiss(tenant, letter, reason.strip())
    typer.echo(f"given up: {count}")


def _require_one(letter: int | None, every: bool) -> None:
    if (letter is None) != every:
        raise MalformedInput("give the id of a dead letter, or --all")
