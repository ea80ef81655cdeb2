"""Turn a pasted Dynamics address into the query string of the step that opens a record."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec

from adapter import main_aspx
from adapter.main_aspx import Page

Note = Literal["other_app", "other_organisation", "same_record", "made_record", "left_out"]
"""What an admin should know of the result; the page says it in words.

`made_record`: the record's id was replaced by that of the record which an earlier step makes.
`same_record`: the id stands as it was pasted, so that every contact opens this one record.
"""


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """The query string, and what was noticed on the way."""

    query_string: str
    notes: tuple[Note, ...] = ()
    left_out: tuple[str, ...] = ()
    """Names of parameters of the address that no step can have."""


def query_string(
    address: str,
    *,
    created: dict[int, tuple[str, str]],
    app_id: str | None,
    organisation: str | None,
) -> Filled:
    """Take an address apart as the step's parameters.

    `created` has the table's logical name and id column of each step that makes a record; `app_id`
    and `organisation` are the account's, where they are known.

    Raises:
        InvalidArgument: it is no address of a Dynamics page.
    """
    address = address.strip()
    page = main_aspx.parse(address, allow_hosts=(organisation,) if organisation else ())
    notes: list[Note] = []
    found = _application(page, app_id, notes)
    if organisation is not None and page.org.lower() != organisation.lower():
        notes.append("other_organisation")
    found["pagetype"] = page.pagetype or "entityrecord"
    found |= {"etn": page.etn} if page.etn else {}
    if page.id is not None:
        found["id"] = _record(page, created, notes)
    more: dict[str, Any] = {
        "viewid": page.viewid,
        "viewtype": page.viewtype,
        "formid": page.formid,
        "navbar": page.navbar,
        "cmdbar": page.cmdbar,
        "searchText": page.search,
        "defaults": dict(page.defaults) or None,
    }
    found |= {name: value for name, value in more.items() if value is not None}
    left_out = tuple(name for name, _ in page.extra)
    if left_out:
        notes.append("left_out")
    return Filled(
        query_string=json.dumps(found, ensure_ascii=False), notes=tuple(notes), left_out=left_out
    )


def _application(page: Page, app_id: str | None, notes: list[Note]) -> dict[str, Any]:
    if page.appname is not None:
        return {"appname": page.appname}
    if page.appid is None or page.appid == app_id:
        return {"appid": "{{appid}}"}
    if app_id is not None:
        notes.append("other_app")
    return {"appid": page.appid}


def _record(page: Page, created: dict[int, tuple[str, str]], notes: list[Note]) -> str:
    for number, (table, id_column) in sorted(created.items()):
        if table == page.etn:
            notes.append("made_record")
            return f"{{{{STEP{number}-Response.{id_column}}}}}"
    notes.append("same_record")
    return page.id or ""
