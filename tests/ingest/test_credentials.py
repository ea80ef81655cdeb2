"""Prove who sends: every way to give a key, and what a wrong one is told."""

from __future__ import annotations

import base64

import httpx
import pytest

from tests.ingest.doors import (
    AMAZON,
    DOMAIN,
    EVENTS,
    FIREHOSE,
    OTHER_TENANT,
    problem,
    state,
    text,
    unknown,
)
from tests.server import Server, eventually


def post(server: Server, contact: str, path: str = EVENTS, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    event = server.event("created", contact, id=contact)
    return server.request("POST", path, event, headers=given)


def basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"screenpop:{secret}".encode()).decode()


def test_a_key_may_come_as_bearer_as_header_and_as_basic_password(server: Server) -> None:
    key = server.secret("ingest")
    ways = {
        "bearer": {"authorization": f"Bearer {key}"},
        "lower-case": {"authorization": f"bearer {key}"},
        "header": {"x_api_key": key},
        "basic": {"authorization": basic(key)},
    }
    for name, headers in ways.items():
        answer = post(server, f"way-{name}", **headers)
        assert answer.status_code == 202, name
        assert state(server, f"way-{name}")["stage"] == "created"


def test_a_request_without_a_key_is_told_what_is_needed(server: Server) -> None:
    answer = post(server, "nobody")
    assert "service key" in problem(answer, 401)["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert unknown(server, "nobody")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sp_000000000000_wrong"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer x"},
        {"authorization": "Digest username=x"},
        {"authorization": "Basic not-base64!"},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"authorization": basic("")},
        {"x_api_key": "sp__"},
        {"x_amz_firehose_access_key": "sp_000000000000_wrong"},
    ],
    ids=lambda headers: next(iter(headers.values())),
)
def test_a_wrong_credential_is_refused(server: Server, headers: dict[str, str]) -> None:
    for path in (EVENTS, AMAZON):
        problem(post(server, "wrong", path, **headers), 401)
    assert unknown(server, "wrong")


def test_a_key_with_one_other_character_is_refused(server: Server) -> None:
    key = server.secret("ingest")
    changed = key[:-1] + ("A" if key[-1] != "A" else "B")
    problem(post(server, "changed", x_api_key=changed), 401)


def test_the_key_of_firehose_counts_on_its_own_route_only(server: Server) -> None:
    key = server.secret("ingest")
    problem(post(server, "hose", EVENTS, x_amz_firehose_access_key=key), 401)
    answer = post(server, "hose", FIREHOSE, x_amz_firehose_access_key=key)
    assert answer.status_code == 400  # known, but this is no request of Firehose


@pytest.mark.parametrize("scope", ["feed", "admin"])
def test_a_key_of_another_scope_is_not_allowed(server: Server, scope: str) -> None:
    key = server.secret(scope)
    for path in (EVENTS, AMAZON):
        answer = post(server, "scope", path, x_api_key=key)
        assert "ingest is needed" in problem(answer, 403)["detail"]
    assert post(server, "scope", FIREHOSE, x_api_key=key).status_code == 403
    assert unknown(server, "scope")


def test_a_key_made_and_revoked_while_the_server_runs_is_obeyed_within_a_second(
    server: Server,
) -> None:
    with server.office() as office:
        made = office.create_key("default", "ingest", "short-lived")
    eventually(
        lambda: post(server, "life", x_api_key=made.secret).status_code == 202,
        "the new key is taken",
        within=2,  # the promise is one second; a busy machine gets another
    )
    with server.office() as office:
        office.revoke_key(made.id)
    eventually(
        lambda: post(server, "life", x_api_key=made.secret).status_code == 401,
        "the revoked key is refused",
        within=2,
    )


def test_the_key_of_one_tenant_is_nothing_at_another(hosts: Server) -> None:
    key = hosts.secret("ingest", OTHER_TENANT)
    body = text(hosts.event("created", "tenants"))
    head = {"x-api-key": key, "content-type": "application/json"}
    own, other = f"{OTHER_TENANT}.{DOMAIN}", f"default.{DOMAIN}"
    answer = hosts.http.post(hosts.url + EVENTS, content=body, headers={**head, "Host": own})
    assert answer.status_code == 202, answer.text
    answer = hosts.http.post(hosts.url + EVENTS, content=body, headers={**head, "Host": other})
    problem(answer, 401)


@pytest.mark.parametrize(
    "host", ["nobody.screens.test", "screens.test", "127.0.0.1", "a.b.test:80"]
)
def test_a_host_that_is_no_tenant_is_misdirected(hosts: Server, host: str) -> None:
    head = {"Host": host, "x-api-key": hosts.secret("ingest", OTHER_TENANT)}
    for path in (EVENTS, AMAZON):
        problem(hosts.http.post(hosts.url + path, content=b"{}", headers=head), 421)
    assert hosts.http.post(hosts.url + FIREHOSE, content=b"{}", headers=head).status_code == 421
    problem(hosts.http.get(hosts.url + "/v1/contacts/x", headers=head), 421)


def test_a_host_that_is_no_tenant_is_misdirected_whatever_the_method(hosts: Server) -> None:
    head = {"Host": "nobody.screens.test", "WebHook-Request-Origin": "eventemitter.example.com"}
    for path in (EVENTS, AMAZON, FIREHOSE):
        for method in ("GET", "OPTIONS", "DELETE"):
            problem(hosts.http.request(method, hosts.url + path, headers=head), 421)


def test_a_key_in_the_query_counts_only_where_a_setting_allows_it(
    server: Server, hosts: Server
) -> None:
    head = {"content-type": "application/cloudevents+json"}
    path = f"{EVENTS}?access_token={server.secret('ingest')}"
    body = text(server.event("created", "query"))
    problem(server.http.post(server.url + path, content=body, headers=head), 401)

    key = hosts.secret("ingest", OTHER_TENANT)
    head["Host"] = f"{OTHER_TENANT}.{DOMAIN}"
    answer = hosts.http.post(f"{hosts.url}{EVENTS}?access_token={key}", content=body, headers=head)
    assert answer.status_code == 202
    answer = hosts.http.post(f"{hosts.url}{AMAZON}?access_token={key}", content=body, headers=head)
    problem(answer, 401)


def test_a_key_in_the_query_is_in_no_log(hosts: Server) -> None:
    key = hosts.secret("ingest", OTHER_TENANT)
    head = {"Host": f"{OTHER_TENANT}.{DOMAIN}", "content-type": "application/json"}
    for body in (text(hosts.event("created", "log")), b"{", b""):
        hosts.http.post(f"{hosts.url}{EVENTS}?access_token={key}", content=body, headers=head)
    hosts.http.post(f"{hosts.url}{EVENTS}?access_token={key}x", content=b"", headers=head)
    assert key not in hosts.log()
    assert key.rpartition("_")[2] not in hosts.log()
