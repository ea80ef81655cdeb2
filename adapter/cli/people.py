"""See and change who may do what: `screenpop people …`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapter.cli.options import AsJson, Database, Tenant, office
from adapter.cli.visible import visible

if TYPE_CHECKING:
    from adapter.identity.people import Person

Who = Annotated[str, typer.Argument(metavar="PERSON", help="The person's id (people list).")]


def register(app: typer.Typer) -> None:
    """Add `people` and its commands."""
    family = typer.Typer(help="People who have signed in.", no_args_is_help=True)
    family.command("list")(list_people)
    family.command("role")(role)
    family.command("link")(link)
    family.command("confirm")(confirm)
    family.command("revoke")(revoke)
    family.command("restore")(restore)
    app.add_typer(family, name="people")


def list_people(
    tenant: Tenant = "default", as_json: AsJson = False, database: Database = None
) -> None:
    """List who has signed in: roles, agent, and the agent that waits to be confirmed."""
    with office(database) as here:
        found = here.people(tenant)
    for person in found:
        typer.echo(json.dumps(_row(person)) if as_json else _line(person))


def role(
    person: Who,
    roles: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ROLE]...", help="admin, supervisor, agent; none takes all away."),
    ] = None,
    tenant: Tenant = "default",
    database: Database = None,
) -> None:
    """Replace the roles that are assigned here; those that the directory gives stay."""
    with office(database) as here:
        changed = here.set_roles(tenant, person, roles or [])
    typer.echo(_line(changed))


def link(
    person: Who,
    agent: Annotated[
        str | None, typer.Argument(help="The agent; none: the person is no agent.")
    ] = None,
    tenant: Tenant = "default",
    database: Database = None,
) -> None:
    """Say which agent a person is; feeds of another agent are closed within a second."""
    with office(database) as here:
        changed = here.link(tenant, person, agent)
    typer.echo(_line(changed))


def confirm(
    directory: Annotated[str, typer.Argument(help="The directory's id (tid), or an issuer.")],
    tenant: Tenant = "default",
    database: Database = None,
) -> None:
    """Confirm every agent that people of a directory wait for, but for those in doubt."""
    with office(database) as here:
        done = here.confirm(tenant, directory)
    for person in done.people:
        typer.echo(_line(person))
    for person, reason in done.left:
        typer.echo(f"left ({reason}): {_line(person)}", err=True)


def revoke(person: Who, tenant: Tenant = "default", database: Database = None) -> None:
    """Let a person in no more; every session of theirs ends within a second."""
    with office(database) as here:
        changed = here.revoke_person(tenant, person)
    typer.echo(_line(changed))


def restore(person: Who, tenant: Tenant = "default", database: Database = None) -> None:
    """Let a revoked person sign in again."""
    with office(database) as here:
        changed = here.restore_person(tenant, person)
    typer.echo(_line(changed))


def _line(person: Person) -> str:
    state = "revoked" if person.revoked else " ".join(sorted(person.roles)) or "no role"
    agent = person.agent or (f"{person.proposed}?" if person.proposed else "no agent")
    return visible(f"{person.id}  {state}  {agent}  {person.label}")


def _row(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "email": person.email,
        "directory": person.directory,
        "subject": person.subject,
        "roles": sorted(person.roles),
        "given_roles": sorted(person.given_roles),
        "agent": person.agent,
        "proposed": person.proposed,
        "revoked": person.revoked is not None,
        "seen": person.seen.isoformat(),
    }
