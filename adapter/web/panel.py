"""Serve the panel's page, or the refusal card where its embedder is known and not allowed."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapter import __version__, framing, i18n
from adapter.domains import DomainRules, suggest
from adapter.framing import Refuse
from adapter.services import Services
from adapter.tenants import Tenant
from adapter.web import (
    addresses,
    embedding,
    framing_pages,
    languages,
    panel_sessions,
    refusal_pages,
    requests,
    trials,
)
from adapter.web.assets import Assets, accepts_gzip
from adapter.web.requests import UnknownTenant

log = structlog.get_logger()

REPORT_URI = "/v1/csp-reports"


@dataclass(frozen=True, slots=True)
class Pages:
    """What the panel's page is made of."""

    assets: Assets
    environments: Mapping[str, Environment]
    """The templates by language."""
    messages: Mapping[str, str]
    """The address of each language's texts for the script, empty where all stand for themselves."""


def load_pages(assets: Assets) -> Pages:
    """Read the templates, once for each language."""
    environments = {}
    for locale in i18n.LOCALES:
        environment = Environment(
            loader=PackageLoader("adapter", "templates"),
            autoescape=True,
            extensions=["jinja2.ext.i18n"],
            undefined=StrictUndefined,
        )
        environment.install_gettext_translations(i18n.translations(locale), newstyle=True)  # type: ignore[attr-defined]
        environments[locale] = environment
    messages = {
        locale: assets.url(f"locales/{locale}.json") if i18n.js_catalog(locale) else ""
        for locale in i18n.LOCALES
    }
    return Pages(assets, environments, messages)


async def page(request: Request) -> Response:
    """Serve the panel, or the refusal card where the embedder is known and not allowed."""
    services = requests.services(request)
    headers = request.headers
    host = headers.get("host", "")
    locale = languages.of_panel(request)
    try:
        tenant = requests.tenant(request)
    except UnknownTenant:
        if not refusal_pages.is_wanted(request):
            raise
        # Frames often do not say what they are; they must not stay blank at a wrong address.
        card = framing_pages.unknown_host_page(host, locale)
        return Response(card, 421, {**framing_pages.refusal_headers(), "Vary": "Accept"})
    rules = services.registry[tenant].rules
    verdict = framing.decide(
        dest=headers.get("sec-fetch-dest"),
        referer=headers.get("referer"),
        embedder_param=request.query_params.get("embedder"),
        own_origins=addresses.own_origins(services.settings, host),
        rules=rules,
    )
    if isinstance(verdict, Refuse):
        embedding.note_refusal(services, tenant, verdict, seen_by="server")
        line = suggest(verdict.origin)
        card = framing_pages.refusal_page(
            verdict.origin, line, framing_pages.retry_url_for(verdict.origin), locale
        )
        return Response(card, 403, framing_pages.refusal_headers())
    pages: Pages = request.state.pages
    html = (
        pages.environments[locale]
        .get_template("panel.html")
        .render(
            version=__version__,
            tenant=tenant,
            locale=locale,
            languages=languages.others(locale),
            # Without one, the panel need not ask for a ticket to learn that it gets none.
            session=panel_sessions.is_known(request, tenant),
            demo=services.demo,
            sign_in="" if services.demo else _sign_in(services, tenant),
            asset=pages.assets.url,
            messages_url=pages.messages[locale],
        )
    )
    sent = page_headers(services, tenant, host) | trials.header(services, tenant)
    answer = _page(request, html, sent)
    languages.keep(request, answer)
    return answer


def _page(request: Request, html: str, headers: Mapping[str, str]) -> HTMLResponse:
    """Give the page, compressed where the browser takes that: nothing secret stands in it."""
    body, vary = html.encode(), {"Vary": "Accept-Encoding"}
    if accepts_gzip(request.headers.get("accept-encoding", "")):
        body = gzip.compress(body, compresslevel=6, mtime=0)
        vary |= {"Content-Encoding": "gzip"}
    return HTMLResponse(body, headers={**headers, **vary})


def _sign_in(services: Services, tenant: Tenant) -> str:
    """Name what people sign in with; empty where nothing is set up."""
    settings = services.registry[tenant].sign_in
    return "" if settings is None else settings.label


def page_headers(services: Services, tenant: Tenant | None, host: str) -> dict[str, str]:
    """Give the headers of every HTML answer: `frame-ancestors` first, never without it."""
    if tenant is None:
        rules, frame_sources = DomainRules.parse(""), []
    else:
        settings = services.registry[tenant]
        rules = settings.rules
        policy = settings.policy
        embeds = policy is not None and policy.target == "embedded"
        frame_sources = [policy.organisation] if policy is not None and embeds else []
    if rules.header_fault is not None:
        services.metrics.alarms.labels("unsafe frame-ancestors").inc()
        log.error("frame-ancestors is unsafe: nobody may embed", fault=rules.header_fault)
    # 'self' covers ws: and wss: in today's browsers; naming them also serves older ones.
    sockets = [f"ws://{host.lower()}", f"wss://{host.lower()}"] if _plain_host(host) else []
    return framing.security_headers(
        rules, report_uri=REPORT_URI, frame_sources=frame_sources, connect_sources=sockets
    )


def _plain_host(host: str) -> bool:
    return bool(host) and all(
        char.isascii() and (char.isalnum() or char in ".:-[]") for char in host
    )
