"""Manage integration accounts of Dynamics 365: `screenpop accounts …`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from adapter.checkups.steps_off import in_force, why_off
from adapter.cli import account_words as words, printing
from adapter.cli.files import read_text
from adapter.cli.options import AsJson, Database, Tenant, office
from adapter.cli.visible import visible
from adapter.errors import InvalidSettings, MalformedInput, Place

if TYPE_CHECKING:
    from adapter.connections import AccountDesk
    from adapter.office import Office
    from adapter.tenants import Tenant as Known

INVALID = 1
"""Exit code of a connection that is not valid."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
Side = Annotated[
    str | None,
    typer.Option("--side", help="draft or applied; default: the draft if there is one."),
]


def register(app: typer.Typer) -> None:
    """Add `accounts` and its commands."""
    family = typer.Typer(
        help="Integration accounts: how this host signs in to Dynamics 365.",
        no_args_is_help=True,
    )
    family.command("list")(list_accounts)
    family.command("show")(show)
    family.command("set")(set_account)
    family.command("test")(try_account)
    family.command("apply")(apply)
    family.command("discard")(discard)
    family.command("rename")(rename)
    family.command("request-token")(request_token)
    family.command("confirm")(confirm)
    family.command("remove")(remove)
    family.command("reseal")(reseal)
    app.add_typer(family, name="accounts")


def list_accounts(
    tenant: Tenant = "default", as_json: AsJson = False, database: Database = None
) -> None:
    """List the accounts, their state and what ends soon."""
    with _desk(database) as (here, desk):
        found = desk.listed(here.tenant(tenant))
    for each in found:
        printing.found(each, [words.account_line(each)], as_json=as_json)


def show(
    name: Name, tenant: Tenant = "default", as_json: AsJson = False, database: Database = None
) -> None:
    """Show an account: what is in force, the draft, the last tests; secrets only by name."""
    with _desk(database) as (here, desk):
        found = desk.shown(here.tenant(tenant), name)
    printing.found(found, words.account_lines(found), as_json=as_json)


def set_account(
    *,
    name: Name,
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]...",
            help="As client_id=…; FIELD=@FILE reads a file, FIELD=- stdin, FIELD= empties.",
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", help="A JSON object of fields; - is standard input."),
    ] = None,
    test: Annotated[bool, typer.Option(help="Test the connection afterwards.")] = True,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Save a draft of an account (what is not named stays) and test its connection.

    Nothing takes effect before `accounts apply`. Secrets are best given by FIELD=@FILE or
    FIELD=-, because a command line is seen by others. Exits with 0 where the draft was saved, also
    if its connection is not valid (before a consent none is), which standard error says.
    """
    given = {**_from_file(file), **_from_arguments(fields or [])}
    with _desk(database) as (here, desk):
        named = here.tenant(tenant)
        saved = desk.save(named, name, given, who=_who(), merge=True)
        report = asyncio.run(desk.test(named, saved.name, "draft")) if test else None
        saved = desk.shown(named, saved.name)
    printing.found(saved, words.account_lines(saved), as_json=as_json)
    if report is not None and not report.valid:
        _tell([f"the draft is saved, but its connection is not valid: {report.message}"])


def try_account(
    *,
    name: Name,
    side: Side = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Test the connection afresh; exits with 1 where it is not valid."""
    if side not in (None, "draft", "applied"):
        raise InvalidSettings("--side: draft or applied")
    chosen: Any = side
    with _desk(database) as (here, desk):
        report = asyncio.run(desk.test(here.tenant(tenant), name, chosen))
    printing.found(report, words.report_lines(report), as_json=as_json)
    if not report.valid:
        raise typer.Exit(INVALID)


def apply(
    name: Name, tenant: Tenant = "default", as_json: AsJson = False, database: Database = None
) -> None:
    """Put the draft in force; a running server obeys within a second."""
    with _desk(database) as (here, desk):
        applied = desk.apply(here.tenant(tenant), name, who=_who())
        off = _steps_off(here, here.tenant(tenant))
    more = "" if applied.ready else f"; steps stay off: {applied.reason}"
    printing.found(
        applied,
        [f"{applied.name}: version {applied.applied_version} in force{more}"],
        as_json=as_json,
    )
    _tell(line for line in off if applied.reason is None or not line.endswith(applied.reason))


def discard(
    name: Name, tenant: Tenant = "default", as_json: AsJson = False, database: Database = None
) -> None:
    """Drop the draft; what is in force stays."""
    with _desk(database) as (here, desk):
        left = desk.discard(here.tenant(tenant), name, who=_who())
    printing.found(
        left,
        [f"{left.name}: draft discarded; version {left.applied_version} in force"],
        as_json=as_json,
    )


