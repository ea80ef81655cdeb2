"""Rules on trial: nobody is refused by them, and an admin sees who would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server import Server, eventually

CRM = "https://contoso.crm4.dynamics.com"
OTHER = "https://fabrikam.crm4.dynamics.com"
PATH = "/v1/admin/domains/trial"
OURS = {"X-Screenpop": "1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("trials")) as server:
        yield server


@pytest.fixture(autouse=True)
def on_trial(server: Server) -> Iterator[None]:
    """Both may show the panel; on trial are rules that leave one out."""
    for path, text in (("/v1/admin/domains", f"{CRM}\n{OTHER}"), (PATH, CRM)):
        assert server.request("PUT", path, text, scope="admin").is_success
    yield
    assert server.request("PUT", PATH, "", scope="admin").is_success


def told(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = server.request("GET", PATH, scope="admin").json()
    return answer


def would_refuse(server: Server) -> dict[tuple[str, str], int]:
    return {(row["origin"], row["seen_by"]): row["count"] for row in told(server)["would_refuse"]}


def loads(server: Server, origin: str) -> int:
    asked = server.request("POST", "/v1/embedder", {"ancestors": [origin]}, headers=OURS)
    return asked.status_code


def test_the_panel_carries_both_policies_and_obeys_the_one_in_force(server: Server) -> None:
    page = server.request("GET", "/", headers={"sec-fetch-dest": "iframe", "referer": OTHER})
    assert page.status_code == 200
    assert OTHER in page.headers["content-security-policy"]
    tried = page.headers["content-security-policy-report-only"]
    assert tried == f"frame-ancestors 'self' {CRM}; report-uri /v1/csp-reports?trial=1"


def test_who_would_be_refused_is_listed_and_is_not_refused(server: Server) -> None:
    assert (loads(server, OTHER), loads(server, OTHER), loads(server, CRM)) == (200, 200, 200)
    eventually(lambda: would_refuse(server) == {(OTHER, "trial page"): 2}, "both loads are seen")
    (row,) = told(server)["would_refuse"]
    assert row["line"] == OTHER
    refused = server.request("GET", "/v1/admin/refusals", scope="admin").json()["refusals"]
    assert not [each for each in refused if each["origin"] == OTHER]


def test_a_browsers_report_of_the_trial_counts_for_the_trial_alone(server: Server) -> None:
    report = {"csp-report": {"effective-directive": "frame-ancestors", "referrer": f"{OTHER}/x"}}
    kind = {"content-type": "application/csp-report"}
    path = "/v1/csp-reports?trial=1"
    assert server.request("POST", path, report, headers=kind).status_code == 204
    eventually(lambda: would_refuse(server).get((OTHER, "trial browser")) == 1, "it is seen")
    refused = server.request("GET", "/v1/admin/refusals", scope="admin").json()["refusals"]
    assert OTHER not in {each["origin"] for each in refused}


def test_other_rules_on_trial_begin_with_an_empty_list_and_none_end_it(server: Server) -> None:
    loads(server, OTHER)
    eventually(lambda: would_refuse(server) != {}, "it is seen")
    assert server.request("PUT", PATH, f"{CRM}\n{OTHER}", scope="admin").is_success
    assert would_refuse(server) == {}
    loads(server, OTHER)
    assert told(server)["since"] is not None
    assert server.request("PUT", PATH, "\n", scope="admin").is_success
    assert told(server) == {"rules": "", "since": None, "would_refuse": []}
    page = server.request("GET", "/")
    assert "content-security-policy-report-only" not in page.headers


def test_what_cannot_be_saved_cannot_be_tried(server: Server) -> None:
    answer = server.request("PUT", PATH, f"{CRM}\nhttps://*", scope="admin")
    assert answer.status_code == 422
    assert told(server)["rules"] == CRM
    version = server.request("GET", PATH, scope="admin").headers["etag"]
    late = server.request("PUT", PATH, OTHER, scope="admin", headers={"if-match": '"0"'})
    assert late.status_code == 412
    again = server.request("PUT", PATH, OTHER, scope="admin", headers={"if-match": version})
    assert again.is_success
    assert server.request("GET", PATH, scope="feed").status_code == 403
