"""Serve a simulated Dynamics 365: a dashboard that frames the adapter, and `main.aspx`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from adapter.demo import crm_address, crm_pages, samples
from adapter.demo.crm_address import Page, Parameter
from adapter.demo.crm_refusals import Refused
from adapter.demo.rendering import STATIC, TEMPLATES

# What an admin uploads as web resources, under the publisher's prefix `screenpop_`.
WEB_RESOURCES = {
    "connector.html": "text/html",
    "connector.js": "text/javascript",
    "connector.css": "text/css",
}


def content_security_policy(framed_by: Sequence[str] = ()) -> str:
    """Write the header that Dynamics sends by default, with the admin's own frame ancestors.

    Source: Microsoft, Power Platform, "Content security policy" (2025-10-07), default directives.
    """
    ancestors = " ".join(("'self'", "https://*.powerapps.com", *framed_by))
    return (
        "script-src * 'unsafe-inline' 'unsafe-eval' blob: data:; worker-src 'self' blob:; "
        f"style-src * 'unsafe-inline'; font-src * data:; frame-ancestors {ancestors}"
    )


def dynamics_app(
    *, adapter_url: str | Callable[[], str], framed_by: Sequence[str] = ()
) -> Starlette:
    """Build the simulated Dynamics.

    `adapter_url` is the adapter's address as the browser has it, for the frame in the side pane;
    `framed_by` lists the origins whose pages may frame Dynamics (none, as really, by default).
    """
    pages = _Pages(adapter_url, {"Content-Security-Policy": content_security_policy(framed_by)})
    return Starlette(
        routes=[
            Route("/", pages.home),
            Route("/main.aspx", pages.main),
            Route("/WebResources/screenpop_/{name}", pages.web_resource),
            Mount("/demo", StaticFiles(directory=STATIC / "demo")),
        ],
        exception_handlers={HTTPException: pages.no_page},
    )


class _Pages:
    """The pages of one simulated environment; each gets the environment's headers."""

    def __init__(self, adapter_url: str | Callable[[], str], headers: dict[str, str]) -> None:
        self._adapter_url = adapter_url
        self._headers = {
            **headers,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }

    async def home(self, request: Request) -> Response:
        del request
        target = crm_pages.address(pagetype="dashboard", id=crm_address.DASHBOARD_ID, type="system")
        return RedirectResponse(target, headers=self._headers)

    async def main(self, request: Request) -> Response:
        parameters: Sequence[Parameter] = ()
        try:
            parameters = crm_address.read(request.url.query)
            page = crm_address.judge(parameters)
        except Refused as refusal:
            return self._refusal(refusal, parameters)
        return self._page(page, parameters)

    async def web_resource(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in WEB_RESOURCES:
            raise HTTPException(404, f"There is no web resource screenpop_/{name}.")
        return FileResponse(STATIC / name, media_type=WEB_RESOURCES[name], headers=self._headers)

    async def no_page(self, request: Request, error: Exception) -> Response:
        detail = error.detail if isinstance(error, HTTPException) else str(error)
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._refusal(Refused(request.url.path, detail, status), ())

    def _page(self, page: Page, parameters: Sequence[Parameter]) -> Response:
        return self._render(
            f"{page.kind}.html",
            200,
            page=page,
            parameters=parameters,
            unused=crm_address.unused(parameters, page),
            bad="",
            **_content(page),
        )

    def _refusal(self, refusal: Refused, parameters: Sequence[Parameter]) -> Response:
        return self._render(
            "refused.html",
            refusal.status,
            page=Page(kind="refused"),
            title="Record Is Unavailable"
            if refusal.status == HTTPStatus.NOT_FOUND
            else "Invalid parameter",
            refusal=refusal,
            parameters=parameters,
            unused=frozenset(),
            bad=refusal.parameter,
        )

    def _render(self, template: str, status: int, **content: object) -> Response:
        url = self._adapter_url if isinstance(self._adapter_url, str) else self._adapter_url()
        html = TEMPLATES.get_template(template).render(
            app_title=samples.APP_TITLE,
            app_id=samples.APP_ID,
            site_map=crm_pages.site_map(),
            connector=f"/WebResources/screenpop_/connector.html?data={quote(url, safe='')}",
            **content,
        )
        return HTMLResponse(html, status, self._headers)


def _content(page: Page) -> dict[str, object]:
    """Give what the page's own template needs, its title first."""
    if page.kind == "dashboard":
        return {"title": "Tier 1 Dashboard", **crm_pages.dashboard()}
    if page.kind == "search":
        return {"title": f"Search: {page.text}", "found": crm_pages.found(page.text)}
    assert page.table is not None  # noqa: S101 - forms and lists always have a table
    if page.view is not None:
        headings, rows = crm_pages.listing(page.table, page.view)
        return {"title": page.view.title, "headings": headings, "rows": rows}
    name = page.row.name if page.row else f"New {page.table.label}"
    return {"title": name, "sections": crm_pages.sections(page)}
