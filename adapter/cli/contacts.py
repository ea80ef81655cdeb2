"""Show a contact and its story, from the database or from a server: `screenpop contacts …`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from adapter.cli import printing, remote
from adapter.cli.options import AsJson, Database, Tenant, office
from adapter.cli.remote import Key, Url
from adapter.cli.visible import visible

Contact = Annotated[
    str, typer.Argument(metavar="ID", help="The contact's id, as its source has it.")
]


def register(app: typer.Typer) -> None:
    """Add `contacts` and its commands."""
    family = typer.Typer(help="A contact's state and its story.", no_args_is_help=True)
    family.command("show")(show)
    family.command("trace")(trace)
    family.command("erase")(erase)
    app.add_typer(family, name="contacts")


def show(
    *,
    contact: Contact,
    tenant: Tenant = "default",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Print a contact: its stages, its agent, the customer, the attributes."""
    found = _state(contact, tenant, url, key, database)
    printing.found(found, _state_lines(found), as_json=as_json)


def trace(
    *,
    contact: Contact,
    tenant: Tenant = "default",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Print what happened to a contact, in milliseconds: received, stored, matched, opened."""
    found = _story(contact, tenant, url, key, database)
    printing.found(found, _story_lines(found), as_json=as_json)


def erase(
    *,
    phone: Annotated[
        str | None, typer.Option("--phone", help="A number, in any spelling with its country.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option("--person", help="A name, an e-mail address or an id, as a source gave it."),
    ] = None,
    contact: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="One contact's id.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be erased; erase nothing.")
    ] = False,
    tenant: Tenant = "default",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Erase what is kept of a person's contacts: events, messages, traces, requests, links, pops.

    A running server forgets them within a second. The audit log says that it was done, by whom,
    and not whose. Without a server on it the database is written anew, without its free space.
    """
    from adapter import sought  # noqa: PLC0415 - `--help` must be quick

    wanted = sought.read(phone, person, contact)
    given = {"phone": phone, "person": person, "contact": contact}
    if url is not None:
        body = {name: value for name, value in given.items() if value is not None}
        found = remote.ask(url, key, "POST", "/v1/admin/erasures", {**body, "dry_run": dry_run})
    else:
        with office(database) as here:
            found = _plain(msgspec.to_builtins(here.erase(tenant, wanted, dry_run=dry_run)))
            path = here.database.path
        if not dry_run:
            _clean(path)
    printing.found(found, _erased_lines(found), as_json=as_json)


def _clean(path: Path) -> None:
    """Leave no bytes of what was erased in the file, or say what still may hold some."""
    from adapter.errors import StoreUnavailable  # noqa: PLC0415
    from adapter.store import erasing, locking  # noqa: PLC0415

    try:
        if not locking.is_locked(path):
            erasing.compact(path)
            return
        erasing.empty_log(path)
    except StoreUnavailable as error:
        typer.echo(visible(f"the file was not cleaned: {error}"), err=True)
        return
    typer.echo("erased; free space of the file is written over when the server is off", err=True)


def _erased_lines(found: dict[str, Any]) -> list[str]:
    lines = [f"{each}" for each in found["contacts"]]
    rows = ", ".join(
        f"{count} {kind.removesuffix('s') if count == 1 else kind}"
        for kind, count in found["rows"].items()
        if count
    )
    count = len(found["contacts"])
    total = f"{count} {'contact' if count == 1 else 'contacts'}"
    lines.append(f"{total} erased: {rows}" if rows else f"{total} found, nothing erased")
    if found["linked"]:
        lines.append(f"linked with them, and kept: {', '.join(found['linked'])}")
    return lines


def _state(
    contact: str, tenant: str, url: str | None, key: str | None, database: str | None
) -> dict[str, Any]:
    if url is not None:
        return remote.ask(url, key, "GET", f"/v1/contacts/{quote(contact, safe='')}")
    from adapter import stories  # noqa: PLC0415 - `--help` must be quick
    from adapter.tenants import ContactKey  # noqa: PLC0415

    with office(database) as here:
        named = here.tenant(tenant)
        wanted = ContactKey(named, contact)
        return _plain(stories.state(here.database, wanted, agent=here.agent_of(named)))


def _story(
    contact: str, tenant: str, url: str | None, key: str | None, database: str | None
) -> dict[str, Any]:
    if url is not None:
        return remote.ask(url, key, "GET", f"/v1/contacts/{quote(contact, safe='')}/trace")
    from adapter import stories  # noqa: PLC0415 - `--help` must be quick
    from adapter.tenants import ContactKey  # noqa: PLC0415

    with office(database) as here:
        return _plain(stories.story(here.database, ContactKey(here.tenant(tenant), contact)))


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """Give it as the server's JSON has it, times as text."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain


def _state_lines(contact: dict[str, Any]) -> list[str]:
    rows = [(name, contact[name]) for name in ("id", "stage", "agent", "channel", "direction")]
    rows.append(("queue", contact["queue"]))
    rows += [(f"customer.{name}", value) for name, value in contact["customer"].items()]
    rows += [(f"stages.{name}", _clock(at)) for name, at in contact["stages"].items()]
    rows += [(f"attributes.{name}", value) for name, value in contact["attributes"].items()]
    rows += [("linked", each) for each in contact["linked"]]
    for each in contact["recordings"]:
        rows.append((each["kind"], each["url"] + (" (redacted)" if each["redacted"] else "")))
    return [f"{name:29} {_text(value)}" for name, value in rows]


def _story_lines(story: dict[str, Any]) -> list[str]:
    steps = story["trace"]
    lines = [f"contact {story['contact']}, from {_clock(steps[0]['at'])}"]
    lines += [
        f"{each['ms']:>12,.3f} ms  {each['what']:<10} {each['detail']}".rstrip() for each in steps
    ]
    for pop in story["pops"]:
        outcome = pop["outcome"] or "not opened yet"
        lines.append(f"pop {pop['pop']}: {pop['agent']}, attempt {pop['attempt']}, {outcome}")
        lines.append(f"    {pop['url']}")
    return lines


def _clock(at: str) -> str:
    """Write a time with milliseconds, in UTC."""
    return datetime.fromisoformat(at).isoformat(sep=" ", timespec="milliseconds")


def _text(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
