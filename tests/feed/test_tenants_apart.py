from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import PANEL, Feed, Server

DOMAIN = "pop.example"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("two"), SCREENPOP_ENVIRONMENT_DOMAIN=DOMAIN)
    with server.office() as office:
        for tenant in ("acme", "globex"):
            office.create_tenant(tenant)
    for tenant in ("acme", "globex"):
        server.make_keys(tenant)
        server.set_policy(tenant)
    with server:
        yield server


@pytest.fixture
def server(two: Server) -> Iterator[Server]:
    yield two
    two.hang_up()


def host(tenant: str) -> dict[str, str]:
    return {"Host": f"{tenant}.{DOMAIN}"}


def open_(server: Server, tenant: str, agent: str | None, **options: object) -> Feed:
    return server.connect(
        agent,
        tenant=tenant,
        protocol=PANEL,
        headers=host(tenant),
        **options,  # type: ignore[arg-type]
    )


def answer(server: Server, tenant: str, contact: str, id_: str) -> None:
    event = server.event(
        "answered",
        contact,
        id=id_,
        agent="alice",
        attributes={"CrmId": "11111111-2222-3333-4444-555555555555", "Of": tenant},
    )
    receipt = server.post(event, tenant=tenant, headers=host(tenant))
    assert receipt.json()["accepted"] == 1, receipt.text


def test_two_tenants_with_equal_names_never_see_each_other(server: Server) -> None:
    feeds = {
        (tenant, agent): open_(server, tenant, agent)
        for tenant in ("acme", "globex")
        for agent in ("alice", "*")
    }
    for feed in feeds.values():
        feed.next()
    for tenant in ("acme", "globex"):
        answer(server, tenant, "c-1", "e-1")  # the same event, contact and agent
    pops = set()
    for (tenant, agent), feed in feeds.items():
        contact, pop = feed.next(), feed.next()
        assert contact["source"] == pop["source"] == f"/tenants/{tenant}"
        assert contact["data"]["attributes"]["Of"] == tenant
        assert pop["data"]["open"] is (agent == "alice")
        pops.add((tenant, pop["data"]["pop"]))
        assert feed.sync() == []
    assert len({pop for _, pop in pops}) == 2


def test_the_sequences_of_two_tenants_are_their_own(server: Server) -> None:
    before = {
        tenant: int(open_(server, tenant, "*").next()["sequence"]) for tenant in ("acme", "globex")
    }
    answer(server, "acme", "c-2", "e-2")
    after = {
        tenant: int(open_(server, tenant, "*").next()["sequence"]) for tenant in ("acme", "globex")
    }
    assert after["acme"] == before["acme"] + 2
    assert after["globex"] == before["globex"]


def test_a_key_of_one_tenant_opens_nothing_of_another(server: Server) -> None:
    feed = server.connect("alice", tenant="acme", headers=host("globex"))
    assert feed.close_code() == 4401


def test_a_ticket_of_one_tenant_opens_nothing_of_another(server: Server) -> None:
    asked = server.request(
        "POST",
        "/v1/feed/ticket",
        {"agent": "alice"},
        scope="feed",
        tenant="acme",
        headers=host("acme"),
    )
    headers = {**host("globex"), "Origin": f"http://globex.{DOMAIN}"}
    feed = server.connect(scope=None, protocol=PANEL, headers=headers)
    feed.say(kind="hello", ticket=asked.json()["ticket"])
    assert feed.close_code() == 4401


def test_a_page_of_one_tenant_may_not_open_anothers_feed(server: Server) -> None:
    headers = {**host("globex"), "Origin": f"http://acme.{DOMAIN}"}
    feed = server.connect(scope=None, protocol=PANEL, headers=headers)
    assert feed.close_code() == 4403


def test_an_outcome_cannot_reach_anothers_pop(server: Server) -> None:
    acme, globex = open_(server, "acme", "alice"), open_(server, "globex", "alice")
    acme.next(), globex.next()
    answer(server, "acme", "c-3", "e-3")
    pop = acme.until("screenpop.pop")["data"]["pop"]
    globex.outcome(pop, "opened")  # taken for an old one: there is nothing to send again
    snapshot = open_(server, "acme", "alice").next()
    assert pop in [each["pop"] for each in snapshot["data"]["pops"]]


def test_changed_rules_are_told_to_their_own_tenant_only(server: Server) -> None:
    acme, globex = open_(server, "acme", "alice"), open_(server, "globex", "alice")
    acme.next(), globex.next()
    answer_ = server.request(
        "PUT",
        "/v1/admin/domains",
        "acme.example",
        scope="admin",
        tenant="acme",
        headers={**host("acme"), "content-type": "text/plain"},
    )
    assert answer_.is_success, answer_.text
    assert acme.until("screenpop.settings.changed")["data"] == {"what": ["domains"]}
    assert globex.sync() == []


@pytest.mark.parametrize(
    "name",
    ["", "initech.pop.example", "pop.example", "x.acme.pop.example", "acme.pop.example.evil", "a"],
)
def test_an_unknown_host_is_no_tenant(server: Server, name: str) -> None:
    feed = server.connect("alice", tenant="acme", headers={"Host": name or "127.0.0.1"})
    assert feed.close_code() == 4404


def test_the_hosts_case_and_port_do_not_count(server: Server) -> None:
    for name in (f"ACME.Pop.Example:{server.port}", f"acme.{DOMAIN}"):
        feed = server.connect("alice", tenant="acme", headers={"Host": name})
        assert feed.next()["source"] == "/tenants/acme"


def test_with_one_tenant_any_host_is_it(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        feed = server.connect("alice", headers={"Host": "whatever.example"})
        assert feed.next()["source"] == "/tenants/default"
