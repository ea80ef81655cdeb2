"""Read a tenant's sign-in settings, and name every fault at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from adapter.errors import InvalidSettings
from adapter.identity import providers
from adapter.identity.providers import SignInSettings
from adapter.signing_in import documents
from adapter.signing_in.errors import SignInError

GUID = "0f5e3c1a-0000-4000-8000-000000000000"
CLIENT = {"client_id": "abc"}


def parse(**given: Any) -> SignInSettings:
    return providers.parse({**CLIENT, **given}, allow_loopback=False)


@pytest.mark.parametrize(
    ("given_", "issuer"),
    [
        ({"directory": GUID.upper()}, f"https://login.microsoftonline.com/{GUID}/v2.0"),
        (
            {"directory": "contoso.onmicrosoft.com"},
            "https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0",
        ),
        (
            {"issuer": f"https://login.microsoftonline.us/{GUID}"},
            f"https://login.microsoftonline.us/{GUID}/v2.0",
        ),
        (
            {
                "issuer": f"https://login.microsoftonline.com/{GUID}/v2.0"
                "/.well-known/openid-configuration"
            },
            f"https://login.microsoftonline.com/{GUID}/v2.0",
        ),
    ],
)
def test_a_directory_of_entra_is_found_in_what_people_paste(
    given_: dict[str, str], issuer: str
) -> None:
    settings = parse(**given_)
    assert (settings.provider, settings.issuer) == ("entra", issuer)


@pytest.mark.parametrize("issuer", ["https://id.example", "https://id.example/realms/a/"])
def test_another_issuer_is_kept_as_it_is(issuer: str) -> None:
    settings = parse(issuer=issuer)
    assert (settings.provider, settings.issuer) == ("oidc", issuer)


@pytest.mark.parametrize(
    ("given_", "at"),
    [
        ({}, "/issuer"),
        ({"issuer": "http://id.example"}, "/issuer"),
        ({"issuer": "https://localhost:8443/x"}, "/issuer"),
        ({"issuer": "https://127.0.0.1/x"}, "/issuer"),
        ({"issuer": "https://me:secret@id.example"}, "/issuer"),
        ({"issuer": "https://id.example?x=1"}, "/issuer"),
        ({"issuer": "https://[oops"}, "/issuer"),
        ({"issuer": "https://login.microsoftonline.com"}, "/issuer"),
        ({"directory": "not a directory"}, "/directory"),
        ({"directory": "organizations"}, "/directories"),
        ({"directory": GUID, "directories": ["contoso"]}, "/directories"),
        ({"directory": GUID, "client_id": " "}, "/client_id"),
        ({"directory": GUID, "scopes": ['a"b']}, "/scopes"),
        ({"directory": GUID, "roles": {"king": ["x"]}}, "/roles/king"),
        ({"directory": GUID, "roles": ["agent"]}, "/roles"),
        ({"directory": GUID, "default_role": "admin"}, "/default_role"),
        ({"directory": GUID, "trust": "everybody"}, "/trust"),
        ({"directory": GUID, "secret_expires": "soon"}, "/secret_expires"),
        ({"directory": GUID, "clinet_id": "x"}, "/clinet_id"),
    ],
    ids=str,
)
def test_each_fault_is_named_at_its_place(given_: dict[str, Any], at: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parse(**given_)
    assert at in [place.at for place in caught.value.places]


def test_what_is_shown_may_be_sent_back() -> None:
    parse(directory=GUID, redirect_uri="x", has_secret=True, secret_days=3, version=1)


@given(
    st.dictionaries(
        st.sampled_from([*providers.FIELDS, "other"]),
        st.one_of(st.none(), st.text(max_size=30), st.integers(), st.lists(st.text(max_size=5))),
    )
)
def test_any_object_is_settings_or_faults(given_: dict[str, Any]) -> None:
    try:
        settings = providers.parse(given_, allow_loopback=False)
    except InvalidSettings:
        return
    assert settings.issuer.startswith("https://")
    assert "openid" in settings.scopes


DOCUMENT = {
    "issuer": f"https://login.microsoftonline.com/{GUID}/v2.0",
    "authorization_endpoint": "https://login.microsoftonline.com/x/authorize",
    "token_endpoint": "https://login.microsoftonline.com/x/token",
    "jwks_uri": "https://login.microsoftonline.com/x/keys",
    "response_modes_supported": ["query", "form_post"],
}


def test_a_discovery_document_gives_what_we_use() -> None:
    read = documents.read(DOCUMENT, parse(directory=GUID))
    assert read.form_post
    assert read.secret_in_header  # Discovery, 3: what is left out means client_secret_basic
    assert not read.tells_issuer


def test_a_directory_named_by_its_domain_tells_its_guid() -> None:
    settings = parse(directory="contoso.com")
    read = documents.read(DOCUMENT, settings)
    assert settings.allowed_directories(read.issuer) == (GUID,)


def test_many_directories_come_by_their_list_alone() -> None:
    settings = parse(directory="organizations", directories=[GUID])
    placed = {**DOCUMENT, "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}
    assert settings.allowed_directories(documents.read(placed, settings).issuer) == (GUID,)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": None},
        {"issuer": "https://evil.example"},
        {"issuer": f"https://login.microsoftonline.com/{GUID[:-1]}1/v2.0"},
        {"token_endpoint": "http://login.microsoftonline.com/x/token"},
        {"token_endpoint": "https://localhost/token"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"code_challenge_methods_supported": ["plain"]},
        {"response_types_supported": ["id_token"]},
    ],
    ids=str,
)
def test_a_document_of_another_or_a_weak_provider_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SignInError):
        documents.read({**DOCUMENT, **change}, parse(directory=GUID))


def test_another_provider_must_be_named_to_the_letter() -> None:
    document = {**DOCUMENT, "issuer": "https://id.example/"}
    with pytest.raises(SignInError, match=r"not of 'https://id\.example'"):
        documents.read(document, parse(issuer="https://id.example"))
