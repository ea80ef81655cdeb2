"""Set, try and replay what contacts leave in Dynamics: `screenpop steps …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from adapter.cli import dead_letters, printing, remote, step_places as places, step_words as words
from adapter.cli.files import read_text
from adapter.cli.options import AsJson, Database, Tenant, office
from adapter.cli.remote import Key, Url
from adapter.cli.step_words import Numbers
from adapter.cli.visible import visible
from adapter.errors import InvalidSettings, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from adapter.steps import Previewed, Rehearsed, Steps

STEPS = "/v1/admin/steps"

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
    dead_letters.register(family)
    app.add_typer(family, name="steps")


def set_steps(
    file: File,
    tenant: Tenant = "default",
    url: Url = None,
    key: Key = None,
    database: Database = None,
) -> None:
    """Replace the steps: they hold for contacts that begin from now on.

    A running server obeys within a second. The environments of the accounts in force are asked for
    their tables and columns. Hints, what could not be checked, and why steps do not run yet come on
    standard error; a fault leaves everything as it is.
    """
    text = read_text(file)
    if url is not None:
        with words.named(text) as numbers:
            saved = remote.ask(url, key, "PUT", STEPS, text)
        typer.echo(_counted(saved["steps"]["steps"]) + " set")
        _tell_of(saved, numbers)
        return
    with words.named(text) as numbers, office(database) as here:
        named = here.tenant(tenant)
        _, checked = places.run(here, lambda desk: desk.save(named, text, who=here.who))
        off = places.why_off(checked.steps, places.in_force(here, named))
    typer.echo(_counted(checked.steps.steps) + " set")
    _hint(checked.hints, numbers)
    for reason in off:
        typer.echo(visible(reason), err=True)


def show(
    tenant: Tenant = "default", url: Url = None, key: Key = None, database: Database = None
) -> None:
    """Print the steps, as `steps set` takes them."""
    from adapter.steps import Steps, dump  # noqa: PLC0415 - `--help` must be quick

    if url is not None:
        found = remote.ask(url, key, "GET", STEPS)
        typer.echo(dump(msgspec.convert(found["steps"], Steps)), nl=False)
        return
    with office(database) as here:
        typer.echo(dump(here.steps(tenant)), nl=False)


def default() -> None:
    """Print four steps to begin with: create, open, close a phone call, link its recording."""
    from adapter.steps import default_steps, dump  # noqa: PLC0415

    typer.echo(dump(default_steps()), nl=False)


def check(
    file: File,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", help="Also ask this tenant's accounts, contacts, environments."),
    ] = None,
    url: Url = None,
    key: Key = None,
    database: Database = None,
) -> None:
    """Say what is wrong with steps, and what may not be meant; saves nothing.

    Exits with 2 where a step is wrong.
    """
    text = read_text(file)
    if url is not None:
        with words.named(text) as numbers:
            found = remote.ask(url, key, "POST", f"{STEPS}/check", text)
        typer.echo(_counted(found["steps"]["steps"]) + " without fault")
        _tell_of(found, numbers)
        return
    if tenant is None:
        parsed, hints = _parsed(text)
    else:
        with words.named(text), office(database) as here:
            named = here.tenant(tenant)
            checked = places.run(here, lambda desk: desk.check(named, text))
        parsed, hints = checked.steps, checked.hints
    typer.echo(_counted(parsed.steps) + " without fault")
    _hint(hints, words.numbers(text))


def preview(
    *,
    file: Draft = None,
    contact: Annotated[
        str | None, typer.Option("--contact", help="A recorded contact; default: a made-up one.")
    ] = None,
    environment: Environment = None,
    app_id: AppId = None,
    tenant: Tenant = "default",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Print the exact request of each step; nothing is sent, earlier responses are made up.

    Each step's own account decides where it leads.
    """
    from adapter.steps import Previewed  # noqa: PLC0415

    if url is not None:
        found = _tried(url, key, file, environment or app_id, contact=contact)
        shown = msgspec.convert(found["steps"], list[Previewed])
        printing.found(found, _previewed(shown), as_json=as_json)
        return
    with office(database) as here:
        steps = here.steps(tenant) if file is None else _read(file)
        trial = places.trial(here, tenant, steps, environment, app_id)
        of, shown = trial.preview(contact)
    printing.found({"contact": of, "steps": shown}, _previewed(shown), as_json=as_json)


def dry_run(
    *,
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="A recorded contact's id.")],
    file: Draft = None,
    environment: Environment = None,
    app_id: AppId = None,
    tenant: Tenant = "default",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Replay a recorded contact's events through the steps; nothing is sent.

    Prints what each event would have caused, in order.
    """
    from adapter.steps import Rehearsed  # noqa: PLC0415

    if url is not None:
        found = _tried(url, key, file, environment or app_id, contact=contact, dry_run=True)
        run = msgspec.convert(found["dry_run"], list[Rehearsed])
        printing.found(found, _rehearsed(run), as_json=as_json)
        return
    with office(database) as here:
        steps = here.steps(tenant) if file is None else _read(file)
        trial = places.trial(here, tenant, steps, environment, app_id)
        run = trial.dry_run(contact)
    printing.found({"contact": contact, "dry_run": run}, _rehearsed(run), as_json=as_json)


def _tried(
    url: str, key: str | None, file: str | None, elsewhere: str | None, **wanted: Any
) -> dict[str, Any]:
    if elsewhere is not None:
        raise InvalidSettings("--environment and --app-id: a server's own accounts say where")
    body = {name: value for name, value in wanted.items() if value is not None}
    if file is not None:
        from adapter.steps import dump  # noqa: PLC0415

        body["steps"] = msgspec.json.decode(dump(_read(file)))
    return remote.ask(url, key, "POST", f"{STEPS}/preview", body)


def _read(file: str) -> Steps:
    return _parsed(read_text(file))[0]


def _parsed(text: str) -> tuple[Steps, tuple[Place, ...]]:
    from adapter.steps import parse_with_hints  # noqa: PLC0415

    with words.named(text):
        return parse_with_hints(text)


def _counted(steps: Sequence[object]) -> str:
    count = len(steps)
    return f"{count} {'step' if count == 1 else 'steps'}"


def _hint(hints: Iterable[Place], numbers: Numbers) -> None:
    for hint in hints:
        typer.echo(visible(_told(words.place(hint.at, numbers), hint.detail)), err=True)


def _tell_of(answer: dict[str, Any], numbers: Numbers) -> None:
    _hint((Place(each["at"], each["detail"]) for each in answer["hints"]), numbers)
    for reason in answer["steps_off"]:
        typer.echo(visible(reason), err=True)


def _told(at: str, detail: str) -> str:
    return f"{at}: {detail}" if at else detail


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
