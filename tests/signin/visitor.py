"""Walk through a sign-in as a browser does: cookies by host, forms, redirects."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from tests.server import Server

OWN = {"x-screenpop": "1", "sec-fetch-site": "same-origin"}
PANEL_COOKIE = "__Host-screenpop"
PORTAL_COOKIE = "__Host-screenpop-admin"


class Visitor:
    """One browser; unlike httpx, it sends `Secure` cookies over http to a loopback host."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.http = httpx.Client(trust_env=False, timeout=40, follow_redirects=False)
        self.cookies: dict[str, dict[str, str]] = {}

    def ask(
        self,
        method: str,
        url: str,
        *,
        fields: dict[str, str] | None = None,
        json: Any = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request with this browser's cookies, and keep what it sets."""
        host = urlsplit(url).netloc
        head = {"accept": "text/html", **(headers or {})}
        jar = self.cookies.setdefault(host, {})
        if jar:
            head["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        answer = self.http.request(method, url, data=fields, json=json, headers=head)
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            if re.search(r"max-age=0|expires=thu, 01 jan 1970", line, re.IGNORECASE):
                jar.pop(name, None)
            else:
                jar[name] = value
        return answer

    def at(self, path: str) -> str:
        return self.server.url + path

    def api(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Call our server as the panel's script does."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", self.at(path), json=body or {}, headers={**OWN, **given})

    def follow(self, answer: httpx.Response, login: str | None, *, until: str) -> httpx.Response:
        """Go through the provider's pages as `login` (None: cancel) up to our address `until`.

        Gives the request to send there as a response whose `url` and `form` say it: it is not sent.
        """
        for _ in range(12):
            if answer.status_code in (302, 303):
                target = urljoin(str(answer.url), answer.headers["location"])
                if urlsplit(target).path == until:
                    return _Stop(target, None)
                answer = self.ask("GET", target)
                continue
            action, fields = form(answer.text)
            target = urljoin(str(answer.url), action)
            if urlsplit(target).path == until:
                return _Stop(target, fields)
            if "login" in fields:
                fields = {"cancel": "1"} if login is None else {"login": login}
            answer = self.ask("POST", target, fields=fields)
        raise AssertionError("the provider leads nowhere")

    def close(self) -> None:
        self.http.close()


class _Stop(httpx.Response):
    """The last step, held back: what the browser would now send to our callback."""

    def __init__(self, target: str, fields: dict[str, str] | None) -> None:
        super().__init__(200)
        self.target = target
        self.fields = fields


def form(page: str) -> tuple[str, dict[str, str]]:
    """Read the (first) form of a page: where it goes, and its inputs."""
    action = re.search(r'<form[^>]*action="([^"]*)"', page)
    assert action, page
    fields = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name:
            fields[name[1]] = html.unescape(value[1]) if value else ""
    return html.unescape(action[1]), fields


class PanelSignIn:
    """What the panel does: a transaction, a window, and the wait for what becomes of it."""

    def __init__(self, browser: Visitor, ancestors: list[str] | None = None) -> None:
        self.browser = browser
        self.ancestors: list[str] | None = [] if ancestors is None else ancestors
        """None, set afterwards, is a browser that does not tell."""
        self.tx = secrets.token_urlsafe(24)
        self.verifier = secrets.token_urlsafe(32)

    def _around(self) -> dict[str, Any]:
        return {} if self.ancestors is None else {"ancestors": self.ancestors}

    def register(self, **more: Any) -> httpx.Response:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        body = {
            "tx": self.tx,
            "challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            **self._around(),
            **more,
        }
        return self.browser.api("/v1/sign-in", body)

    def open_window(self, browser: Visitor | None = None, **headers: str) -> httpx.Response:
        """Open the window: `sec_fetch_site` says from where (our panel, if nothing is given)."""
        given = {"sec_fetch_site": "same-origin", "sec_fetch_dest": "document", **headers}
        head = {name.replace("_", "-"): value for name, value in given.items() if value}
        who = browser or self.browser
        return who.ask("GET", who.at(f"/sign-in/start?{urlencode({'tx': self.tx})}"), headers=head)

    def to_callback(self, login: str | None = "alice", **headers: str) -> _Stop:
        """Sign in at the provider, and stop before our callback."""
        opened = self.open_window(None, **headers)
        stopped = self.browser.follow(opened, login, until="/v1/signin/callback")
        assert isinstance(stopped, _Stop)
        return stopped

    def call_back(self, stopped: _Stop, browser: Visitor | None = None) -> httpx.Response:
        """Send the held-back answer to our callback."""
        who = browser or self.browser
        method = "GET" if stopped.fields is None else "POST"
        head = {"sec-fetch-site": "cross-site", "origin": "null"}
        return who.ask(method, stopped.target, fields=stopped.fields, headers=head)

    def redeem(self, **changes: Any) -> httpx.Response:
        body = {
            "tx": self.tx,
            "verifier": self.verifier,
            **self._around(),
            **changes,
        }
        return self.browser.api("/v1/sign-in/redeem", body)

    def sign_in(self, login: str = "alice") -> dict[str, Any]:
        """Do it all; gives what the panel learns."""
        assert self.register().status_code == 200
        done = self.call_back(self.to_callback(login))
        assert done.status_code == 200, done.text
        answer: dict[str, Any] = self.redeem().json()
        return answer

    def ticket(self, bearer: str | None = None, **changes: Any) -> httpx.Response:
        head = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        return self.browser.api("/v1/feed/ticket", {**self._around(), **changes}, **head)
