"""Say in words that there is no such page below `/admin`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from adapter.errors import NotFound
from adapter.web.portal import pages
from adapter.web.portal.routing import page
from adapter.web.principals import Principal


async def missing(request: Request, _who: Principal) -> Response:
    """Refuse an address that is no page."""
    _ = pages.texts(request)
    raise NotFound(_("Check the address, or choose a page from the menu."))


ROUTES = [page("/admin/{rest:path}", get=missing, role="supervisor")]
