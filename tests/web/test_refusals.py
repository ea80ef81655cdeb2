"""List who was refused as an embedder, whatever strangers report meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapter.services import REFUSALS_A_SECOND
from adapter.store.refusals import MOST
from tests.server import Server, eventually


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("refusals")) as server:
        yield server


def report(server: Server, embedder: str | None) -> httpx.Response:
    """Report a blocked frame as Firefox does; None is a page that hides its address."""
    said = {
        "effective-directive": "frame-ancestors",
        "document-uri": f"{server.url}/",
        **({"referrer": f"{embedder}/"} if embedder else {}),
    }
    return server.request("POST", "/v1/csp-reports", {"csp-report": said})


def listed(server: Server) -> dict[tuple[str, str], dict[str, Any]]:
    rows = server.request("GET", "/v1/admin/refusals", scope="admin").json()["refusals"]
    return {(row["origin"], row["seen_by"]): row for row in rows}


def frame(server: Server, embedder: str) -> None:
    head = {"Sec-Fetch-Dest": "iframe", "Referer": f"{embedder}/"}
    assert server.request("GET", "/", headers=head).status_code == 403


def test_after_five_hundred_fake_reports_a_real_refusal_is_listed(server: Server) -> None:
    statuses = [
        report(server, f"https://x{number}.evil.example").status_code for number in range(MOST)
    ]
    frame(server, "https://real.example")
    eventually(
        lambda: ("https://real.example", "server") in listed(server), "the real refusal is listed"
    )
    assert set(statuses) <= {204, 429}


def test_a_report_that_is_too_long_is_refused_with_a_problem(server: Server) -> None:
    answer = report(server, "x" * 17_000)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:screenpop:problem:too-large")


def test_reports_above_the_limit_of_a_second_are_turned_away(server: Server) -> None:
    time.sleep(1.1)  # so that the bucket is full again
    started = time.monotonic()
    answers = [report(server, "https://loud.example") for _ in range(6 * REFUSALS_A_SECOND)]
    passed = sum(answer.status_code == 204 for answer in answers)
    assert passed <= REFUSALS_A_SECOND * (time.monotonic() - started + 1) + 2
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) + passed == len(answers)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)


def test_a_page_that_hides_its_address_is_listed_with_what_to_do(server: Server) -> None:
    time.sleep(1.1)
    assert report(server, None).status_code == 204
    row = eventually(lambda: listed(server).get(("unknown", "browser")), "it is listed")
    assert row["reason"] == "the page hides its address: remove Referrer-Policy: no-referrer"
    assert row["line"] == ""
