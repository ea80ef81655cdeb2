"""Write and read the URLs of a Dynamics model-driven app: `https://<org>/main.aspx?…`.

Source: "Open apps, forms, views, and reports with a URL" (Microsoft, 2026-04-21). Every function
is pure and raises `InvalidArgument`, a `ValueError` that names the argument. Ids are written bare
and in lower case; `{…}`, `%7B…%7D` and upper case are accepted. The order of the parameters is
always `appid` or `appname`, `pagetype`, `etn`, `id`, and then the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from adapter.dynamics import form_defaults, hosts, names
from adapter.dynamics.form_defaults import Defaults
from adapter.dynamics.names import InvalidArgument

MAX_LENGTH = 2000
"""Characters. Microsoft names no limit; proxies and browsers between here and there have one."""

SYSTEM_VIEW = 1039
PERSONAL_VIEW = 4230

_KNOWN = frozenset(
    {"appid", "appname", "pagetype", "etn", "id", "extraqs", "viewid", "viewtype"}
    | {"navbar", "cmdbar", "searchtext"}
)
_VIEW_TYPES = (SYSTEM_VIEW, PERSONAL_VIEW)
_NAVBARS = ("on", "off", "entity")
_BOOLEANS = {"true": True, "false": False}
_PATH = re.compile(r"/main\.aspx(?:\?([^#]*))?", re.IGNORECASE)
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9:/?\[\]@!$&'()*+,;=._~%{}-]+")
"""RFC 3986 without `#`, and the braces that people leave in GUIDs."""

_Given = TypeVar("_Given")
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A `main.aspx` URL taken apart; what it does not say is None or empty."""

    org: str
    """The organisation's origin, `https://contoso.crm4.dynamics.com`."""
    pagetype: str | None = None
    etn: str | None = None
    id: str | None = None
    appid: str | None = None
    appname: str | None = None
    formid: str | None = None
    viewid: str | None = None
    viewtype: int | None = None
    defaults: tuple[tuple[str, str], ...] = ()
    navbar: str | None = None
    cmdbar: bool | None = None
    search: str | None = None
    extra: tuple[tuple[str, str], ...] = ()
    """Parameters that this module does not know, decoded; `url()` leaves them out."""

    def arguments(self) -> dict[str, Any]:
        """Give the arguments for `record_url`, `list_url` or `search_url` that write this page."""
        app = {"appid": self.appid, "appname": self.appname, "allow_hosts": (self.org,)}
        bars = {"navbar": self.navbar, "cmdbar": self.cmdbar}
        if self.pagetype == "search":
            return {"org": self.org, "text": self.search, **app}
        if self.pagetype == "entitylist":
            view = {"viewid": self.viewid, "viewtype": self.viewtype or SYSTEM_VIEW}
            return {"org": self.org, "etn": self.etn, **view, **app, **bars}
        record = {"etn": self.etn, "id": self.id, "formid": self.formid, "defaults": self.defaults}
        return {"org": self.org, **record, **app, **bars}

    def url(self) -> str:
        """Write the page again, in the canonical way."""
        match self.pagetype:
            case "entityrecord":
                return record_url(**self.arguments())
            case "entitylist":
                return list_url(**self.arguments())
            case "search":
                return search_url(**self.arguments())
            case _:
                raise InvalidArgument(
                    "pagetype", f"{names.shown(self.pagetype or '')} cannot be written"
                )


def record_url(
    org: str,
    etn: str,
    id: str | None = None,  # noqa: A002 -- the parameter's name in the URL
    *,
    appid: str | None = None,
    appname: str | None = None,
    defaults: Defaults = (),
    formid: str | None = None,
    navbar: str | None = None,
    cmdbar: bool | str | None = None,
    allow_hosts: Collection[str] = (),
) -> str:
    """Give the URL that opens a record's form; without `id`, the form of a new record.

    `appid` or `appname`, one of them, because Microsoft does not say what opens without.
    `defaults` presets columns; `formid` picks a form. An empty `id` is an error and never a new
    record: it is what remains when a lookup went wrong.
    """
    preset = [("formid", names.guid("formid", formid))] if formid is not None else []
    preset += form_defaults.columns(defaults)
    return _url(
        org,
        allow_hosts,
        [
            _app(appid, appname),
            ("pagetype", "entityrecord"),
            ("etn", names.table("etn", etn)),
            ("id", _if_given(id, lambda value: names.guid("id", value))),
            ("extraqs", form_defaults.write(preset) or None),
            *_bars(navbar, cmdbar),
        ],
    )


def list_url(
    org: str,
    etn: str,
    *,
    viewid: str,
    viewtype: int = SYSTEM_VIEW,
    appid: str | None = None,
    appname: str | None = None,
    navbar: str | None = None,
    cmdbar: bool | str | None = None,
    allow_hosts: Collection[str] = (),
) -> str:
    """Give the URL that opens a view; `viewtype` is 1039 (system view) or 4230 (personal view)."""
    return _url(
        org,
        allow_hosts,
        [
            _app(appid, appname),
            ("pagetype", "entitylist"),
            ("etn", names.table("etn", etn)),
            ("viewid", names.guid("viewid", viewid)),
            ("viewtype", str(_view_type(viewtype))),
            *_bars(navbar, cmdbar),
        ],
    )


