"""Static files come under one hash, cached for ever, in a form that browsers take."""

from __future__ import annotations

import gzip
import inspect
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import PurePosixPath

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from adapter import erasure, i18n, pipeline, pop_claims
from adapter.close_codes import CLOSE_CODES
from adapter.pops import requests as pop_requests
from adapter.web import languages
from adapter.web.assets import (
    CONTENT_TYPES,
    FOR_EVER,
    PANEL_SCRIPT,
    PANEL_STYLE,
    Assets,
    AssetsApp,
    accepts_gzip,
)

FIRST_LOAD = 45 * 1024
"""Bytes of everything that the panel's first page takes, compressed (the heads come on top)."""


@pytest.fixture(scope="module")
def assets() -> Assets:
    return Assets.load()


@pytest.fixture(scope="module")
def client(assets: Assets) -> Iterator[TestClient]:
    app = Starlette(routes=[Mount("/static", AssetsApp(assets))])
    with TestClient(app, headers={"accept-encoding": "gzip, br"}) as client:
        yield client


@pytest.fixture(scope="module")
def page(assets: Assets) -> str:
    return render(assets, "en")


def source(path: str) -> str:
    return (resources.files("adapter") / "static" / path).read_text(encoding="utf-8")


def render(assets: Assets, locale: str, *, demo: bool = True) -> str:
    environment = Environment(
        loader=PackageLoader("adapter", "templates"),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
    )
    translations = i18n.translations(locale)
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    return environment.get_template("panel.html").render(
        version="1.2.3",
        tenant="default",
        locale=locale,
        languages=languages.others(locale),
        sign_in="Contoso",
        session=False,
        demo=demo,
        asset=assets.url,
        messages_url=assets.url(f"locales/{locale}.json") if locale != "en" else "",
    )


