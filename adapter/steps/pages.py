"""Turn the answered step's query string into the URL of a Dynamics page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapter import main_aspx
from adapter.dynamics import form_defaults
from adapter.dynamics.names import InvalidArgument
from adapter.errors import Place
from adapter.placeholders import UnfitValue, Values
from adapter.steps import templates
from adapter.steps.definitions import PopStep

_PARAMETERS = frozenset(
    {"appid", "appname", "pagetype", "etn", "id", "extraqs", "defaults", "formid"}
    | {"navbar", "cmdbar", "viewid", "viewtype", "searchText"}
)
_SAMPLE = "11111111-2222-3333-4444-555555555555"
_SAMPLE_ORG = "https://contoso.crm.dynamics.com"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page to open for an agent, and the record that it shows."""

    url: str
    table: str | None = None
    record_id: str | None = None


def url(step: PopStep, values: Values, organisation: str) -> Page:
    """Give the page that a step opens now.

    Raises `MissingValue`, and `UnfitValue` where an id is empty or no GUID: neither may pop.
    """
    written = templates.document(step.query_string).render(values, "query string")
    if values.app_id and "appid" not in written and "appname" not in written:
        written = {"appid": values.app_id, **written}
    try:
        address = _address(written, organisation)
    except InvalidArgument as invalid:
        raise UnfitValue(invalid.argument, "query string", invalid.fault) from invalid
    page = main_aspx.parse(address, allow_hosts=(organisation,))
    return Page(url=address, table=page.etn, record_id=page.id)


def search(organisation: str, text: str, app_id: str) -> str:
    """Give the page that searches for a caller where there is no record to open."""
    return main_aspx.search_url(organisation, text, appid=app_id, allow_hosts=(organisation,))


def faults(step: PopStep, at: str) -> Iterator[Place]:
    """Name what no value could make right: unknown parameters, an entity set as `etn`."""
    template = templates.document(step.query_string)
    unknown = [name for name in template.members if name not in _PARAMETERS]
    for name in unknown:
        yield Place(f"{at}/{name}", f"is unknown; known are {', '.join(sorted(_PARAMETERS))}")
    if unknown:
        return
    sample = _Sample(app_id=_SAMPLE)
    try:
        written = template.render(sample, "query string")
        written.setdefault("appid", _SAMPLE) if "appname" not in written else None
        _address(written, _SAMPLE_ORG)
    except InvalidArgument as invalid:
        yield Place(f"{at}/{invalid.argument}", invalid.fault)
    except UnfitValue as unfit:
        yield Place(at + unfit.place.removeprefix("query string"), unfit.reason)


class _Sample(Values):
    """A GUID for every placeholder."""

    def find(self, reference: object, place: str) -> str:
        return _SAMPLE


def _address(written: Mapping[str, Any], organisation: str) -> str:
    given = {name: _text(name, value) for name, value in written.items() if name != "defaults"}
    pagetype = given.pop("pagetype", "entityrecord")
    where: dict[str, Any] = {"org": organisation, "allow_hosts": (organisation,)}
    where |= {name: given.pop(name) for name in ("appid", "appname") if name in given}
    if pagetype == "search":
        return main_aspx.search_url(text=given.pop("searchText", ""), **where)
    where |= {name: given.pop(name) for name in ("navbar", "cmdbar") if name in given}
    if "etn" not in given:
        raise InvalidArgument("etn", "is missing")
    where["etn"] = given.pop("etn")
    if pagetype == "entitylist":
        if "viewid" not in given:
            raise InvalidArgument("viewid", "is missing")
        where |= {name: given.pop(name) for name in ("viewid", "viewtype") if name in given}
        return main_aspx.list_url(**where)
    if pagetype != "entityrecord":
        raise InvalidArgument("pagetype", "is not entityrecord, entitylist or search")
    preset = dict(form_defaults.read(given.pop("extraqs", "")))
    formid = given.get("formid") or preset.pop("formid", None)
    more = written.get("defaults", {})
    if not isinstance(more, dict):
        raise InvalidArgument("defaults", 'must be an object: {"column": "value"}')
    return main_aspx.record_url(
        **where, id=given.get("id"), formid=formid, defaults={**preset, **more}
    )


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise InvalidArgument(name, "must be text")
    return value.strip()
