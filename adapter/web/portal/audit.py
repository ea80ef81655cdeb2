"""Show who changed what, when, and how it was before."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter.errors import MalformedInput
from adapter.i18n import Texts
from adapter.store import audit_pages
from adapter.store.audit_pages import AuditEntry
from adapter.web import requests
from adapter.web.portal import differences, pages
from adapter.web.portal.audit_sentences import PHRASES
from adapter.web.portal.differences import Line
from adapter.web.portal.formats import Formats
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

PATH = "/admin/audit"
_LONGEST = 200


async def show(request: Request, who: Principal) -> Response:
    """Show a page of the log: `?text=`, `?from=`, `?to=` filter it."""
    _ = pages.texts(request)
    query = request.query_params
    text = query.get("text", "").strip()[:_LONGEST]
    written = pages.formats_of(request)
    since, until = _day(written, query.get("from")), _day(written, query.get("to"))
    services = requests.services(request)
    with services.database.reading():
        found = audit_pages.page(
            services.database.raw.cursor(),
            who.tenant,
            text=text,
            since=since,
            until=None if until is None else until + timedelta(days=1),
            before=_position(query.get("before")),
            after=_position(query.get("after")),
        )
    kept = {name: query[name] for name in ("text", "from", "to") if query.get(name)}
    return await pages.render(
        request,
        "portal/audit/page.html",
        form=Form({name: (value,) for name, value in kept.items()}),
        entries=[(_said(_, each), _changed(each)) for each in found.entries],
        filtered=bool(kept),
        newer="" if found.newer is None else _link(kept, after=found.newer),
        older="" if found.older is None else _link(kept, before=found.older),
    )


def _said(texts: Texts, entry: AuditEntry) -> AuditEntry:
    """Say who and what in the reader's language; names stay."""
    return msgspec.structs.replace(
        entry, who=PHRASES.say(texts, entry.who), what=PHRASES.say(texts, entry.what)
    )


def _changed(entry: AuditEntry) -> list[Line]:
    before = differences.readable(entry.before or "")
    after = differences.readable(entry.after or "")
    return differences.lines(before, after)


def _link(kept: dict[str, str], **more: int) -> str:
    return f"{PATH}?{urlencode({**kept, **more})}"


def _day(written: Formats, text: str | None) -> datetime | None:
    """Give the beginning of a day (`2026-11-22`) in the reader's time zone; None where none is.

    Raises:
        MalformedInput: it is no day.
    """
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        return datetime.combine(day, time(), written.zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedInput("write a date as 2027-05-31") from error


def _position(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None  # noqa: PLR2004


ROUTES = [page(PATH, get=show, role="supervisor")]
