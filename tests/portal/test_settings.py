"""Settings of the tenant: language and time zone, and how its people sign in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from adapter import preferences
from adapter.errors import InvalidSettings
from adapter.preferences import Preferences
from tests import principals
from tests.portal.visitor import Visitor
from tests.server import Server
from tests.signin.openid import OpenIdProvider

PATH = "/admin/settings"
SIGN_IN = f"{PATH}/sign-in"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server of their own: what is set here holds for all."""
    with Server(tmp_path_factory.mktemp("settings")) as running:
        yield running


@pytest.fixture
def admin(server: Server) -> Iterator[Visitor]:
    with Visitor(server, principals.sign_in_as_admin(server)) as visitor:
        yield visitor


def test_the_tenants_language_holds_for_who_has_chosen_nothing(
    server: Server, admin: Visitor
) -> None:
    assert "概要" in admin.submit(PATH, {"locale": "ja", "zone": "Asia/Tokyo"}).text
    assert 'lang="ja"' in server.http.get(server.url + "/").text
    page = admin.submit("/admin/preferences", {"language": "en", "back": PATH})
    assert "Times are shown in Asia/Tokyo." in page
    assert page.value("locale") == "ja"
    entry = server.request("GET", "/v1/admin/audit", scope="admin").json()["audit"][0]
    assert (entry["what"], entry["who"]) == ("preferences", "Ada Admin <ada@contoso.example>")
    admin.submit(PATH, {"locale": "", "zone": ""})


def test_a_form_without_its_fields_changes_nothing(server: Server, admin: Visitor) -> None:
    admin.submit(PATH, {"locale": "ja", "zone": "Asia/Tokyo"})
    assert admin.submit(PATH, {"other": ""}).status == 200
    page = admin.submit(PATH, {"locale": "en"})
    assert (page.value("locale"), page.value("zone")) == ("en", "Asia/Tokyo")
    admin.submit(PATH, {"locale": "", "zone": ""})
    page = admin.get(PATH)
    assert (page.value("locale"), page.value("zone")) == ("", "")


def test_ones_own_time_zone_comes_first(admin: Visitor) -> None:
    admin.submit(PATH, {"locale": "", "zone": "Asia/Tokyo"})
    page = admin.submit("/admin/preferences", {"zone": "Europe/Berlin", "back": PATH})
    assert "Times are shown in Europe/Berlin." in page
    admin.submit(PATH, {"locale": "", "zone": ""})


def test_a_time_zone_that_is_none_is_refused_at_its_field(admin: Visitor) -> None:
    page = admin.submit(PATH, {"locale": "en", "zone": "Europe/Atlantis"})
    assert page.status == 422
    assert "#zone" in page.links
    assert "this is no time zone of the IANA database" in page


def test_sign_in_is_set_up_without_a_command_line(server: Server, admin: Visitor) -> None:
    fields = {
        "do": "save",
        "version": admin.get(PATH).value("version"),
        "issuer": "contoso.example",
        "client_id": "6f5e0d1c-0000-4000-8000-000000000001",
        "client_secret": "very secret",
        "roles-admin": "Screenpop.Admin\nadmins",
        "default_role": "agent",
        "trust": "1",
    }
    page = admin.submit(SIGN_IN, fields)
    assert "Saved." in page
    assert "very secret" not in page.html
    assert page.value("issuer") == "https://login.microsoftonline.com/contoso.example/v2.0"
    kept = server.request("GET", "/v1/admin/sign-in", scope="admin").json()
    assert kept["roles"] == {"admin": ["Screenpop.Admin", "admins"]}
    assert (kept["trust"], kept["has_secret"]) == ("directory", True)
    again = {**fields, "client_secret": "", "version": page.value("version"), "name": "Contoso"}
    admin.submit(SIGN_IN, again)
    kept = server.request("GET", "/v1/admin/sign-in", scope="admin").json()
    assert (kept["name"], kept["has_secret"]) == ("Contoso", True)
    stale = admin.submit(SIGN_IN, again)
    assert stale.status == 409
    off = admin.submit(SIGN_IN, {"do": "off", "version": admin.get(PATH).value("version")})
    assert "Nobody can sign in by a provider now." in off


