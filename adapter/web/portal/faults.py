"""Say in words that the server made a mistake, to whoever is on a page of the portal."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from adapter.web import problems
from adapter.web.portal import pages


async def on_fault(request: Request, error: Exception) -> Response:
    """Answer a fault of ours (Starlette exception handler): a page below `/admin`, else a problem.

    The page needs templates and texts, which may be what is at fault: then the problem it is.
    """
    below = request.url.path.startswith("/admin")
    if below and "text/html" in request.headers.get("accept", ""):
        try:
            _ = pages.texts(request)
            return pages.render(
                request,
                "portal/refusal.html",
                500,
                title=_("The server made a mistake"),
                detail=_("Nothing was lost. The server's log says more; try again later."),
                details=(),
            )
        except Exception:  # noqa: BLE001 - whatever it is, an answer is owed
            return await problems.on_fault(request, error)
    return await problems.on_fault(request, error)
