"""A browser gets a page in the reader's language where a program gets a problem."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.server import Server

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "sec-fetch-mode": "navigate"}
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("refusal-pages")) as server:
        yield server


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.http.request(method, server.url + path, headers=sent)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nothing", 404, "アドレスを確認するか、次のページから始めてください。"),
        ("/v1/nothing", 404, "アドレスを確認するか"),
        ("/v1/embedder", 405, "直接開くことはできません"),
        ("/v1/events", 405, "直接開くことはできません"),
        ("/v1/feed", 426, "直接開くことはできません"),
        ("/v1/admin/keys", 404, "アドレスを確認するか"),
        ("/v1/contacts/x", 401, "サービス キーが必要です"),
        ("/v1/signin/callback?state=a&state=b", 400, "state が 2 回指定されています"),
    ],
)
def test_a_browser_gets_a_page_in_its_language(
    server: Server, path: str, status: int, said: str
) -> None:
    answer = ask(server, path, **BROWSER, accept_language="ja")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="ja">' in answer.text
    assert said in answer.text
    assert 'href="/admin"' in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {"accept": "*/*"},
        {"accept": "text/html;q=0, */*"},
        {"accept": "application/xml, text/html; q=0.0"},
        {"accept": "application/json"},
        {"accept": "application/problem+json, text/html;q=0.5"},
        {**BROWSER, "sec-fetch-mode": "cors"},
        {**BROWSER, "x-screenpop": "1"},
    ],
    ids=str,
)
def test_a_program_gets_a_problem_in_english(server: Server, headers: dict[str, str]) -> None:
    answer = ask(server, "/nothing", **headers, accept_language="ja")
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
    assert answer.json()["title"] == "There is no such page here"


def test_the_page_keeps_what_the_problem_says_in_headers(server: Server) -> None:
    assert ask(server, "/v1/embedder", **BROWSER).headers["allow"] == "POST"
    assert "Bearer" in ask(server, "/v1/contacts/x", **BROWSER).headers["www-authenticate"]


def test_what_a_stranger_asks_for_is_not_written_into_the_page(server: Server) -> None:
    page = ask(server, "/<script>alert(1)</script>?x=<b>", **BROWSER)
    assert page.status_code == 404
    assert "alert" not in page.text
    assert "<b>" not in page.text


def test_a_page_speaks_english_to_who_wants_neither_language(server: Server) -> None:
    page = ask(server, "/nothing", **BROWSER, accept_language="de")
    assert '<html lang="en">' in page.text
    assert "There is no such page" in page.text


def test_caches_are_told_that_the_wish_for_a_page_chooses(server: Server) -> None:
    for headers in (BROWSER, {"accept": "*/*"}):
        assert ask(server, "/nothing", **headers).headers["vary"] == "Accept"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:80/x?",
        "localhost:8755; script-src *",
        "evil.example, other.example",
        "user@evil.example",
        "evil.example:port",
        "[::1",
        "<b>",
    ],
)
@pytest.mark.parametrize("path", ["/", "/admin", "/nothing", "/v1/signin/callback"])
def test_a_host_header_that_is_no_host_comes_back_nowhere(
    server: Server, path: str, host: str
) -> None:
    for headers in (BROWSER, {"accept": "*/*"}):
        answer = ask(server, path, **headers, host=host)
        assert answer.status_code == 400
        assert "the Host header names no host" in answer.text
        assert "evil" not in answer.text + str(answer.headers)
        assert 'href="/' not in answer.text.partition("<body")[2]


@pytest.mark.parametrize("host", ["pop.example", "POP_1.example.:8443", "[2001:db8::1]:80", "box"])
def test_a_host_header_that_is_a_host_is_taken(server: Server, host: str) -> None:
    assert ask(server, "/nothing", host=host).status_code == 404


@pytest.mark.parametrize("dest", ["iframe", "frame", "object", "embed"])
@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/v1/events", 405), ("/v1/contacts/x", 401)]
)
def test_in_a_frame_any_page_may_show_the_page_and_it_leads_to_the_panel_alone(
    server: Server, path: str, status: int, dest: str
) -> None:
    framed = ask(server, path, **BROWSER, sec_fetch_dest=dest)
    assert framed.status_code == status
    assert "frame-ancestors *" in framed.headers["content-security-policy"]
    assert "x-frame-options" not in framed.headers
    assert 'href="/"' in framed.text
    assert 'href="/admin"' not in framed.text
    assert "<script" not in framed.text


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("tenants"), SCREENPOP_ENVIRONMENT_DOMAIN="sp.test")
    with server.office() as office:
        office.create_tenant("acme")
    with server:
        yield server


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"accept": "text/html"}, "text/html; charset=utf-8"),
        (BROWSER, "text/html; charset=utf-8"),
        ({"accept": "*/*"}, PROBLEM),
        ({"accept": "text/html;q=0, */*"}, PROBLEM),
        ({"accept": "application/json, text/html;q=0.1"}, PROBLEM),
        ({**BROWSER, "sec-fetch-mode": "cors"}, PROBLEM),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/", "/nothing", "/v1/events", "/v1/feed", "/r/x"])
def test_a_host_of_no_tenant_is_told_to_browsers_in_a_page_and_to_programs_in_a_problem(
    tenants: Server, path: str, headers: dict[str, str], kind: str
) -> None:
    answer = ask(tenants, path, **headers, host="nobody.sp.test")
    assert (answer.status_code, answer.headers["content-type"]) == (421, kind)
    assert answer.headers["vary"] == "Accept"
