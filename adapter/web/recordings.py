"""Give a recording's link, and follow it: check who asks, write down who it was, lead to the file.

The link is written into a CRM record for years. Where it leads is made on each click and works for
minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from adapter import credentials, recordings
from adapter.committer import Committer
from adapter.errors import (
    Forbidden,
    NotFound,
    ScreenpopError,
    Unauthenticated,
    Unavailable,
)
from adapter.recordings import ForeignBucket, Link
from adapter.services import Services
from adapter.settings import Settings
from adapter.steps import File
from adapter.store import accounts, recordings as stored
from adapter.store.database import Database
from adapter.tenants import ContactKey, Tenant
from adapter.web import (
    languages,
    panel_sessions,
    principals,
    problems,
    recording_pages,
    refusal_pages,
    requests,
)
from adapter.web.recording_pages import Case

_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "cache-control": "no-store",
        # The signed address says where from it was reached only to S3; our link stays here.
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    }
)
_OF_PROBLEMS = ("www-authenticate", "retry-after")
_CASES: tuple[tuple[type[ScreenpopError], Case], ...] = (
    (Unauthenticated, "sign-in"),
    (ForeignBucket, "unavailable"),
    (Forbidden, "not-yours"),
    (NotFound, "gone"),
    (Unavailable, "unavailable"),
)


def linker(
    database: Database, committer: Committer, settings: Settings
) -> Callable[[Tenant, str, File], str]:
    """Make what gives the link of a contact's file, to be written down elsewhere.

    It is kept before it is given; giving it raises `StoreUnavailable` where that cannot be.
    """

    def link(tenant: Tenant, contact: str, file: File) -> str:
        key = ContactKey(tenant, contact)
        with database.reading():
            token = stored.known_token(database.raw.cursor(), key, file)
        if token is None:
            token = committer.run_now(
                lambda batch: stored.token(batch.cursor, key, file, batch.now)
            )
        return recordings.address(settings.origin_of(tenant), token)

    return link


async def follow(request: Request) -> Response:
    """Lead to a contact's recording or transcript: an agent who had it, or an admin key.

    The link works for good; where it leads works for minutes. Who followed it is in the contact's
    trace. A browser that is not signed in gets a card.
    """
    try:
        return await _followed(request)
    except (Unauthenticated, Forbidden, NotFound, Unavailable) as error:
        if not refusal_pages.is_wanted(request):
            raise
        return _card(request, error)


async def _followed(request: Request) -> Response:
    services = requests.services(request)
    tenant = requests.tenant(request)
    link = _link(services, tenant, request.path_params["token"])
    who = _who(request, services, link)
    buckets = _buckets(services, tenant)
    now = datetime.now(UTC)
    target = recordings.destination(link, services.settings.recording_access, buckets, now)
    told = f"{who}: {recordings.about(link)}"
    # Kept before the file is given away: nobody listens unseen.
    await services.committer.submit(
        lambda batch: batch.trace(tenant, link.contact, "listened", told)
    )
    return Response(status_code=302, headers={**_HEADERS, "location": target})


def _link(services: Services, tenant: Tenant, token: str) -> Link:
    found = None
    if recordings.is_token(token):
        with services.database.reading():
            found = stored.get(services.database.raw.cursor(), tenant, token)
    if found is None:
        raise NotFound("there is no such recording")
    return found


def _who(request: Request, services: Services, link: Link) -> str:
    """Name who asks, if they may: `key …` or an agent.

    Raises:
        Unauthenticated: nobody has signed in, or the credential is wrong or over.
        Forbidden: an agent who did not have the contact, a key of another scope, a foreign page.
    """
    secret = credentials.presented(
        request.headers.get("authorization"), request.headers.get("x-api-key")
    )
    if secret is not None and credentials.key_id(secret) is not None:
        return f"key {services.registry.check_key(link.tenant, secret, 'admin').id}"
    if secret is None:
        _require_a_click(request)
        admin = principals.maybe(request)
        if admin is not None and admin.tenant == link.tenant and admin.may("admin"):
            return admin.label
    agent = _agent(request, services, link.tenant)
    settings = services.registry[link.tenant]
    if agent not in {settings.agent(each).id for each in link.agents}:
        told = f"{agent}: {recordings.about(link)}, which was not theirs"
        services.committer.trace_later(
            link.tenant, link.contact, datetime.now(UTC), "refused", told
        )
        raise Forbidden("only an agent who had the contact, or an administrator, may open it")
    return agent


def _require_a_click(request: Request) -> None:
    """Check that a cookie comes with a click or from our own page, and not with a foreign page.

    Raises:
        Forbidden: a foreign page loads the link as a part of itself (`<audio>`, `fetch`, a frame).
    """
    opened = request.headers.get("sec-fetch-dest", "document") == "document"
    own = request.headers.get("sec-fetch-site") == "same-origin"
    if not opened and not own:
        raise Forbidden("open the link itself: no other page may load it")


def _agent(request: Request, services: Services, tenant: Tenant) -> str:
    found = panel_sessions.find(request, tenant)
    if found is None:
        raise Unauthenticated("sign in first, or again: the session may be over")
    return found.agent().id


def _buckets(services: Services, tenant: Tenant) -> frozenset[str]:
    """Give the buckets that the accounts in force name."""
    return frozenset(
        each.applied.account.recording_bucket
        for each in accounts.listed(services.database, tenant)
        if each.applied is not None and each.applied.account.recording_bucket
    )


def _card(request: Request, error: ScreenpopError) -> Response:
    locale = languages.of_window(request)
    case = next(case for kind, case in _CASES if isinstance(error, kind))
    problem = problems.of(error)
    kept = {name: value for name, value in problem.headers if name in _OF_PROBLEMS}
    page = recording_pages.card(case, locale)
    return Response(page, problem.status, {**refusal_pages.card_headers(request), **kept})
