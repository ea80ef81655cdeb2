"""Visit the portal as a browser without scripts does: follow links, fill in forms, read pages."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self

import httpx

from tests.server import Server

Fields = Mapping[str, str | list[str]]


class Page:
    """An answer, read as a person reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.html = response.text
        reader = _Reader()
        reader.feed(self.html)
        self.text = " ".join(" ".join(reader.words).split())
        self.values: dict[str, list[str]] = reader.values
        self.links: list[str] = reader.links
        self.ids: set[str] = reader.ids

    def value(self, name: str) -> str:
        """Give what stands in a field of that name (the last of several)."""
        return self.values[name][-1]

    def __contains__(self, text: str) -> bool:
        return text in self.text


class Visitor:
    """Somebody with the cookies of a browser; `headers` are sent along with every request."""

    def __init__(self, server: Server, cookie: str = "", **headers: str) -> None:
        name, _, value = cookie.partition("=")
        self.server = server
        self.cookies = {name: value} if cookie else {}
        self.headers = {"accept-language": "en", **headers}
        self.http = httpx.Client(trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def get(self, path: str, **headers: str) -> Page:
        """Open a page; a redirect is followed."""
        return self._follow(self.send("GET", path, headers=headers))

    def submit(self, path: str, fields: Fields, **headers: str) -> Page:
        """Send a form as a browser does from our own page, and follow where it leads."""
        return self._follow(self.send("POST", path, fields, headers=headers))

    def ask(self, path: str, body: Any) -> httpx.Response:
        """Ask as a script of ours does."""
        return self.send("POST", path, json=body, headers={"x-screenpop": "1"})

    def send(
        self,
        method: str,
        path: str,
        fields: Fields | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """Send one request and keep the cookies of the answer; nothing is followed."""
        sent = {**self.headers}
        if method == "POST":
            sent |= {"origin": self.server.url, "sec-fetch-site": "same-origin"}
        sent |= {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        # Written by hand: httpx keeps no `Secure` cookie for http, a browser does on the loopback.
        sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {name: value for name, value in sent.items() if value}
        self.http.cookies.clear()
        answer = self.http.request(
            method, self.server.url + path, data=fields, headers=sent, **more
        )
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            if "max-age=0" in line.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def _follow(self, answer: httpx.Response) -> Page:
        while answer.is_redirect:
            location = answer.headers["location"]
            assert location.startswith("/"), location
            answer = self.send("GET", location)
        return Page(answer)


class _Reader(HTMLParser):
    """Read a page's words, links, and what stands in its fields."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.values: dict[str, list[str]] = {}
        self.links: list[str] = []
        self.ids: set[str] = set()
        self._area: str | None = None
        self._templates = 0
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "template":
            self._templates += 1  # what is inside is for scripts, and not on the page
        if self._templates:
            return
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self._enter_field(tag, given)

    def _enter_field(self, tag: str, given: dict[str, str]) -> None:
        if tag == "textarea":
            self._area = given["name"]
            self.values.setdefault(self._area, []).append("")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select and "selected" in given:
            self.values.setdefault(self._select, []).append(given["value"])
        elif tag == "input" and "name" in given:
            boxes = given.get("type") in {"checkbox", "radio"}
            if not boxes or "checked" in given:
                self.values.setdefault(given["name"], []).append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._templates -= 1
        elif tag == "textarea" and self._area is not None:
            # A browser drops the line end right behind the tag (HTML, 13.2.6.4.7).
            self.values[self._area][-1] = self.values[self._area][-1].removeprefix("\n")
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._templates:
            return
        if self._area is not None:
            self.values[self._area][-1] += data
        else:
            self.words.append(data)
