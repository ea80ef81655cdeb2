"""Answer the authorize endpoint: the consent page, and the way back to the application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import urlencode

from adapter.demo.simulated.entra import aadsts, credentials, scopes
from adapter.demo.simulated.entra.aadsts import Denial
from adapter.demo.simulated.entra.directory import Application, Directory, Grant

_SHOW_ANYWAY = frozenset({"consent", "login", "select_account", "admin_consent"})


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML page to show."""

    html: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Redirect:
    """A URL to go to."""

    url: str


@dataclass(frozen=True, slots=True)
class AuthorizeEndpoint:
    """The authorize endpoint at one moment; `v1` tells which of the two was called."""

    directory: Directory
    now: datetime
    v1: bool

    def ask(self, query: Mapping[str, str]) -> Page | Redirect:
        """Answer a browser that comes with an authorization request.

        Raises a Denial for what may not be sent back to the redirect URI.
        """
        app = self._checked(query)
        prompt = query.get("prompt", "")
        if prompt == "none":
            if not app.consented:
                denial = Denial(aadsts.SIGN_IN_NEEDED, "The user has not consented yet.")
                return self._back(query, _error(denial, self.now))
            return self._accepted(app, query)
        if app.consented and prompt not in _SHOW_ANYWAY:
            return self._accepted(app, query)
        person = self.directory.person(query.get("login_hint"))
        return Page(_consent_page(app, person.upn, query))

    def decide(self, form: Mapping[str, str]) -> Page | Redirect:
        """Answer the button that was pressed on the consent page."""
        query = {name: value for name, value in form.items() if name != "decision"}
        app = self._checked(query)
        if form.get("decision") != "accept":
            denial = Denial(aadsts.DECLINED, "User declined to consent to access the app.")
            declined = _error(denial, self.now) | {"error_subcode": "cancel"}
            return self._back(query, declined)
        app.consented = True
        return self._accepted(app, query)

    def _checked(self, query: Mapping[str, str]) -> Application:
        app = credentials.application(self.directory, query.get("client_id", ""))
        if not app.returns_to(query.get("redirect_uri", "")):
            raise Denial(
                aadsts.UNREGISTERED_REDIRECT,
                f"The redirect URI '{query.get('redirect_uri', '')}' specified in the request "
                "does not match the redirect URIs configured for the application "
                f"'{app.client_id}'. Make sure the redirect URI sent in the request matches one "
                "added to your application in the Azure portal.",
            )
        if query.get("response_type", "code") != "code":
            raise Denial(aadsts.MISSING_FIELD, "Only response_type=code is simulated.")
        scopes.asked(self.directory, query, v1=self.v1, app_only=False)
        return app

    def _accepted(self, app: Application, query: Mapping[str, str]) -> Page | Redirect:
        resource, asked = scopes.asked(self.directory, query, v1=self.v1, app_only=False)
        code = self.directory.keep_code(
            Grant(
                client_id=app.client_id,
                person=self.directory.person(query.get("login_hint")),
                scopes=asked,
                resource=resource,
                issued=self.now,
                redirect_uri=query["redirect_uri"],
                challenge=query.get("code_challenge", ""),
                nonce=query.get("nonce"),
            )
        )
        return self._back(query, {"code": code, "session_state": "00000000-0000-0000"})

    def _back(self, query: Mapping[str, str], values: Mapping[str, str]) -> Page | Redirect:
        """Send the browser back by `form_post` or, as is the default, in the query string."""
        values = dict(values)
        if "state" in query:
            values["state"] = query["state"]
        target = query["redirect_uri"]
        if query.get("response_mode") == "form_post":
            return Page(_form_post(target, values))
        mark = "&" if "?" in target else "?"
        return Redirect(f"{target}{mark}{urlencode(values)}")


def admin_consent(directory: Directory, query: Mapping[str, str]) -> Redirect:
    """Answer `/adminconsent`: the administrator consents for everybody, and comes back."""
    app = credentials.application(directory, query.get("client_id", ""))
    target = query.get("redirect_uri", "")
    if not app.returns_to(target):
        raise Denial(aadsts.UNREGISTERED_REDIRECT, f"The redirect URI '{target}' is unknown.")
    app.consented = True
    values = {"admin_consent": "True", "tenant": directory.id, "state": query.get("state", "")}
    return Redirect(f"{target}?{urlencode(values)}")


def error_page(denial: Denial, now: datetime) -> Page:
    """Show an error to the person, as Entra does where it may not redirect."""
    text = escape(str(denial.body(now)["error_description"]))
    return Page(_document("Sign in", f"<h1>Sorry, but we're having trouble</h1><p>{text}</p>"), 400)


def _error(denial: Denial, now: datetime) -> dict[str, str]:
    body = denial.body(now)
    return {"error": str(body["error"]), "error_description": str(body["error_description"])}


def _consent_page(app: Application, upn: str, query: Mapping[str, str]) -> str:
    return _document(
        "Permissions requested",
        f"<p>{escape(upn)}</p><h1>Permissions requested</h1><p><b>{escape(app.name)}</b> would "
        "like to:</p><ul><li>Access Dynamics 365 as you</li><li>Maintain access to data you have "
        f'given it access to</li></ul><form method="post">{_hidden(query)}'
        '<button name="decision" value="decline">Cancel</button> '
        '<button name="decision" value="accept">Accept</button></form>'
        "<p>This is a simulated Microsoft Entra.</p>",
    )


def _form_post(target: str, values: Mapping[str, str]) -> str:
    return _document(
        "Working...",
        f'<form method="post" action="{escape(target)}">{_hidden(values)}'
        "<noscript><p>Script is disabled. Click Submit to continue.</p>"
        '<button type="submit">Submit</button></noscript></form>'
        "<script>document.forms[0].submit();</script>",
    )


def _hidden(values: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in values.items()
    )


def _document(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title></head><body>{body}</body></html>"
    )
