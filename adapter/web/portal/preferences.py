"""Keep how a person likes to read: language and time zone, by browser."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from adapter import i18n, preferences
from adapter.web import principals
from adapter.web.portal import pages
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

_YEAR = 365 * 24 * 3600


async def choose(request: Request, _who: Principal, form: Form) -> Response:
    """Keep the choice (an empty one forgets it) and go back to the page it was made on."""
    answer = pages.redirect(request, principals.own_path(form.text("back")))
    for name, value, known in (
        (pages.LANGUAGE_COOKIE, form.text("language"), i18n.LOCALES.__contains__),
        (pages.ZONE_COOKIE, form.text("zone"), lambda zone: preferences.zone(zone) is not None),
    ):
        if value and known(value):
            answer.set_cookie(name, value, _YEAR, path="/", samesite="lax")
        elif not value and name.removeprefix("screenpop-") in form.fields:
            answer.delete_cookie(name, path="/", samesite="lax")
    return answer


ROUTES = [page("/admin/preferences", post=choose, changer="supervisor")]
