"""Delegated access at a strict OpenID provider that others wrote, over real HTTP to the end."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapter.demo.simulated.serving import Simulation
from tests.connections.provider import Provider
from tests.outbox.office import APP_ID, Call, set_steps, trusting
from tests.server import ROOT, Server, eventually

CALLBACK = "/v1/dynamics/oauth_callback"
MAIN = "/v1/admin/accounts/main"


@pytest.fixture
def server(tmp_path: Path, dynamics: Simulation) -> Iterator[Server]:
    with Server(tmp_path, **trusting(dynamics)) as started:
        yield started


@pytest.fixture
def provider(server: Server, dynamics: Simulation) -> Iterator[Provider]:
    made = Provider(dynamics, [server.url + CALLBACK])
    with made.running():
        yield made


def begin(server: Server, provider: Provider, path: str = MAIN) -> str:
    """Save a delegated account and give the address of its consent window."""
    given = {**provider.fields(), "app_id": APP_ID}
    saved = server.request("PUT", f"{path}?test=no", given, scope="admin")
    assert saved.is_success, saved.text
    asked = server.request("POST", f"{path}/request-token", scope="admin")
    assert asked.is_success, asked.text
    url: str = asked.json()["url"]
    return url


def come_back(server: Server, answer: dict[str, str]) -> httpx.Response:
    """Post what the window brings, as the provider's page does, in the admin's browser."""
    return server.http.post(server.url + CALLBACK, data=answer)


def shown(server: Server, path: str = MAIN) -> dict[str, Any]:
    found: dict[str, Any] = server.request("GET", path, scope="admin").json()
    return found


def report_of(server: Server) -> dict[str, Any]:
    """Test the connection; on a machine so busy that a lock is held for long, again."""

    def tested() -> dict[str, Any] | None:
        answer = server.request("POST", f"{MAIN}/test", scope="admin")
        assert answer.status_code in (200, 503), answer.text
        return None if answer.status_code == 503 else answer.json()

    report: dict[str, Any] = eventually(tested, "the connection is tested")
    return report


def test_a_consent_carries_a_call_into_dynamics_and_its_token_is_renewed_time_and_again(
    server: Server, provider: Provider, dynamics: Simulation
) -> None:
    page = come_back(server, provider.press(begin(server, provider)))
    assert page.status_code == 200, page.text
    assert "Connection is valid." in page.text
    assert "alice@contoso.example" in page.text
    assert server.request("POST", f"{MAIN}/apply", scope="admin").json()["ready"]
    assert set_steps(server) is None
    call = Call(server, dynamics)
    call.created()
    call.row()
    # Each test redeems the refresh token; the provider takes each one once, and a second use of
    # one would end them all.
    for _ in range(3):
        assert report_of(server)["valid"]
    server.restart()
    assert report_of(server)["valid"]
    server.restart(kill=True)
    assert report_of(server)["valid"]
    call.ended()
    call.until("category", "voice")


def test_command_lines_and_the_server_redeem_each_refresh_token_once(
    server: Server, provider: Provider, clean_environment: dict[str, str]
) -> None:
    assert come_back(server, provider.press(begin(server, provider))).status_code == 200
    assert server.request("POST", f"{MAIN}/apply", scope="admin").json()["ready"]
    environment = {**clean_environment, **server.environment}
    with contextlib.ExitStack() as stack:
        shells = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "adapter", "accounts", "test", "main"],
                    env={**environment, "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(4)
        ]
        while any(shell.poll() is None for shell in shells):
            assert report_of(server)["valid"]
        told = [shell.communicate(timeout=60)[0].splitlines()[0] for shell in shells]
    assert told == ["Connection is valid."] * 4
    assert report_of(server)["valid"]


def test_an_address_that_is_not_registered_lets_nobody_begin(
    server: Server, dynamics: Simulation
) -> None:
    strict = Provider(dynamics, ["https://elsewhere.example/callback"])
    with strict.running():
        assert "redirect_uri" in strict.refusal(begin(server, strict))
    assert shown(server)["draft"]["secrets"] == ["client_secret"]


def test_an_answer_works_once(server: Server, provider: Provider) -> None:
    answer = provider.press(begin(server, provider))
    assert come_back(server, answer).status_code == 200
    again = come_back(server, answer)
    assert again.status_code == 400
    assert "used already" in again.text
    assert report_of(server)["valid"], "nobody redeemed the code a second time"


def test_a_code_that_was_redeemed_is_refused_in_another_window(
    server: Server, provider: Provider
) -> None:
    first = provider.press(begin(server, provider))
    assert come_back(server, first).status_code == 200
    second = provider.press(begin(server, provider))
    replayed = come_back(server, {**second, "code": first["code"]})
    assert replayed.status_code == 400
    assert "Request token" in replayed.text


def test_a_code_does_not_fit_another_accounts_window(server: Server, provider: Provider) -> None:
    other = "/v1/admin/accounts/other"
    mine = provider.press(begin(server, provider))
    theirs = provider.press(begin(server, provider, other), "bob")
    crossed = come_back(server, {**mine, "code": theirs["code"]})
    assert crossed.status_code == 400
    for path in (MAIN, other):
        assert shown(server, path)["draft"]["secrets"] == ["client_secret"]


def test_a_state_that_nobody_asked_for_is_refused(server: Server, provider: Provider) -> None:
    answer = provider.press(begin(server, provider))
    guessed = come_back(server, {**answer, "state": answer["state"][::-1]})
    assert guessed.status_code == 400
    assert come_back(server, answer).status_code == 200, "the good one is still good"


def test_a_stranger_who_opens_the_link_gets_no_account(server: Server, provider: Provider) -> None:
    answer = provider.press(begin(server, provider), "bob")
    with httpx.Client(trust_env=False) as stranger:
        page = stranger.post(server.url + CALLBACK, data=answer)
    assert page.status_code == 202
    assert shown(server)["draft"]["secrets"] == ["client_secret"]
    (code,) = re.findall(r"<code>([^<]+)</code>", page.text)
    taken = server.request("POST", f"{MAIN}/confirm", {"code": code}, scope="admin").json()
    assert (taken["ok"], taken["person"]) == (True, "bob@contoso.example")
    audit = server.request("GET", "/v1/admin/audit", scope="admin").json()["audit"]
    assert any("confirmed by key" in each["who"] for each in audit)


def test_a_consent_that_was_declined_says_so(server: Server, provider: Provider) -> None:
    page = come_back(server, provider.press(begin(server, provider), cancel="1"))
    assert page.status_code == 400
    assert "declined" in page.text
    assert shown(server)["draft"]["secrets"] == ["client_secret"]
