"""Put a page of the portal together: who may see it, whether a form is ours, errors in words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapter.errors import ScreenpopError
from adapter.identity.roles import Role
from adapter.web import principals, problems, requests
from adapter.web.portal import forms, pages
from adapter.web.portal.forms import Form
from adapter.web.principals import Principal, RoleMissing, SignInRequired

Show = Callable[[Request, Principal], Awaitable[Response]]
Change = Callable[[Request, Principal, Form], Awaitable[Response]]


def page(
    path: str,
    *,
    get: Show | None = None,
    post: Change | None = None,
    fetch: Show | None = None,
    role: Role = "admin",
    changer: Role = "admin",
) -> Route:
    """Make the route of a page: `get` needs `role`, `post` and `fetch` need `changer`.

    `post` takes our forms, `fetch` the POSTs of our scripts (header `X-Screenpop`); a path has one
    of them. The portal is for people: its routes are no part of `/openapi.json`.
    """
    if post is not None and fetch is not None:
        raise ValueError(f"{path}: a path takes forms or scripts, not both")

    async def endpoint(request: Request) -> Response:
        try:
            if request.method == "POST":
                answer = await _change(request, post, fetch, changer)
            else:
                assert get is not None  # noqa: S101 - else the route has no GET
                answer = await get(request, _person(request, role))
        except ScreenpopError as error:
            answer = await _refusal(request, error, as_problem=fetch is not None)
        for name, value in pages.HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    methods = ["GET"] if get is not None else []
    if post is not None or fetch is not None:
        methods.append("POST")
    return Route(path, endpoint, methods=methods)


async def _change(
    request: Request, post: Change | None, fetch: Show | None, changer: Role
) -> Response:
    who = _person(request, changer)
    if fetch is not None:
        requests.require_own_page(request)
        return await fetch(request, who)
    assert post is not None  # noqa: S101 - else the route has no POST
    return await post(request, who, await forms.read(request, who))


def _person(request: Request, role: Role) -> Principal:
    who = principals.principal(request, role)
    request.state.principal = who
    return who


async def _refusal(request: Request, error: ScreenpopError, *, as_problem: bool) -> Response:
    if as_problem and request.method == "POST":
        return problems.response(problems.of(error))
    if isinstance(error, SignInRequired | RoleMissing):
        raise error  # `app.py` leads to the sign-in
    return await pages.refusal(request, error)
