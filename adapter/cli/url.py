"""Write and take apart the URLs that open Dynamics pages: `screenpop url`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapter.cli import exits
from adapter.cli.visible import visible

if TYPE_CHECKING:
    from adapter.main_aspx import Page

_PAGE_TYPES = ("entityrecord", "entitylist", "search")
_OF_RECORDS = ("id", "default", "form")
_OF_VIEWS = ("view", "viewtype")
_BARS = ("navbar", "cmdbar")
_STRANGERS = {
    "entityrecord": (*_OF_VIEWS, "search"),
    "entitylist": (*_OF_RECORDS, "search"),
    "search": (*_OF_RECORDS, *_OF_VIEWS, *_BARS, "etn"),
}
"""Options that have no meaning on a page of this type."""

_OPTIONS = {
    "defaults": "--default",
    "formid": "--form",
    "text": "--search",
    "url": "the URL",
    "viewid": "--view",
}
"""Arguments of `main_aspx` that the command line calls otherwise."""


def register(app: typer.Typer) -> None:
    """Add the command `url`."""
    app.command("url")(url)


def url(
    *,
    org: Annotated[
        str | None, typer.Option(help="Origin, such as https://contoso.crm4.dynamics.com.")
    ] = None,
    appid: Annotated[str | None, typer.Option(help="GUID of the model-driven app.")] = None,
    appname: Annotated[str | None, typer.Option(help="Or the app's unique name.")] = None,
    pagetype: Annotated[
        str | None, typer.Option(help="entityrecord (default), entitylist or search.")
    ] = None,
    etn: Annotated[str | None, typer.Option(help="Logical name of the table: contact.")] = None,
    id: Annotated[  # noqa: A002 -- the option's name
        str | None, typer.Option(help="GUID of the record; without it, a new record.")
    ] = None,
    default: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Preset a column; may be given again."),
    ] = None,
    form: Annotated[str | None, typer.Option(help="GUID of the form.")] = None,
    view: Annotated[str | None, typer.Option(help="GUID of the view.")] = None,
    viewtype: Annotated[
        str | None, typer.Option(help="1039 system view (default) or 4230 personal view.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Search all tables for this text.")] = None,
    navbar: Annotated[str | None, typer.Option(help="on, off or entity.")] = None,
    cmdbar: Annotated[str | None, typer.Option(help="true or false.")] = None,
    parse: Annotated[str | None, typer.Option(metavar="URL", help="Take this URL apart.")] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="An origin besides Dynamics' own, such as http://contoso.localhost:8000.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the main.aspx URL that opens a record, a view or a search; or take one apart.

    Exits with 2 where an option cannot be, and says which.
    """
    given: dict[str, Any] = {
        "org": org,
        "appid": appid,
        "appname": appname,
        "pagetype": pagetype,
        "etn": etn,
        "id": id,
        "default": default or None,
        "form": form,
        "view": view,
        "viewtype": viewtype,
        "search": search,
        "navbar": navbar,
        "cmdbar": cmdbar,
    }
    given = {name: value for name, value in given.items() if value is not None}
    try:
        if parse is not None:
            lines = _taken_apart(parse, given, allow_host or (), as_json=as_json)
        else:
            lines = _written(given, allow_host or (), as_json=as_json)
    except ValueError as error:
        fault = (
            _in_options(error) if parse is None else f"--parse: {str(error).removeprefix('url: ')}"
        )
        typer.echo(f"screenpop url: {visible(fault)}", err=True)
        raise typer.Exit(exits.MALFORMED) from error
    typer.echo(lines)


def _taken_apart(
    url: str, given: dict[str, Any], allow_hosts: Collection[str], *, as_json: bool
) -> str:
    from adapter import main_aspx  # noqa: PLC0415  # other commands start without it
    from adapter.dynamics import hosts  # noqa: PLC0415

    if given:
        raise ValueError(f"cannot be there with --{next(iter(given))}")
    origin, _ = hosts.split(url)
    if hosts.is_loopback(origin):  # to read what the demo opens is no risk
        allow_hosts = (*allow_hosts, origin)
    page = main_aspx.parse(url, allow_hosts=allow_hosts)
    return json.dumps(_members(page)) if as_json else _as_text(page)


def _written(given: dict[str, Any], allow_hosts: Collection[str], *, as_json: bool) -> str:
    from adapter import main_aspx  # noqa: PLC0415

    pagetype = _page_type(given)
    for name in _STRANGERS[pagetype]:
        if name in given:
            raise ValueError(f"--{name}: has no meaning with --pagetype {pagetype}")
    _require(given, "org")
    options: dict[str, Any] = {
        name: given[name] for name in ("appid", "appname", *_BARS) if name in given
    }
    options["allow_hosts"] = allow_hosts
    match pagetype:
        case "search":
            written = main_aspx.search_url(given["org"], _require(given, "search"), **options)
        case "entitylist":
            options |= {"viewid": _require(given, "view")}
            options |= {"viewtype": given["viewtype"]} if "viewtype" in given else {}
            written = main_aspx.list_url(given["org"], _require(given, "etn"), **options)
        case _:
            options |= {"formid": given.get("form"), "id": given.get("id")}
            options |= {"defaults": [_default(text) for text in given.get("default", ())]}
            written = main_aspx.record_url(given["org"], _require(given, "etn"), **options)
    if not as_json:
        return written
    page = main_aspx.parse(written, allow_hosts=allow_hosts)
    return json.dumps({"url": written, **_members(page)})


def _page_type(given: dict[str, Any]) -> str:
    if "pagetype" in given:
        if given["pagetype"] not in _PAGE_TYPES:
            raise ValueError(f"--pagetype: {given['pagetype']!r} is not {', '.join(_PAGE_TYPES)}")
        return str(given["pagetype"])
    if "search" in given:
        return "search"
    return "entitylist" if "view" in given else "entityrecord"


def _require(given: dict[str, Any], name: str) -> str:
    if name not in given:
        raise ValueError(f"--{name}: is missing")
    return str(given[name])


def _default(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--default: {text!r} is not COLUMN=VALUE")
    return column, value


def _members(page: Page) -> dict[str, Any]:
    members = dataclasses.asdict(page)
    return members | {"defaults": dict(page.defaults), "extra": dict(page.extra)}


def _as_text(page: Page) -> str:
    """One line for each thing that the URL says: a name, a tab, and the value."""
    lines = []
    for name, value in _members(page).items():
        if isinstance(value, dict):
            lines += [(f"{name}.{inner}", part) for inner, part in value.items()]
        elif value is not None:
            lines.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return "\n".join(f"{visible(name)}\t{visible(value)}" for name, value in lines)


def _in_options(error: ValueError) -> str:
    """Name the option where `main_aspx` named its argument."""
    argument, colon, fault = str(error).partition(":")
    if argument.startswith("--") or not colon:
        return str(error)
    return f"{_OPTIONS.get(argument, f'--{argument}')}:{fault}"
