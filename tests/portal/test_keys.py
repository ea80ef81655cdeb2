"""Keys are made, shown once, seen in use and revoked in the portal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapter.credentials import SCOPES
from tests import principals
from tests.portal.visitor import Page, Visitor
from tests.server import Server

SECRET = re.compile(r"sp_[0-9a-f]{12}_[\w-]{43}|whsec_[A-Za-z0-9+/=]{44}")

SURE = {"form-token": ""}
"""A form without fields still has its token; what the browser says of its origin is enough."""


def make(visitor: Visitor, name: str, scope: str) -> tuple[Page, str]:
    page = visitor.submit("/admin/keys", {"name": name, "scope": scope})
    found = SECRET.search(page.html)
    assert found is not None
    return page, found[0]


def key_id(page: Page, name: str) -> str:
    found = re.search(rf"<strong>{name}</strong> <code>([0-9a-f]+)</code>", page.html)
    assert found is not None, name
    return found[1]


@pytest.mark.parametrize("scope", [*SCOPES, "signing"])
def test_a_new_keys_secret_is_shown_once(admin: Visitor, scope: str) -> None:
    page, secret = make(admin, f"once {scope}", scope)
    assert page.status == 200
    assert page.html.count(secret) == 1
    assert page.response.headers["cache-control"] == "no-store"
    again = admin.get("/admin/keys")
    assert f"once {scope}" in again
    assert secret not in again.html


def test_a_new_key_works_at_once_and_its_use_is_seen(admin: Visitor, server: Server) -> None:
    page, secret = make(admin, "worker", "admin")
    assert "not used yet" in row(page, "worker")
    head = {"authorization": f"Bearer {secret}"}
    answer = server.request("GET", "/v1/admin/domains", headers=head)
    assert answer.status_code == 200
    assert "not used yet" not in row(admin.get("/admin/keys"), "worker")


def test_a_key_of_the_feed_is_seen_in_use(admin: Visitor, server: Server) -> None:
    _, secret = make(admin, "board", "feed")
    feed = server.connect("*", headers={"authorization": f"Bearer {secret}"}, scope=None)
    assert feed.next()["type"] == "screenpop.snapshot"
    assert "not used yet" not in row(admin.get("/admin/keys"), "board")


def test_a_revoked_key_is_refused_after_the_admin_was_asked(admin: Visitor, server: Server) -> None:
    page, secret = make(admin, "leaver", "admin")
    name = key_id(page, "leaver")
    asked = admin.get(f"/admin/keys/{name}/revoke")
    assert "Revoke the key leaver?" in asked
    head = {"authorization": f"Bearer {secret}"}
    assert server.request("GET", "/v1/admin/domains", headers=head).status_code == 200
    done = admin.submit(f"/admin/keys/{name}/revoke", SURE)
    assert "The key leaver is revoked." in done
    assert server.request("GET", "/v1/admin/domains", headers=head).status_code == 401
    assert admin.submit(f"/admin/keys/{name}/revoke", SURE).status == 404


def test_a_feed_is_closed_when_its_key_is_revoked(admin: Visitor, server: Server) -> None:
    page, secret = make(admin, "cut", "feed")
    feed = server.connect("*", headers={"authorization": f"Bearer {secret}"}, scope=None)
    feed.next()
    admin.submit(f"/admin/keys/{key_id(page, 'cut')}/revoke", SURE)
    assert feed.close_code() == 4401


def test_a_form_with_faults_says_so_and_keeps_what_was_typed(admin: Visitor) -> None:
    page = admin.submit("/admin/keys", {"name": "", "scope": "root"})
    assert page.status == 422
    assert "Give the key a name by which you know it again." in page
    assert "Choose what the key is for." in page
    kept = admin.submit("/admin/keys", {"name": "n" * 201, "scope": "ingest"})
    assert kept.status == 422
    assert kept.value("name") == "n" * 201


def test_making_and_revoking_is_in_the_audit_log_with_the_admins_name(
    admin: Visitor, server: Server
) -> None:
    page, secret = make(admin, "audited", "ingest")
    name = key_id(page, "audited")
    admin.submit(f"/admin/keys/{name}/revoke", SURE)
    log = server.request("GET", "/v1/admin/audit", scope="admin")
    told = [(each["who"], each["what"]) for each in log.json()["audit"] if name in each["what"]]
    assert ("Ada Admin <ada@contoso.example>", f"key {name} created (ingest, audited)") in told
    assert ("Ada Admin <ada@contoso.example>", f"key {name} revoked") in told
    assert secret not in log.text


def test_a_supervisor_does_not_see_keys(supervisor: Visitor) -> None:
    assert supervisor.get("/admin/keys").status == 403
    assert supervisor.submit("/admin/keys", {"name": "x", "scope": "ingest"}).status == 403


def test_an_admin_neither_sees_nor_revokes_another_tenants_keys(two: Server) -> None:
    with two.office() as office:
        theirs = office.create_key("fabrikam", "ingest", "theirs")
    cookie = principals.sign_in_as_admin(two, "contoso")
    with Visitor(two, cookie, host="contoso.screenpop.example") as visitor:
        visitor.headers["origin"] = "http://contoso.screenpop.example"
        page = visitor.get("/admin/keys")
        assert page.status == 200
        assert "theirs" not in page
        assert visitor.get(f"/admin/keys/{theirs.id}/revoke").status == 404
        head = {"origin": "http://contoso.screenpop.example"}
        answer = visitor.send("POST", f"/admin/keys/{theirs.id}/revoke", SURE, headers=head)
        assert answer.status_code == 404
    with two.office() as office:
        listed = office.keys()
    assert [key for key in listed if key.revoked] == []


def test_the_last_use_survives_a_restart(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        cookie = principals.sign_in_as_admin(server)
        with Visitor(server, cookie) as visitor:
            _, secret = make(visitor, "kept", "admin")
        head = {"authorization": f"Bearer {secret}"}
        server.request("GET", "/v1/admin/domains", headers=head)
        server.restart()
        with Visitor(server, cookie) as visitor:
            assert "not used yet" not in row(visitor.get("/admin/keys"), "kept")


def row(page: Page, name: str) -> str:
    start = page.html.index(f"<strong>{name}</strong>")
    return page.html[start : page.html.index("</tr>", start)]
