"""End the consent window: take Microsoft's answer (GET or form_post) and say what came of it."""

from __future__ import annotations

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from adapter.connections import ConsentResult
from adapter.i18n import Texts
from adapter.web import callback_answers, cards, consent_cookies, languages
from adapter.web.accounts import connections
from adapter.web.portal import dynamics_phrases


async def callback(request: Request) -> Response:
    """Finish a consent; exempt from the origin check, guarded by state, PKCE, nonce and cookie.

    The code works once: a reload of this page says so and changes nothing. 202 where the browser
    is another than the one that asked: nothing is changed before an administrator confirms it.
    """
    result = await connections(request).desk.finish_consent(
        await callback_answers.read(request), browser=consent_cookies.secret_of(request)
    )
    locale = languages.of_window(request)
    waits = result.outcome == "unconfirmed"
    status = 202 if waits else 200 if result.ok else 400
    return Response(page(result, locale), status, cards.HEADERS)


def page(result: ConsentResult, locale: str) -> str:
    """Build the page: what came of it, for whom, what to do now."""
    _ = Texts(locale)
    if result.outcome == "unknown":
        title = _("This consent window is not known, was used already, or is too old.")
        parts = [cards.line(_("Press Request token again and finish within ten minutes."))]
    elif result.outcome == "unconfirmed":
        title = _("One more step: an administrator confirms this sign-in")
        parts = _unconfirmed(result, _)
    else:
        # What Microsoft or Dynamics refused is told in sentences that the portal knows as well.
        title = dynamics_phrases.say(_, result.message)
        parts = _tested(result, _)
    return cards.page(locale, title, [*parts, cards.line(_("You can close this window."))])


def _unconfirmed(result: ConsentResult, _: Texts) -> list[Markup]:
    return [
        cards.line(_("Signed in as %(person)s.", person=result.person)),
        cards.line(
            _(
                "This browser is not the one that asked for the token. Whoever pressed Request "
                "token gives this code in the settings of %(account)s within ten minutes:",
                account=result.account,
            )
        ),
        cards.copied(result.code),
        cards.line(_("On the command line: screenpop accounts confirm ACCOUNT CODE")),
        cards.line(_("If somebody sent you here unasked, give nobody the code.")),
    ]


def _tested(result: ConsentResult, _: Texts) -> list[Markup]:
    lines = [dynamics_phrases.say(_, result.advice)] if result.advice else []
    if result.person:
        lines.append(_("Signed in as %(person)s.", person=result.person))
    if result.report is not None and result.report.organisation:
        lines.append(_("Organisation: %(name)s.", name=result.report.organisation))
    if result.report is not None and result.report.user:
        lines.append(_("User in Dynamics: %(name)s.", name=result.report.user))
    if result.ok:
        lines.append(_("Now press Apply in the settings of %(account)s.", account=result.account))
    return [cards.line(each) for each in lines]
