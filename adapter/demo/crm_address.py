"""Take the query of a `main.aspx` address apart, and say which page it asks for.

Written apart from `adapter.main_aspx`, on purpose: what judges our addresses must not share the
code that makes them. Grammar: Microsoft, "Open apps, forms, views, and reports with a URL"
(2026-04-21); `search` and `dashboard` as copied from real address bars.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from adapter.demo import crm_defaults, samples
from adapter.demo.crm_refusals import Refused
from adapter.demo.crm_tables import TABLES, Table, View

DASHBOARD_ID = "d201a642-6283-4f1d-81b7-da4b1685e698"
USER_DASHBOARD_ID = "0f8c3a5e-2b7d-ed11-9db1-000d3a1b2c3d"

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
LONGEST_SEARCH = 100
"""Characters that Dataverse search takes (searchquery, parameter `search`)."""

_APP = ("appid", "appname", "pagetype", "navbar", "cmdbar")
_USED: Mapping[str, tuple[str, ...]] = {
    "dashboard": (*_APP, "id", "type"),
    "entityrecord": (*_APP, "etn", "id", "extraqs"),
    "entitylist": (*_APP, "etn", "viewid", "viewtype"),
    "search": (*_APP, "searchText", "searchType"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `name=value` of a query: as it came, and decoded once."""

    name: str
    raw: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What an address asks for; `table` and what follows is empty where it does not apply."""

    kind: str
    navbar: str = "on"
    cmdbar: bool = True
    table: Table | None = None
    row: samples.Row | None = None
    view: View | None = None
    text: str = ""
    defaults: tuple[crm_defaults.Default, ...] = ()
    notes: tuple[str, ...] = ()


def read(query: str) -> tuple[Parameter, ...]:
    """Split a query into parameters, in order; nothing is judged but readability.

    Raises Refused where an escape is broken, the bytes are no UTF-8 or a name comes twice.
    """
    parameters = []
    for part in query.split("&") if query else ():
        name, _, raw = part.partition("=")
        name = _decoded(name, name)
        parameters.append(Parameter(name, raw, _decoded(name, raw)))
    twice = [name for name, count in Counter(p.name for p in parameters).items() if count > 1]
    if twice:
        raise Refused(twice[0], f"The parameter {twice[0]!r} comes more than once.")
    return tuple(parameters)


def _decoded(name: str, raw: str) -> str:
    if _BROKEN_ESCAPE.search(raw):
        raise Refused(name, "A % is not followed by two hexadecimal digits.")
    try:
        return unquote_plus(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise Refused(name, "The escaped bytes are not UTF-8.") from error


def judge(parameters: Sequence[Parameter]) -> Page:
    """Decide which page is asked for. Raises Refused, which names the first bad parameter."""
    given = {parameter.name: parameter.value for parameter in parameters}
    kind = given.get("pagetype") or ("dashboard" if "etn" not in given else "")
    if not kind:
        raise Refused("pagetype", "A form or a view needs pagetype=entityrecord or entitylist.")
    if kind not in _USED:
        raise Refused("pagetype", f"{kind!r} is not a page type. Known: {', '.join(_USED)}.")
    if "etc" in given:
        raise Refused("etc", "Table codes differ between environments: use etn, the table's name.")
    _judge_app(given)
    navbar = _choice(given, "navbar", ("on", "off", "entity"))
    cmdbar = _choice(given, "cmdbar", ("true", "false")) == "true"
    return _PAGES[kind](given, navbar, cmdbar)


def unused(parameters: Sequence[Parameter], page: Page) -> frozenset[str]:
    """Name the parameters that this kind of page does not read."""
    return frozenset(p.name for p in parameters) - frozenset(_USED[page.kind])


def _judge_app(given: Mapping[str, str]) -> None:
    if "appid" in given and "appname" in given:
        raise Refused("appname", "appid and appname exclude each other: give one of them.")
    if "appid" in given and _guid(given, "appid") != samples.APP_ID:
        raise Refused("appid", "There is no app with this id, or you may not use it.", 404)
    if "appname" in given and given["appname"] != samples.APP_NAME:
        raise Refused("appname", "There is no app with this unique name.", 404)


def _choice(given: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = given.get(name, allowed[0])
    if value not in allowed:
        raise Refused(name, f"{name} is {' or '.join(allowed)}, not {value!r}.")
    return value


def _guid(given: Mapping[str, str], name: str) -> str:
    value = given[name]
    bare = value[1:-1] if value.startswith("{") and value.endswith("}") else value
    if not _GUID.fullmatch(bare):
        raise Refused(name, f"{value!r} is not a GUID.")
    return bare.lower()


def _table(given: Mapping[str, str]) -> Table:
    name = given.get("etn", "")
    if not name:
        raise Refused("etn", "etn, the logical name of the table, is missing.")
    if name in TABLES:
        return TABLES[name]
    for table in TABLES.values():
        if name == table.plural:
            raise Refused(
                "etn", f"{name!r} is the entity set of the Web API; the table is {table.name!r}."
            )
    raise Refused("etn", f"There is no table {name!r}. Logical names are lower case.", 404)


def _dashboard(given: Mapping[str, str], navbar: str, cmdbar: bool) -> Page:
    if "id" in given and _guid(given, "id") not in {DASHBOARD_ID, USER_DASHBOARD_ID}:
        raise Refused("id", "There is no such dashboard.", 404)
    _choice(given, "type", ("system", "user"))
    return Page(kind="dashboard", navbar=navbar, cmdbar=cmdbar, notes=_app_notes(given))


def _record(given: Mapping[str, str], navbar: str, cmdbar: bool) -> Page:
    table = _table(given)
    row = None
    notes = list(_app_notes(given))
    if "id" in given:
        row = samples.ROWS.get((table.name, _guid(given, "id")))
        if row is None:
            raise Refused(
                "id",
                "The requested record was not found or you do not have sufficient permissions "
                "to view it.",
                404,
            )
    defaults = crm_defaults.judge(table, given["extraqs"]) if "extraqs" in given else ()
    if row is not None and any(not default.is_form for default in defaults):
        notes.append("The record exists: the default values of extraqs were not used.")
    return Page(
        kind="entityrecord",
        navbar=navbar,
        cmdbar=cmdbar,
        table=table,
        row=row,
        defaults=defaults,
        notes=tuple(notes),
    )


def _list(given: Mapping[str, str], navbar: str, cmdbar: bool) -> Page:
    table = _table(given)
    if "viewid" not in given:
        raise Refused("viewid", "A list needs viewid, the id of a view.")
    wanted = _guid(given, "viewid")
    view = next((view for view in table.views if view.id == wanted), None)
    if view is None:
        raise Refused("viewid", f"The table {table.name!r} has no such view.", 404)
    kind = _choice(given, "viewtype", ("1039", "4230"))
    if "viewtype" in given and view.personal != (kind == "4230"):
        right = "4230 (a personal view)" if view.personal else "1039 (a system view)"
        raise Refused("viewtype", f"The view {view.title!r} has viewtype {right}, not {kind}.")
    return Page(
        kind="entitylist",
        navbar=navbar,
        cmdbar=cmdbar,
        table=table,
        view=view,
        notes=_app_notes(given),
    )


def _search(given: Mapping[str, str], navbar: str, cmdbar: bool) -> Page:
    text = given.get("searchText", "").strip()
    if not 1 <= len(text) <= LONGEST_SEARCH:
        raise Refused(
            "searchText", f"Search needs searchText, of 1 to {LONGEST_SEARCH} characters."
        )
    _choice(given, "searchType", ("0", "1"))
    return Page(kind="search", navbar=navbar, cmdbar=cmdbar, text=text, notes=_app_notes(given))


def _app_notes(given: Mapping[str, str]) -> tuple[str, ...]:
    if "appid" in given or "appname" in given:
        return ()
    return ("Neither appid nor appname was given: opened in the default app.",)


_PAGES = {
    "dashboard": _dashboard,
    "entityrecord": _record,
    "entitylist": _list,
    "search": _search,
}
