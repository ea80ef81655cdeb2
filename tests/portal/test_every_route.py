"""What holds for every page of the portal, also for the one that is written next."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Route

from adapter.web.portal.routes import routes
from tests import principals
from tests.portal.visitor import Visitor
from tests.server import Server

PAGES = [each for each in routes() if isinstance(each, Route)]
PATHS = sorted({(method, each.path) for each in PAGES for method in each.methods or ()})
CHANGES = [path for method, path in PATHS if method == "POST"]
SHOWN = [path for method, path in PATHS if method == "GET"]


def filled(path: str) -> str:
    """Put something into the places of a path."""
    path = re.sub(r"\{\w+:int\}", "1", path)
    return re.sub(r"\{[^}]*\}", "x", path)


def test_there_is_something_to_test() -> None:
    assert len(CHANGES) > 20
    assert len(SHOWN) > 15
    assert "/admin/domains" in CHANGES


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    "head",
    [
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example", "sec-fetch-site": ""},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "", "sec-fetch-site": ""},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    ],
    ids=["other site", "other origin", "opaque", "same site", "says nothing", "contradiction"],
)
def test_no_other_page_changes_anything(
    admin: Visitor, server: Server, path: str, head: dict[str, str]
) -> None:
    before = entries(server)
    answer = admin.send("POST", filled(path), {"text": "x", "do": "save"}, headers=head)
    assert answer.status_code == 403, (path, answer.status_code)
    if head != {"origin": "", "sec-fetch-site": ""}:  # no browser sends a script's POST so
        script = {**head, "x-screenpop": "1"}
        answer = admin.send("POST", filled(path), json={"text": "x"}, headers=script)
        assert answer.status_code in (403, 415), (path, answer.status_code)
    assert entries(server) == before


def entries(server: Server) -> int:
    """Count what the audit log has: whoever changes something is in it."""
    with server.office() as office, office.database.reading():
        row = office.database.raw.execute("SELECT count(*) FROM audit").fetchone()
    return int(row[0])


@pytest.mark.parametrize("path", SHOWN)
def test_no_page_is_shown_in_a_frame_or_kept(admin: Visitor, path: str) -> None:
    answer = admin.send("GET", filled(path))
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nobody_gets_anything_without_a_session(server: Server, method: str, path: str) -> None:
    with Visitor(server) as stranger:
        answer = stranger.send(method, filled(path), {"a": "b"} if method == "POST" else None)
    assert answer.status_code in (303, 401, 403), (path, answer.status_code)
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/admin/sign-in")


@pytest.mark.parametrize("path", CHANGES)
def test_a_supervisor_changes_nothing(server: Server, path: str) -> None:
    with Visitor(server, principals.sign_in(server, "supervisor", name="Sue")) as supervisor:
        before = entries(server)
        answer = supervisor.send("POST", filled(path), {"text": "", "do": "save", "version": "0"})
    if path not in OWN:
        assert answer.status_code in (403, 415), (path, answer.status_code)
    assert entries(server) == before


OWN = {"/admin/preferences", "/admin/domains/check"}
"""What a supervisor may post: a language of their own, and a question."""