def rename(
    *,
    name: Name,
    to: Annotated[str, typer.Argument(metavar="NEW-NAME", help="Its new name.")],
    tenant: Tenant = "default",
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Rename an account; steps and requests that name it follow."""
    with _desk(database) as (here, desk):
        renamed = desk.rename(here.tenant(tenant), name, to, who=_who())
    printing.found(renamed, [f"{name} is {renamed.name} now"], as_json=as_json)


def request_token(
    *,
    name: Name,
    base: Annotated[
        str | None,
        typer.Option("--base", help="The server's address; default: SCREENPOP_PUBLIC_URL."),
    ] = None,
    redirect_path: Annotated[
        str | None,
        typer.Option("--redirect-path", help="The registered redirect URI's path."),
    ] = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Print the URL of the consent window: open it, sign in, consent for the organisation.

    A running server takes what the window brings back and shows a code there: give it to
    `accounts confirm`, then apply.
    """
    from adapter.connections.consents import PATHS  # noqa: PLC0415 - `--help` must be quick

    path = redirect_path or PATHS[0]
    if path not in PATHS:
        raise InvalidSettings(f"--redirect-path: one of {' and '.join(PATHS)}")
    with _desk(database) as (here, desk):
        settings = here.settings
        origin = base or settings.public_url or f"http://{settings.host}:{settings.port}"
        redirect_uri = origin.rstrip("/") + path
        url = asyncio.run(desk.begin_consent(here.tenant(tenant), name, redirect_uri))
    printing.found(
        {"url": url, "redirect_uri": redirect_uri, "expires_in": 600}, [url], as_json=as_json
    )
    if not as_json:
        typer.echo(f"Open it within ten minutes. It ends at {redirect_uri},", err=True)
        typer.echo("which must be a redirect URI of the application (platform Web).", err=True)
        typer.echo(visible(f"Then: screenpop accounts confirm {name} CODE"), err=True)


def confirm(
    *,
    name: Name,
    code: Annotated[str, typer.Argument(metavar="CODE", help="As the consent window shows it.")],
    tenant: Tenant = "default",
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Take a consent that was given in a browser, and test the draft; then apply.

    Exits with 1 where the connection is not valid.
    """
    with _desk(database) as (here, desk):
        result = asyncio.run(desk.confirm_consent(here.tenant(tenant), name, code, who=_who()))
    lines = [f"signed in as {result.person}"]
    if result.report is not None:
        lines += words.report_lines(result.report)
    printing.found(result, lines, as_json=as_json)
    if not result.ok:
        raise typer.Exit(INVALID)


def remove(name: Name, tenant: Tenant = "default", database: Database = None) -> None:
    """Remove an account with its secrets."""
    with _desk(database) as (here, desk):
        desk.remove(here.tenant(tenant), name, who=_who())
        off = _steps_off(here, here.tenant(tenant))
    typer.echo(visible(f"removed {name}"))
    _tell(off)


def reseal(database: Database = None) -> None:
    """Encrypt all stored account secrets with the newest key of SCREENPOP_SECRET_KEY."""
    from adapter.connections import sealing  # noqa: PLC0415 - `--help` must be quick

    with office(database) as here:
        box = _box(here)
        count = sealing.reseal(here.database, box)
        lost = sealing.unreadable(here.database, box)
    typer.echo(f"{count} encrypted anew")
    if lost:
        typer.echo(visible(f"not readable with any key: {', '.join(lost)}"), err=True)
        raise typer.Exit(INVALID)


def _steps_off(here: Office, tenant: Known) -> list[str]:
    """Say which steps do not run: a second account in force may leave them without a default."""
    try:
        steps = here.steps(tenant)
    except InvalidSettings:
        return []  # `doctor` says what is wrong with them
    return why_off(steps, in_force(here, tenant))


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(visible(line), err=True)


@contextmanager
def _desk(database: str | None) -> Iterator[tuple[Office, AccountDesk]]:
    from adapter import logs  # noqa: PLC0415 - `--help` must be quick
    from adapter.connections import AccountDesk, needs  # noqa: PLC0415
    from adapter.dataverse import transport  # noqa: PLC0415

    logs.configure("warning", "console")  # to standard error: what is printed may be piped on
    with office(database) as here:
        yield (
            here,
            AccountDesk(
                here.database,
                _box(here),
                tls=transport.tls(here.settings.ca_file),
                allow_loopback=here.settings.allow_loopback,
                needs=lambda tenant, account, *, unnamed: needs.of_steps(
                    here.steps(tenant), account, unnamed=unnamed
                ),
            ),
        )


def _box(here: Office) -> Any:
    from adapter import secret_box  # noqa: PLC0415

    secret = here.settings.secret_key
    value = secret.get_secret_value() if secret else None
    return secret_box.load(value, here.settings.data_dir / "secret.key")


def _from_file(file: str | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        found = msgspec.json.decode(read_text(file))
    except msgspec.DecodeError as error:
        raise MalformedInput(f"{file}: {error}") from error
    if not isinstance(found, dict):
        raise MalformedInput(f"{file}: expected a JSON object of fields")
    return found


def _from_arguments(arguments: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for argument in arguments:
        field, equals, value = argument.partition("=")
        if not equals or not field:
            text = f"{argument!r} is not FIELD=VALUE"
            raise MalformedInput(text, [Place(argument, "write FIELD=VALUE")])
        if value == "":
            given[field] = None
        elif value == "-":
            given[field] = sys.stdin.read()
        elif value.startswith("@"):
            given[field] = read_text(value[1:])
        else:
            given[field] = value
    return given


def _who() -> str:
    import getpass  # noqa: PLC0415

    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):  # no such user in a container
        return "command line (unknown)"
