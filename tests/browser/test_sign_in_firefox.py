"""Sign in from a frame of another site in Firefox, with every third-party cookie refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser import firefox
from tests.browser.firefox import Firefox
from tests.server import Server
from tests.signin.openid import OpenIdProvider

pytestmark = [pytest.mark.soak, pytest.mark.browser]


LIVE = "document.querySelector('#connection')?.dataset.state === 'live'"
OFFERED = "document.querySelector('sign-in-card[data-state=idle]')?.hidden === false"


class Crm(ThreadingHTTPServer):
    """A page of another site that frames the panel."""

    panel = ""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Crm)
        body = f'<!doctype html><iframe src="{self.server.panel}" width=340 height=600></iframe>'
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - http.server's name
        del format


@pytest.fixture
def crm() -> Iterator[Crm]:
    with Crm(("127.0.0.1", 0), _Page) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join(5)


@pytest.fixture(params=["as it comes", "no third-party cookies"])
def fox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Firefox]:
    if firefox.find() is None:
        pytest.skip("firefox-esr is not installed")
    profile = tmp_path / "profile"
    profile.mkdir()
    preferences = {} if request.param == "as it comes" else firefox.BLOCK_ALL
    with firefox.running(profile, **preferences) as running:
        running.keeps_cookies = not preferences
        yield running


@pytest.mark.parametrize("coop", [True, False], ids=["coop", "no coop"])
def test_an_agent_signs_in_from_a_frame(tmp_path: Path, crm: Crm, fox: Firefox, coop: bool) -> None:
    around = f"http://contoso.localhost:{crm.server_address[1]}"
    server = Server(tmp_path / "data")
    with server.office() as office:
        office.set_domains("default", around)
    with server:
        home = f"http://screenpop.localhost:{server.port}"
        crm.panel = f"{home}/"
        with OpenIdProvider(
            [f"{home}/v1/signin/callback"], host="id.localhost", coop=coop
        ) as provider:
            settings = provider.settings(name="Contoso", trust="directory")
            saved = server.request("PUT", "/v1/admin/sign-in", settings, scope="admin")
            assert saved.status_code == 200, saved.text
            page = fox.open(f"{around}/")
            panel = fox.context(home)
            fox.click(panel, "sign-in-card [data-part=first]")
            window = fox.context(f"http://id.localhost:{provider.port}")
            fox.until(window, "!!document.querySelector('#login')")
            fox.evaluate(window, "document.querySelector('#login').value = 'alice'")
            fox.click(window, "#go")
            fox.until(panel, LIVE)
            fox.ask("browsingContext.reload", context=page, wait="complete")
            # Where not even a partitioned cookie is kept, a reload costs one click.
            fox.until(fox.context(home), LIVE if fox.keeps_cookies else OFFERED)
