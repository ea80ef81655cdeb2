"""Two tenants of one server: neither sees the other's pages, and nothing of the machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import principals
from tests.portal.visitor import Visitor
from tests.server import Server

DOMAIN = "pop.example"
ACME, BOLT = f"acme.{DOMAIN}", f"bolt.{DOMAIN}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("tenants"), SCREENPOP_ENVIRONMENT_DOMAIN=DOMAIN)
    made.make_keys()
    with made.office() as office:
        for name in ("acme", "bolt"):
            office.create_tenant(name)
            office.set_domains(name, f"https://{name}-rule.example")
    with made as running:
        yield running


def admin_of(server: Server, tenant: str) -> Visitor:
    """Give an admin of a tenant, at that tenant's host."""
    host = f"{tenant}.{DOMAIN}"
    cookie = principals.sign_in_as_admin(server, tenant)
    return Visitor(server, cookie, host=host, origin=f"http://{host}")


def test_each_tenant_sees_its_own_pages(server: Server) -> None:
    with admin_of(server, "acme") as acme:
        for path in ("/admin/domains", "/admin/audit", "/admin/health", "/admin"):
            page = acme.get(path)
            assert page.status == 200
            assert "bolt" not in page.html
        assert "https://acme-rule.example" in acme.get("/admin/domains").value("text")


def test_a_session_is_good_at_its_own_tenants_host_only(server: Server) -> None:
    with admin_of(server, "acme") as acme:
        acme.headers["host"] = BOLT
        for path in ("/admin", "/admin/domains", "/admin/audit", "/admin/settings"):
            answer = acme.send("GET", path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/admin/sign-in")
        sent = {"text": "", "do": "save", "confirmed": "1"}
        own = {"origin": f"http://{BOLT}"}
        assert acme.send("POST", "/admin/domains", sent, headers=own).status_code == 303
    with admin_of(server, "bolt") as bolt:
        assert "https://bolt-rule.example" in bolt.get("/admin/domains").value("text")


def test_a_host_that_is_no_tenant_has_no_portal(server: Server) -> None:
    with admin_of(server, "acme") as acme:
        acme.headers["host"] = f"nobody.{DOMAIN}"
        page = acme.get("/admin")
        assert page.status == 421
        assert "acme" not in page.html
        assert page.response.headers["x-frame-options"] == "DENY"
        assert "/admin" not in page.links
        lost = acme.get("/nope", accept="text/html")
        assert lost.status == 421
        assert "No organization has this address" in lost
        assert not lost.links
        assert acme.send("GET", "/nope").json()["type"] == "urn:screenpop:problem:unknown-tenant"


def test_the_machine_is_none_of_a_tenants_business(server: Server) -> None:
    with admin_of(server, "acme") as acme:
        page = acme.get("/admin/health")
    assert "domains" in page
    assert str(server.folder) not in page.html
    assert "Background work" not in page