def test_a_module_comes_compressed_and_may_be_kept_for_ever(
    client: TestClient, assets: Assets
) -> None:
    answer = client.get(assets.url("panel/main.js"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == FOR_EVER
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == assets.files["panel/main.js"].body


def test_a_client_without_gzip_gets_the_plain_file(client: TestClient, assets: Assets) -> None:
    answer = client.get(assets.url("panel/main.js"), headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) == len(assets.files["panel/main.js"].body)


def test_head_says_what_get_would(client: TestClient, assets: Assets) -> None:
    get, head = (client.request(how, assets.url("panel/feed.js")) for how in ("GET", "HEAD"))
    assert head.content == b""
    assert head.headers == get.headers


def test_what_the_browser_has_is_not_sent_again(client: TestClient, assets: Assets) -> None:
    address = assets.url("panel/feed.js")
    etag = client.get(address).headers["etag"]
    plain = client.get(address, headers={"accept-encoding": "identity"}).headers["etag"]
    assert etag != plain
    for known in (etag, f'W/{etag}, "x"', "*"):
        again = client.get(address, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    assert client.get(address, headers={"if-none-match": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/nothing",
        "/static/{hash}/",
        "/static/{hash}/panel",
        "/static/{hash}/panel/nothing.js",
        "/static/{hash}/../templates/panel.html",
        "/static/{hash}/%2e%2e/templates/panel.html",
        "/static/0123456789abcdef/panel/main.js",
        "/static/panel/main.js",
    ],
)
def test_what_is_not_there_is_a_problem_that_nobody_keeps(
    client: TestClient, assets: Assets, path: str
) -> None:
    answer = client.get(path.replace("{hash}", assets.hash))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.json()["status"] == 404


def test_files_are_only_read(client: TestClient, assets: Assets) -> None:
    answer = client.post(assets.url("panel/main.js"))
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_page_of_the_version_before_leads_to_the_present_one(
    client: TestClient, assets: Assets
) -> None:
    old = "/static/0123456789abcdef/panel/tab.html"
    answer = client.get(old, follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] == assets.url("panel/tab.html")
    assert answer.headers["cache-control"] == "no-store"


def test_no_page_may_frame_what_is_served_here(client: TestClient, assets: Assets) -> None:
    answer = client.get(assets.url("panel/tab.html"))
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    # With it the panel would lose hold of the tab that it opened.
    assert "cross-origin-opener-policy" not in answer.headers


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_the_catalogues_come_as_json(client: TestClient, assets: Assets, locale: str) -> None:
    answer = client.get(assets.url(f"locales/{locale}.json"))
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == i18n.js_catalog(locale)


def test_the_hash_is_the_same_in_every_process_and_names_the_content(assets: Assets) -> None:
    again = Assets.load()
    assert again == assets
    assert re.fullmatch(r"[0-9a-f]{16}", assets.hash)


def test_a_file_that_is_not_there_is_an_error_of_the_template(assets: Assets) -> None:
    with pytest.raises(KeyError, match=r"panel/nothing\.js"):
        assets.url("panel/nothing.js")


def test_every_file_has_a_content_type_and_unzips_to_itself(assets: Assets) -> None:
    for path, asset in assets.files.items():
        assert asset.content_type == CONTENT_TYPES[PurePosixPath(path).suffix]
        if asset.zipped is not None:
            assert gzip.decompress(asset.zipped) == asset.body


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0.001", True),
        ("*", True),
        ("*;q=0", False),
        ("*, gzip;q=0", False),
        ("GZIP", True),
        ("x-gzip-not", False),
    ],
)
def test_compression_is_the_clients_choice(header: str, expected: bool) -> None:
    assert accepts_gzip(header) is expected


# --- the panel's page ---


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_the_first_load_is_small(assets: Assets, locale: str) -> None:
    html = render(assets, locale)
    paths = set(re.findall(rf"/static/{assets.hash}/([\w./-]+)", html))
    files = [assets.files[path] for path in paths]
    total = len(gzip.compress(html.encode())) + sum(len(f.zipped or f.body) for f in files)
    assert {"joined/panel.js", "joined/panel.css", "panel/icons.svg"} <= paths
    assert len(paths) < 12
    assert total < FIRST_LOAD


def test_every_module_of_the_panel_is_in_its_script(assets: Assets) -> None:
    script = assets.files[PANEL_SCRIPT].body.decode()
    for path in assets.files:
        if not (path.startswith("panel/") and path.endswith(".js")):
            continue
        for name in re.findall(
            r"^export (?:async )?(?:function|class|const) (\w+)", source(path), re.MULTILINE
        ):
            assert re.search(
                rf"^(?:async )?(?:function|class|const) {name}\b", script, re.MULTILINE
            )


def test_the_functions_of_the_panel_are_compiled_before_a_call_rings(assets: Assets) -> None:
    # https://v8.dev/blog/explicit-compile-hints: it must come before any code
    assert assets.files[PANEL_SCRIPT].body.startswith(b"//# allFunctionsCalledOnLoad\n")


def test_every_stylesheet_is_used(assets: Assets) -> None:
    style = assets.files[PANEL_STYLE].body.decode()
    for path in assets.files:
        if path.startswith("panel/css/"):
            assert (source(path).strip() in style) is (path != "panel/css/tab.css"), path


def test_a_strict_policy_has_nothing_to_forbid(page: str, assets: Assets) -> None:
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    for path in assets.files:
        if path.startswith("panel/") and path.endswith(".js"):
            text = source(path)
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(", text), path
            assert text.startswith("// @ts-check\n"), path


def test_icons_that_the_page_names_are_in_the_sprite(page: str, assets: Assets) -> None:
    sprite = set(
        re.findall(r'<symbol id="([\w-]+)"', assets.files["panel/icons.svg"].body.decode())
    )
    named = set(re.findall(r"icons\.svg#([\w-]+)", page))
    words = assets.files["panel/words.js"].body.decode()
    assert named <= sprite
    assert {"call-in", "call-out", "chat", "email", "sms", "task", "contact"} <= sprite
    assert set(re.findall(r'"(call-\w+)"', words)) <= sprite


def test_the_page_carries_its_data_escaped(assets: Assets) -> None:
    html = render(assets, "ja", demo=False)
    assert '<html lang="ja" dir="ltr">' in html
    assert 'data-demo=""' in html
    assert 'id="sign-in-form"' not in html
    assert "サインアウト" in html


def test_the_panel_knows_why_the_server_takes_a_pop_back() -> None:
    words = source("panel/words.js")
    left = re.findall(r'"(the contact [^"]+)"', inspect.getsource(pipeline))
    said = {pop_requests.REASON, pop_claims.MOVED, erasure.REASON, *left}
    assert len(said) == 5
    assert not [each for each in said if f'"{each}": msg(' not in words]


def test_the_close_codes_of_the_panel_are_those_of_the_server(assets: Assets) -> None:

    script = assets.files["panel/close_codes.js"].body.decode()
    table = script[script.index("export const CLOSE_CODES") :].split("};")[0]
    advice = dict.fromkeys(re.findall(r"^  (\d{4}): stop\(", table, re.MULTILINE), "stop")
    advice |= dict.fromkeys(
        re.findall(r"^  (\d{4}): reconnect\(", table, re.MULTILINE), "reconnect"
    )
    advice |= dict(re.findall(r'^  (\d{4}): \{ advice: "([\w ]+)"', table, re.MULTILINE))
    assert advice == {str(each.code): each.advice for each in CLOSE_CODES}


def test_the_wheel_would_hold_what_is_served(assets: Assets) -> None:
    style = "panel/css/tokens.css"
    assert assets.files[style].body.decode() == source(style)
    assert json.loads(assets.files["locales/ja.json"].body)["Sign in"] == "サインイン"
