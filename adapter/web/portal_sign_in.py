"""Sign people in to the portal and out of it: the page, the first admin's link, the way out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapter import changes, credentials
from adapter.batch import Batch
from adapter.errors import Forbidden, MalformedInput
from adapter.i18n import Texts
from adapter.identity.people import Person
from adapter.store import admin_links, audits, people, sessions
from adapter.web import addresses, languages, principals, requests, sign_in_pages

FORM_LIMIT = 16 * 1024
"""Bytes of a form of ours."""


async def sign_in(request: Request) -> Response:
    """Offer the ways into the portal; a person who is signed in goes on at once."""
    requests.tenant(request)
    wanted = principals.own_path(request.query_params.get("next"))
    if principals.maybe(request) is not None:
        return RedirectResponse(wanted, 303)
    settings = requests.services(request).registry[requests.tenant(request)].sign_in
    label = "" if settings is None else settings.label
    return sign_in_pages.page(request, "portal.html", next=wanted, label=label)


async def first_page(request: Request) -> Response:
    """Take the token of the one-time link out of the fragment, where no log and no referrer is."""
    requests.tenant(request)
    return sign_in_pages.page(request, "first.html", failed=False, help=None)


async def first(request: Request) -> Response:
    """Sign the first admin in by the one-time token, once."""
    require_own_form(request)
    services = requests.services(request)
    tenant = requests.tenant(request)
    token = (await form(request)).get("token", "").strip()
    # Somebody who copies by hand takes the whole address, or leaves the sign out.
    digest = credentials.digest(token.rpartition("#")[2])

    def job(batch: Batch) -> Person | None:
        if not admin_links.take(batch.cursor, tenant, digest, batch.now):
            return None
        person = people.first_admin(batch.cursor, tenant, batch.now)
        what = {
            None: "signed in by a one-time link",
            "restore": "one-time link refused: the first admin is revoked",
            "role": "one-time link refused: the first admin is admin no more",
        }[_mends(person)]
        audits.add(batch.cursor, tenant, batch.now, who=person.label, what=what)
        return person

    person = await services.committer.submit(job)
    if person is None:
        return sign_in_pages.page(request, "first.html", status=403, failed=True, help=None)
    if (mends := _mends(person)) is not None:
        return sign_in_pages.page(
            request, "first.html", status=403, failed=True, help=mends, person=person.id
        )
    bearer, session = principals.new_session(services, person, "link")
    await services.committer.submit(lambda batch: sessions.add(batch.cursor, session))
    answer = RedirectResponse(principals.HOME, 303)
    cookie = principals.cookie(bearer, services.settings.portal_session_hours)
    answer.headers.append("set-cookie", cookie)
    return answer


def _mends(person: Person) -> Literal["restore", "role"] | None:
    """Name the command of `screenpop people` without which the first admin stays outside."""
    if person.revoked is not None:
        return "restore"
    return None if "admin" in person.roles else "role"


async def sign_out(request: Request) -> Response:
    """End the portal's session; with `everywhere` all sessions of the person, panels too."""
    require_own_form(request)
    services = requests.services(request)
    who = principals.maybe(request)
    everywhere = "everywhere" in await form(request)
    if who is not None:
        now = datetime.now(UTC)

        def job(batch: Batch) -> None:
            if everywhere:
                sessions.end_of_person(batch.cursor, who.tenant, who.person)
                what = "signed out everywhere"
                audits.add(batch.cursor, who.tenant, now, who=who.label, what=what)
            else:
                sessions.end(batch.cursor, who.tenant, who.session)

        await services.committer.submit(job)
        await changes.close_ended_sessions(services)
    answer = RedirectResponse(principals.SIGN_IN, 303)
    answer.headers.append("set-cookie", principals.no_cookie())
    return answer


async def on_sign_in_required(request: Request, error: Exception) -> Response:
    """Lead to the sign-in (Starlette exception handler)."""
    del request
    assert isinstance(error, principals.SignInRequired)  # noqa: S101 - registered for this type
    answer = RedirectResponse(error.location, 303)
    answer.headers["cache-control"] = "no-store"
    return answer


async def on_role_missing(request: Request, error: Exception) -> Response:
    """Say which role is needed (Starlette exception handler)."""
    assert isinstance(error, principals.RoleMissing)  # noqa: S101 - registered for this type
    names = sign_in_pages.role_names(Texts(languages.of_window(request)))
    return sign_in_pages.page(
        request, "no_role.html", status=403, who=error.who, needed=names[error.needed]
    )


ROUTES = [
    Route(path, endpoint, methods=[method])
    for method, path, endpoint in (
        ("GET", principals.SIGN_IN, sign_in),
        ("GET", principals.FIRST, first_page),
        ("POST", principals.FIRST, first),
        ("POST", principals.SIGN_OUT, sign_out),
    )
]


def require_own_form(request: Request) -> None:
    """Check that a form was sent by a page of ours; a form cannot set a header of its own.

    Raises:
        Forbidden: it comes from elsewhere, or the browser does not say from where.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    own = origin is not None and addresses.is_own_origin(
        requests.services(request).settings, origin, host
    )
    if site not in (None, "same-origin") or (origin is not None and not own):
        raise Forbidden("this form must be sent by a page of ours")
    if site is None and origin is None:
        raise Forbidden("this browser does not say which page sent the form; use a newer one")


async def form(request: Request) -> dict[str, str]:
    """Read a form of ours; of a field that is given twice the last counts.

    Raises:
        MalformedInput: it is no urlencoded form.
    """
    text = (await requests.body(request, FORM_LIMIT)).decode("utf-8", "replace")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if text and kind != "application/x-www-form-urlencoded":
        raise MalformedInput("expected a form (application/x-www-form-urlencoded)")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=50))
    except ValueError as error:
        raise MalformedInput(f"the form cannot be read: {error}") from error
