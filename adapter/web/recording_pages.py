"""Build the card for who follows a recording's link without being signed in, or in vain."""

from __future__ import annotations

from typing import Literal

from markupsafe import Markup

from adapter.i18n import Texts
from adapter.web import cards

Case = Literal["sign-in", "not-yours", "gone", "unavailable"]


def card(case: Case, locale: str) -> str:
    """Build the card: static, without script, with nothing of the contact or the link."""
    _ = Texts(locale)
    title, text = _words(case, _)
    ways: list[Markup] = []
    if case == "sign-in":
        ways.append(cards.way(_("Open the agent panel"), "/"))
    if case in {"sign-in", "unavailable"}:
        ways.append(cards.way(_("Try again"), ""))
    return cards.page(locale, title, [cards.line(text), *ways])


def _words(case: Case, _: Texts) -> tuple[str, str]:
    match case:
        case "sign-in":
            return (
                _("Sign in to listen"),
                _("Sign in to the agent panel in this browser, then follow the link again."),
            )
        case "not-yours":
            return (
                _("This recording is not yours"),
                _("Only an agent who had the contact, or an administrator, may open it."),
            )
        case "gone":
            return (
                _("There is no such recording"),
                _("The link may have been copied in part, or the contact was erased."),
            )
        case "unavailable":
            return (
                _("The recording cannot be opened just now"),
                _("The server cannot reach where recordings are kept. Ask your administrator."),
            )
