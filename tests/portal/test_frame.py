"""What every page of the portal has: who may see it, which headers, which forms are ours."""

from __future__ import annotations

import pytest

from tests import principals
from tests.portal.visitor import Visitor
from tests.server import Server


def test_nobody_sees_the_portal_without_signing_in(server: Server) -> None:
    with Visitor(server) as visitor:
        answer = visitor.send("GET", "/admin/health?days=7")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/sign-in?next=%2Fadmin%2Fhealth%3Fdays%3D7"


def test_an_admin_sees_the_overview_with_a_menu(admin: Visitor) -> None:
    page = admin.get("/admin")
    assert page.status == 200
    assert "Overview" in page
    assert "/admin/domains" in page.links
    assert "Ada Admin" in page


def test_no_page_may_frame_the_portal_and_nothing_keeps_it(admin: Visitor) -> None:
    for path in ("/admin", "/admin/no-such-page"):
        headers = admin.get(path).response.headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        # With `no-referrer` browsers would send `Origin: null` with our own forms.
        assert headers["referrer-policy"] == "same-origin"


def test_a_page_that_is_not_there_says_so(admin: Visitor) -> None:
    page = admin.get("/admin/no-such-page")
    assert page.status == 404
    assert "There is no such page" in page


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "", "sec-fetch-site": "cross-site"},
        {"origin": "", "sec-fetch-site": ""},
    ],
    ids=str,
)
def test_a_form_of_another_page_is_refused(admin: Visitor, headers: dict[str, str]) -> None:
    answer = admin.send("POST", "/admin/preferences", {"language": "ja"}, headers=headers)
    assert answer.status_code == 403
    assert "screenpop-language" not in answer.headers.get("set-cookie", "")


def test_a_browser_that_does_not_say_where_a_form_is_from_needs_its_token(admin: Visitor) -> None:
    silent = {"origin": "", "sec-fetch-site": ""}
    token = admin.get("/admin").value("form-token")
    good = admin.send("POST", "/admin/preferences", {"form-token": token}, headers=silent)
    assert good.status_code == 303
    bad = admin.send("POST", "/admin/preferences", {"form-token": token[:-1]}, headers=silent)
    assert bad.status_code == 403


def test_a_token_is_of_one_session(admin: Visitor, supervisor: Visitor) -> None:
    silent = {"origin": "", "sec-fetch-site": ""}
    token = admin.get("/admin").value("form-token")
    answer = supervisor.send("POST", "/admin/preferences", {"form-token": token}, headers=silent)
    assert answer.status_code == 403


def test_a_form_must_be_a_form(admin: Visitor) -> None:
    answer = admin.send("POST", "/admin/preferences", json={"language": "ja"})
    assert answer.status_code == 415


def test_a_form_that_is_too_long_is_refused(admin: Visitor) -> None:
    page = admin.submit("/admin/preferences", {"language": "x" * (8 * 1024 * 1024)})
    assert page.status == 413


def test_the_language_is_the_persons_choice_before_the_browsers(server: Server) -> None:
    cookie = principals.sign_in(server, "supervisor", name="Lena Language")
    with Visitor(server, cookie, **{"accept-language": "ja"}) as visitor:
        assert "概要" in visitor.get("/admin")
        page = visitor.submit("/admin/preferences", {"language": "en", "back": "/admin"})
        assert "Overview" in page
        assert "概要" in visitor.submit("/admin/preferences", {"language": ""})


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil", "/v1/x"])
def test_a_choice_leads_to_no_other_place(admin: Visitor, back: str) -> None:
    answer = admin.send("POST", "/admin/preferences", {"back": back})
    assert answer.headers["location"] == "/admin"


@pytest.mark.parametrize("path", ["/admin"])
def test_an_agent_may_not_see_the_portal(server: Server, path: str) -> None:
    with Visitor(server, principals.sign_in(server, "agent", name="Al Agent")) as visitor:
        page = visitor.get(path)
    assert page.status == 403
    assert "Supervisor" in page
