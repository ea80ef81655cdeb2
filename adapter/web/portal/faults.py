"""Say in words that the server made a mistake, to whoever is on a page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from adapter.web import problems, refusal_pages
from adapter.web.phrases import Said
from adapter.web.portal import pages


async def on_fault(request: Request, error: Exception) -> Response:
    """Answer a fault of ours (Starlette exception handler): a page to browsers, else a problem.

    The page needs templates and texts, which may be what is at fault: then the problem it is.
    """
    if not refusal_pages.is_wanted(request):
        return await problems.on_fault(request, error)
    try:
        if not request.url.path.startswith("/admin"):
            return await refusal_pages.on_fault(request, error)
        _ = pages.texts(request)
        told = _("Nothing was lost. The server's log says more; try again later.")
        return await pages.render(
            request,
            "portal/refusal.html",
            500,
            title=refusal_pages.title(_, 500),
            detail=Said(told, english=False),
            details=(),
        )
    except Exception:  # noqa: BLE001 - whatever it is, an answer is owed
        return await problems.on_fault(request, error)