def search_url(
    org: str,
    text: str,
    *,
    appid: str | None = None,
    appname: str | None = None,
    allow_hosts: Collection[str] = (),
) -> str:
    """Give the URL that searches all tables.

    Microsoft's table of parameters does not have this page: it is what address bars show
    (`searchType=0`, relevance search), so try it in your organisation.
    """
    return _url(
        org,
        allow_hosts,
        [
            _app(appid, appname),
            ("pagetype", "search"),
            ("searchText", quote(names.text("text", text), safe="")),
            ("searchType", "0"),
        ],
    )


def parse(url: str, *, allow_hosts: Collection[str] = ()) -> Page:
    """Take a `main.aspx` URL apart; `url` may spell GUIDs in any way and lack an app.

    Raises `InvalidArgument` where the URL is not one of a Dynamics organisation (or of
    `allow_hosts`), says something twice, or has a value that cannot be.
    """
    url = names.text("url", url)
    if not _URL_CHARACTERS.fullmatch(url):
        raise InvalidArgument("url", f"{names.shown(url)} has characters that no URL has unencoded")
    before, rest = hosts.split(url)
    org = hosts.origin(before, allow_hosts=allow_hosts, argument="url")
    path = _PATH.fullmatch(rest)
    if path is None:
        raise InvalidArgument("url", f"{names.shown(rest)} is not /main.aspx?…")
    written = form_defaults.named_values(path[1] or "", "url", "write name=value")
    known = {name.lower(): value for name, value in written}
    preset = dict(form_defaults.read(known.pop("extraqs", "")))
    for name, value in known.items():
        names.text(name if name in _KNOWN else "url", value, empty=True)
    formid = next((preset.pop(name) for name in tuple(preset) if name.lower() == "formid"), None)
    if "appid" in known and "appname" in known:
        raise InvalidArgument("appid", "and appname cannot both be there")
    return Page(
        org=org,
        pagetype=known.get("pagetype"),
        etn=_if_given(known.get("etn"), lambda value: names.table("etn", value)),
        id=_guid_in(known, "id"),
        appid=_guid_in(known, "appid"),
        appname=_if_given(known.get("appname"), lambda value: names.app_name("appname", value)),
        formid=_if_given(formid, lambda value: names.guid("formid", value)),
        viewid=_guid_in(known, "viewid"),
        viewtype=_if_given(known.get("viewtype"), _view_type),
        defaults=tuple(preset.items()),
        navbar=_if_given(known.get("navbar"), _navbar),
        cmdbar=_if_given(known.get("cmdbar"), _cmdbar),
        search=known.get("searchtext"),
        extra=tuple((name, value) for name, value in written if not _is_known(name, value)),
    )


def _is_known(name: str, value: str) -> bool:
    return name.lower() in _KNOWN or (name.lower(), value) == ("searchtype", "0")


def _url(
    org: str, allow_hosts: Collection[str], parameters: Iterable[tuple[str, str | None]]
) -> str:
    """Join what is already encoded, and refuse what is too long to arrive everywhere."""
    start = hosts.origin(org, allow_hosts=allow_hosts)
    query = "&".join(f"{name}={value}" for name, value in parameters if value is not None)
    url = f"{start}/main.aspx?{query}"
    if len(url) > MAX_LENGTH:
        raise InvalidArgument(
            "url",
            f"is {len(url)} characters long, over {MAX_LENGTH}: shorten the defaults or the text",
        )
    return url


def _app(appid: str | None, appname: str | None) -> tuple[str, str]:
    if appid is not None and appname is not None:
        raise InvalidArgument("appid", "and appname cannot both be given")
    if appid is not None:
        return "appid", names.guid("appid", appid)
    if appname is not None:
        return "appname", names.app_name("appname", appname)
    raise InvalidArgument("appid", "is missing: give appid or appname")


def _bars(navbar: str | None, cmdbar: bool | str | None) -> list[tuple[str, str | None]]:
    command_bar = None if cmdbar is None else _cmdbar(cmdbar)
    return [
        ("navbar", _if_given(navbar, _navbar)),
        ("cmdbar", None if command_bar is None else str(command_bar).lower()),
    ]


def _navbar(value: str) -> str:
    if value not in _NAVBARS:
        raise InvalidArgument("navbar", f"{names.shown(value)} is not on, off or entity")
    return value


def _cmdbar(value: bool | str) -> bool:
    if isinstance(value, bool):
        return value
    if value not in _BOOLEANS:
        raise InvalidArgument("cmdbar", f"{names.shown(value)} is not true or false")
    return _BOOLEANS[value]


def _view_type(value: int | str) -> int:
    for known in _VIEW_TYPES:
        if str(value) == str(known):
            return known
    raise InvalidArgument(
        "viewtype", f"{names.shown(str(value))} is not 1039 (system) or 4230 (personal)"
    )


def _guid_in(known: dict[str, str], name: str) -> str | None:
    return names.guid(name, known[name]) if name in known else None


def _if_given(value: _Given | None, read: Callable[[_Given], _Read]) -> _Read | None:
    return None if value is None else read(value)