def test_faults_of_the_sign_in_stand_at_their_fields(admin: Visitor) -> None:
    page = admin.submit(
        SIGN_IN,
        {"do": "save", "version": "0", "issuer": "http://x.example/a", "default_role": "admin"},
    )
    assert page.status == 422
    assert {"#issuer", "#client_id", "#default_role"} <= set(page.links)
    assert "an issuer begins with https://" in page
    assert page.value("issuer") == "http://x.example/a"


def test_a_test_says_what_is_wrong_and_saves_nothing(server: Server, admin: Visitor) -> None:
    given = {"issuer": "https://localhost:1/x", "client_id": "c"}
    page = admin.submit(SIGN_IN, {"do": "test", "version": "0", **given})
    assert "People cannot sign in with these settings." in page
    assert page.value("client_id") == "c"
    kept = server.request("GET", "/v1/admin/sign-in", scope="admin").json()
    assert kept["provider"] is None


def test_what_a_test_advises_is_a_warning_that_names_the_forms_fields(
    server: Server, admin: Visitor
) -> None:
    with OpenIdProvider([f"{server.url}/v1/signin/callback"]) as provider:
        issuer = str(provider.settings()["issuer"])
        page = admin.submit(SIGN_IN, {"issuer": issuer, "client_id": "c", "do": "test"})
    assert "The provider answers." in page
    assert "default_role" not in page.text
    warning = page.html.partition("note--warning")[2].partition("</div>")[0]
    assert "Whoever has none of these" in warning


def test_a_secret_that_a_test_emptied_is_asked_for_again(server: Server, admin: Visitor) -> None:
    version = admin.get(PATH).value("version")
    given = {"issuer": "contoso.example", "client_id": "c", "version": version}
    page = admin.submit(SIGN_IN, {**given, "do": "test", "client_secret": "typed"})
    assert "Enter this again: what was typed is not kept on the page." in page
    emptied = {**given, "client_secret": "", "client_secret-emptied": "1"}
    assert page.value("client_secret-emptied") == "1"
    page = admin.submit(SIGN_IN, {**emptied, "do": "save"})
    assert page.status == 422
    assert "#client_secret" in page.links
    kept = server.request("GET", "/v1/admin/sign-in", scope="admin").json()
    assert kept["provider"] is None
    assert "client_secret-emptied" not in page.values  # once more is on purpose
    page = admin.submit(SIGN_IN, {**emptied, "do": "save", "client_secret": "typed"})
    kept = server.request("GET", "/v1/admin/sign-in", scope="admin").json()
    assert kept["has_secret"]
    admin.submit(SIGN_IN, {"do": "off", "version": page.value("version")})


def test_a_supervisor_changes_no_settings(server: Server) -> None:
    cookie = principals.sign_in(server, "supervisor", name="Sue Supervisor")
    with Visitor(server, cookie) as supervisor:
        page = supervisor.get(PATH)
        assert page.status == 200
        assert "client_secret" not in page.values
        assert supervisor.submit(PATH, {"locale": "ja"}).status == 403
        assert supervisor.submit(SIGN_IN, {"do": "off"}).status == 403


@given(st.text(max_size=40))
def test_preferences_are_read_or_refused_by_name(text: str) -> None:
    written = preferences.dump(Preferences(zone=text))
    if not text or preferences.zone(text) is not None:
        assert preferences.parse(written).zone == text
        return
    with pytest.raises(InvalidSettings) as refused:
        preferences.parse(written)
    assert [place.at for place in refused.value.places] == ["zone"]


@pytest.mark.parametrize("text", ["", "null", "{", '{"locale": 1}', '{"more": ""}', "[]"])
def test_what_are_no_preferences_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings):
        preferences.parse(text)


@pytest.mark.parametrize("name", ["", "..", "Europe", "/etc/passwd", "a\0b", "UTC\n"])
def test_odd_names_are_no_time_zones(name: str) -> None:
    assert preferences.zone(name) is None


def test_the_listed_time_zones_all_exist() -> None:
    listed = preferences.zones()
    assert "Europe/Berlin" in listed
    assert not [name for name in listed if preferences.zone(name) is None]
