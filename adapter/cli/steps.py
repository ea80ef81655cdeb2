"""Set, try and replay what contacts leave in Dynamics: `screenpop steps …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from adapter.cli import step_places as places
from adapter.cli.files import read_text
from adapter.cli.options import AsJson, Database, Tenant, office
from adapter.cli.visible import visible
from adapter.errors import MalformedInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adapter.errors import Place
    from adapter.office import Office
    from adapter.steps import Previewed, Rehearsed, Steps
    from adapter.tenants import ContactKey

File = Annotated[str, typer.Argument(metavar="FILE", help="JSON; - is standard input.")]
Draft = Annotated[
    str | None, typer.Option("--file", help="Steps in a file instead of the tenant's own.")
]
Environment = Annotated[
    str | None,
    typer.Option("--environment", help="Origin of Dynamics; default: the account in force."),
]
AppId = Annotated[str | None, typer.Option("--app-id", help="GUID of the model-driven app.")]


def register(app: typer.Typer) -> None:
    """Add `steps` and its commands."""
    family = typer.Typer(help="What a contact leaves in Dynamics.", no_args_is_help=True)
    family.command("set")(set_steps)
    family.command("show")(show)
    family.command("default")(default)
    family.command("check")(check)
    family.command("preview")(preview)
    family.command("dry-run")(dry_run)
    family.command("dead")(dead)
    family.command("replay")(replay)
    app.add_typer(family, name="steps")


def set_steps(file: File, tenant: Tenant = "default", database: Database = None) -> None:
    """Replace the steps: they hold for contacts that begin from now on.

    A running server obeys within a second. Hints, and why steps do not run yet, come on standard
    error; a fault leaves everything as it is.
    """
    text = read_text(file)
    with office(database) as here:
        parsed, hints = here.set_steps(tenant, text)
        off = places.why_off(parsed, places.in_force(here, here.tenant(tenant)))
    typer.echo(_count(parsed) + " set")
    _hint(hints)
    for reason in off:
        typer.echo(visible(reason), err=True)


def show(tenant: Tenant = "default", database: Database = None) -> None:
    """Print the steps, as `steps set` takes them."""
    from adapter.steps import dump  # noqa: PLC0415 - `--help` must be quick

    with office(database) as here:
        typer.echo(dump(here.steps(tenant)), nl=False)


def default() -> None:
    """Print four steps to begin with: create, open, close a phone call, link its recording."""
    from adapter.steps import default_steps, dump  # noqa: PLC0415

    typer.echo(dump(default_steps()), nl=False)


def check(file: File) -> None:
    """Say what is wrong with steps, and what may not be meant; saves nothing.

    Exits with 2 where a step is wrong.
    """
    parsed, hints = _read(file)
    typer.echo(_count(parsed) + " without fault")
    _hint(hints)


def preview(
    *,
    file: Draft = None,
    contact: Annotated[
        str | None, typer.Option("--contact", help="A recorded contact; default: a made-up one.")
    ] = None,
    environment: Environment = None,
    app_id: AppId = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Print the exact request of each step; nothing is sent, earlier responses are made up."""
    from adapter.steps import SAMPLE, previews  # noqa: PLC0415

    with office(database) as here:
        steps = here.steps(tenant) if file is None else _read(file)[0]
        named = here.tenant(tenant)
        where = places.environment(here, named, steps, environment, app_id)
        view = SAMPLE if contact is None else _view(here, tenant, contact)
    shown = previews(steps, view, where, tenant=named)
    _print({"contact": view["id"], "steps": shown}, as_json, _previewed(shown))


def dry_run(
    *,
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="A recorded contact's id.")],
    file: Draft = None,
    environment: Environment = None,
    app_id: AppId = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Replay a recorded contact's events through the steps; nothing is sent.

    Prints what each event would have caused, in order.
    """
    from adapter.steps import dry_run as rehearse  # noqa: PLC0415

    with office(database) as here:
        steps = here.steps(tenant) if file is None else _read(file)[0]
        named = here.tenant(tenant)
        where = places.environment(here, named, steps, environment, app_id)
        events = _events(here, tenant, contact)
    run = rehearse(steps, events, where, tenant=named)
    _print({"contact": contact, "dry_run": run}, as_json, _rehearsed(run))


def dead(tenant: Tenant = "default", as_json: AsJson = False, database: Database = None) -> None:
    """List the dead letters: requests that are not tried again by themselves, with the cause."""
    from adapter.store.outbox import summary  # noqa: PLC0415

    with office(database) as here:
        letters = here.dead_letters(tenant)
    for each in letters:
        at = "" if each.finished is None else each.finished.isoformat(" ", "seconds")
        told = f"{each.position}  {at}  {each.contact.id}  {each.cause}"
        _print(summary(each), as_json, [told])


def replay(
    letter: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="The dead letter, as `dead` prints it.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of the tenant.")] = False,
    tenant: Tenant = "default",
    database: Database = None,
) -> None:
    """Try a dead letter again, or all; a running server sends within a second."""
    if (letter is None) != every:
        raise MalformedInput("give the id of a dead letter, or --all")
    with office(database) as here:
        count = here.replay(tenant, letter)
    typer.echo(f"tried again: {count} {'contact' if count == 1 else 'contacts'}")


def _read(file: str) -> tuple[Steps, tuple[Place, ...]]:
    from adapter.steps import parse_with_hints  # noqa: PLC0415

    return parse_with_hints(read_text(file))


def _count(steps: Steps) -> str:
    count = len(steps.steps)
    return f"{count} {'step' if count == 1 else 'steps'}"


def _hint(hints: Iterable[Place]) -> None:
    for hint in hints:
        typer.echo(visible(f"{hint.at}: {hint.detail}"), err=True)


def _key(here: Office, tenant: str, contact: str) -> ContactKey:
    from adapter.tenants import ContactKey  # noqa: PLC0415

    return ContactKey(here.tenant(tenant), contact)


def _view(here: Office, tenant: str, contact: str) -> dict[str, Any]:
    from adapter import stories  # noqa: PLC0415

    return stories.state(
        here.database, _key(here, tenant, contact), agent=here.agent_of(here.tenant(tenant))
    )


def _events(here: Office, tenant: str, contact: str) -> list[Any]:
    from adapter.store import journal  # noqa: PLC0415

    key = _key(here, tenant, contact)
    with here.database.reading():
        events = journal.events_of(here.database.raw.cursor(), key)
    if not events:
        raise NotFound(f"there is no contact {contact}")
    return [each.event for each in events]


def _previewed(shown: list[Previewed]) -> Iterable[str]:
    for each in shown:
        yield f"step {each.step}" + ("" if each.fault is None else f": {each.fault}")
        yield from _indented(each.request or "")


def _rehearsed(run: list[Rehearsed]) -> Iterable[str]:
    for each in run:
        what = "opens" if each.key == "pop" else f"step {each.key}"
        later = f", {each.delay} s later" if each.delay else ""
        fault = "" if each.fault is None else f": {each.fault}"
        yield f"{each.event}: {what}{later}{fault}"
        yield from _indented(each.text)


def _indented(text: str) -> Iterable[str]:
    return (f"    {line}".rstrip() for line in text.split("\n")) if text else ()


def _print(found: dict[str, Any], as_json: bool, lines: Iterable[str]) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for line in lines:
        typer.echo(visible(line))
