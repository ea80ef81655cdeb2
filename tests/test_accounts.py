"""Read accounts as admins paste them, and warn before secrets end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, strategies as st

from adapter import accounts
from adapter.accounts import AccountSecrets, IntegrationAccount
from adapter.errors import InvalidSettings

DIRECTORY = "aaaaaaaa-1111-2222-3333-444444444444"
CLIENT = "bbbbbbbb-1111-2222-3333-444444444444"
ENVIRONMENT = "https://contoso.crm4.dynamics.com"
FIELDS: dict[str, Any] = {
    "name": "main",
    "environment_url": ENVIRONMENT,
    "directory_id": DIRECTORY,
    "client_id": CLIENT,
}
BRIGHT_PATTERN = {
    "Type": "Microsoft Dynamics 365",
    "Name": "Dynamics",
    "Default account": True,
    "Authorization URL": f"https://login.microsoftonline.com/{DIRECTORY}/oauth2/authorize",
    "Token URL": f"https://login.microsoftonline.com/{DIRECTORY}/oauth2/token",
    "API URL": "https://brightpatterndev.crm.dynamics.com/api/data/v9.0",
    "Client ID": CLIENT,
    "Client Secret": "abc~DEF",
    "Refresh token": "0.AAA",
}


def faults(given: dict[str, Any], **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidSettings) as caught:
        accounts.parse(given, **more)
    return {place.at.lstrip("/"): place.detail for place in caught.value.places}


def parsed(**changes: Any) -> IntegrationAccount:
    return accounts.parse_account({**FIELDS, **changes})


def test_the_fields_of_the_older_guide_make_an_account() -> None:
    account, secrets = accounts.parse(BRIGHT_PATTERN)
    assert account.environment_url == "https://brightpatterndev.crm.dynamics.com"
    assert account.api_url == "https://brightpatterndev.crm.dynamics.com/api/data/v9.0"
    assert account.authority == f"https://login.microsoftonline.com/{DIRECTORY}"
    assert account.directory_id == DIRECTORY
    assert account.default
    assert account.scope == "https://brightpatterndev.crm.dynamics.com/.default"
    assert secrets.held() == ["client_secret", "refresh_token"]


def test_the_fields_of_the_newer_wizard_make_an_account() -> None:
    account = accounts.parse_account(
        {
            "Name": "Engage",
            "Uri": "https://contoso.crm4.dynamics.com/",
            "Dynamics API Version": "9.2",
            "Dynamics App ID": "{CCCCCCCC-1111-2222-3333-444444444444}",
            "Azure AD Tenant ID": DIRECTORY.upper(),
            "Client ID": CLIENT,
            "Client Secret": "x",
            "Scope": "https://contoso.crm4.dynamics.com.default",
            "Recording Bucket Name": "connect-recordings",
        }
    )
    assert account.app_id == "cccccccc-1111-2222-3333-444444444444"
    assert account.scope == f"{ENVIRONMENT}/.default"
    assert account.recording_bucket == "connect-recordings"
    assert account.api_url == f"{ENVIRONMENT}/api/data/v9.2"


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        (f"https://login.microsoftonline.com/{DIRECTORY}/oauth2/v2.0/token", None),
        (f"https://login.microsoftonline.com/{DIRECTORY}/oauth2/v2.0/authorize/", None),
        (f"https://login.microsoftonline.com/{DIRECTORY}/", None),
        (f"https://LOGIN.MicrosoftOnline.com:443/{DIRECTORY.upper()}/v2.0", None),
        (f"https://login.windows.net/{DIRECTORY}/oauth2/authorize?resource=https://x", None),
        (f"https://sts.windows.net/{DIRECTORY}/", None),
        (
            "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/token",
            "https://login.microsoftonline.com/contoso.onmicrosoft.com",
        ),
        (
            f"https://login.chinacloudapi.cn/{DIRECTORY}/oauth2/token",
            f"https://login.partner.microsoftonline.cn/{DIRECTORY}",
        ),
        (
            f"https://login.microsoftonline.us/{DIRECTORY}/oauth2/v2.0/token",
            f"https://login.microsoftonline.us/{DIRECTORY}",
        ),
        (
            f"https://login.microsoftonline.com/{DIRECTORY}/v2.0/.well-known/openid-configuration",
            None,
        ),
    ],
)
def test_a_pasted_endpoint_gives_the_authority(url: str, authority: str | None) -> None:
    expected = authority or f"https://login.microsoftonline.com/{DIRECTORY}"
    assert accounts.authority_of(url).url == expected


@pytest.mark.parametrize(
    ("url", "word"),
    [
        (f"http://login.microsoftonline.com/{DIRECTORY}", "https"),
        ("https://login.microsoftonline.com/", "directory is missing"),
        (f"https://login.microsoftonline.com.evil.example/{DIRECTORY}", "no sign-in host"),
        (f"https://evil.example/{DIRECTORY}/oauth2/token", "no sign-in host"),
        (f"https://me@login.microsoftonline.com/{DIRECTORY}", "user name"),
        (f"https://login.microsoftonline.com/{DIRECTORY}/oauth2/devicecode", "no endpoint"),
        ("https://login.microsoftonline.com/consumers/oauth2/token", "personal accounts"),
        (f"https://login.microsoftonline.de/{DIRECTORY}", "closed"),
        ("https://login.microsoftonline.com/a b/oauth2/token", "GUID"),
        (f"https://localhost:8443/{DIRECTORY}/oauth2/v2.0/token", "no sign-in host"),
        ("https://[::1/x", "web address"),
    ],
)
def test_what_is_no_sign_in_address_says_why(url: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        accounts.authority_of(url)


@given(st.text(max_size=80))
def test_any_text_gives_an_authority_of_microsoft_or_a_reason(text: str) -> None:
    for url in (text, f"https://{text}", f"https://login.microsoftonline.com/{text}"):
        try:
            found = accounts.authority_of(url)
        except ValueError:
            continue
        assert found.origin.startswith("https://login.")
        assert "/" not in found.directory


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ("https://contoso.crm9.dynamics.com", "login.microsoftonline.com"),
        ("https://contoso.crm.microsoftdynamics.us", "login.microsoftonline.us"),
        ("https://contoso.crm.appsplatform.us", "login.microsoftonline.us"),
        ("https://contoso.crm.dynamics.cn", "login.partner.microsoftonline.cn"),
    ],
)
def test_a_directory_id_alone_signs_in_at_the_environments_cloud(
    environment: str, host: str
) -> None:
    assert parsed(environment_url=environment).authority == f"https://{host}/{DIRECTORY}"


def test_urls_of_another_cloud_than_the_environments_are_refused() -> None:
    token = f"https://login.microsoftonline.com/{DIRECTORY}/oauth2/token"
    found = faults({**FIELDS, "environment_url": "https://x.crm.dynamics.cn", "token_url": token})
    assert "login.partner.microsoftonline.cn" in found["token_url"]


def test_urls_of_two_directories_or_two_clouds_are_refused() -> None:
    base = "https://login.microsoftonline.com"
    fields = {key: FIELDS[key] for key in ("name", "environment_url", "client_id")}
    one = {**fields, "authorization_url": f"{base}/{DIRECTORY}/oauth2/authorize"}
    assert (
        "another.example"
        in faults({**one, "token_url": f"{base}/another.example/oauth2/token"})["token_url"]
    )
    us = f"https://login.microsoftonline.us/{DIRECTORY}/oauth2/token"
    assert "US Government" in faults({**one, "token_url": us})["token_url"]
    assert "directory_id" in faults({**one, "directory_id": CLIENT})


@pytest.mark.parametrize("shared", ["common", "organizations"])
def test_an_application_needs_a_directory_of_its_own(shared: str) -> None:
    assert shared in faults({**FIELDS, "directory_id": shared})["directory_id"]
    assert parsed(directory_id=shared, access="delegated").directory_id == shared


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("client_id", "not a guid", "GUID"),
        ("client_id", "", "needed"),
        ("name", "", "needed"),
        ("name", "a/b", "without /"),
        ("environment_url", "https://example.com", "no host of a Dynamics organisation"),
        ("environment_url", "http://contoso.crm4.dynamics.com", "https"),
        ("environment_url", "https://contoso.crm4.dynamics.com.evil.example", "no host"),
        ("environment_url", "https://localhost:8443", "8443"),
        ("api_url", "https://other.crm4.dynamics.com/api/data/v9.2", "but the environment is"),
        ("api_url", f"{ENVIRONMENT}/api/data/v8.2", "v9.0"),
        ("api_url", f"{ENVIRONMENT}/somewhere", "no part of it"),
        ("api_version", "8", "v9.0"),
        ("scope", "https://other.crm4.dynamics.com/.default", "but the environment"),
        ("scope", "https://graph.microsoft.com/.default", "no scope of Dynamics"),
        ("scope", f"{ENVIRONMENT}/user_impersonation", "application"),
        ("scope", f"{ENVIRONMENT}/.default {ENVIRONMENT}/x", "one scope"),
        ("app_id", "sales", "GUID"),
        ("recording_bucket", "My Bucket", "S3"),
        ("secret_expires", "Never", "always expire"),
        ("secret_expires", "31.12.2027", "2027-05-31"),
        ("access", "magic", "delegated"),
        ("default", "perhaps", "true or false"),
        ("type", "Salesforce", "microsoft_dynamics_365"),
        ("client_secret", 7, "text"),
        ("client_secret", "a\nb", "line break"),
        ("directory_id", "contoso", "GUID"),
        ("name", "x\x00y", "text"),
    ],
)
def test_a_bad_value_is_named_at_its_field(field: str, value: object, word: str) -> None:
    assert word in faults({**FIELDS, field: value})[field]


def test_a_misspelt_field_is_named_with_what_was_meant() -> None:
    assert "client_secret" in faults({**FIELDS, "cleint_secret": "x"})["cleint_secret"]


def test_every_fault_is_told_at_once() -> None:
    assert faults({}).keys() == {"name", "environment_url", "directory_id", "client_id"}


def test_a_field_given_twice_must_say_the_same() -> None:
    assert "twice" in faults({**FIELDS, "Client ID": DIRECTORY})["Client ID"]


@pytest.mark.parametrize(
    "api_url",
    [
        f"{ENVIRONMENT}/api/data/v9.1/",
        "https://contoso.api.crm4.dynamics.com/api/data/v9.1",
        "contoso.crm4.dynamics.com/api/data/v9.1",
    ],
)
def test_an_api_url_names_the_environment_and_the_version(api_url: str) -> None:
    account = accounts.parse_account(
        {"name": "m", "api_url": api_url, "directory_id": DIRECTORY, "client_id": CLIENT}
    )
    assert account.api_url == f"{ENVIRONMENT}/api/data/v9.1"


@pytest.mark.parametrize("scope", ["", f"{ENVIRONMENT}//.default", f"{ENVIRONMENT}/", ENVIRONMENT])
def test_a_scope_has_one_slash_before_default(scope: str) -> None:
    assert parsed(scope=scope).scope == f"{ENVIRONMENT}/.default"


def test_a_delegated_scope_may_be_user_impersonation() -> None:
    scope = f"{ENVIRONMENT}/user_impersonation offline_access"
    assert parsed(scope=scope, access="delegated").scope == f"{ENVIRONMENT}/user_impersonation"


def test_loopback_is_taken_only_where_it_is_allowed() -> None:
    url = f"https://localhost:8443/{DIRECTORY}/oauth2/v2.0/token"
    local = {**FIELDS, "environment_url": "https://localhost:8443", "token_url": url}
    assert faults(local).keys() == {"environment_url", "token_url"}
    account = accounts.parse_account(local, allow_loopback=True)
    assert account.authority == f"https://localhost:8443/{DIRECTORY}"
    assert account.scope == "https://localhost:8443/.default"


def test_an_account_that_was_shown_may_be_sent_back() -> None:
    account = parsed(app_id=CLIENT, secret_expires="2027-05-31", impersonate=True)
    assert accounts.parse_account(msgspec.to_builtins(account)) == account


# Secrets


def test_secrets_never_show_in_a_repr() -> None:
    secrets = accounts.parse({**FIELDS, "client_secret": "s3cret~"}).secrets
    assert "s3cret" not in f"{secrets!r} {secrets}"
    assert "client_secret" in repr(secrets)


def test_a_secret_that_is_left_out_or_empty_stays_and_null_removes_it() -> None:
    known = AccountSecrets(client_secret="old", refresh_token="rt")
    assert accounts.parse(FIELDS, known=known).secrets == known
    assert accounts.parse({**FIELDS, "client_secret": ""}, known=known).secrets == known
    gone = accounts.parse({**FIELDS, "client_secret": None}, known=known).secrets
    assert gone.held() == ["refresh_token"]


def certificate(days: int = 90, passphrase: bytes | None = None) -> tuple[str, str]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "screenpop")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def test_a_certificate_takes_the_place_of_the_secret_and_tells_its_end() -> None:
    public, private = certificate(90)
    known = AccountSecrets(client_secret="old")
    account, secrets = accounts.parse({**FIELDS, "certificate": private + public}, known=known)
    assert secrets.held() == ["certificate_pem", "certificate_key"]
    assert account.certificate_expires is not None
    assert 88 <= (account.certificate_expires - datetime.now(UTC).date()).days <= 90
    back = accounts.parse({**FIELDS, "client_secret": "new"}, known=secrets)
    assert back.secrets.held() == ["client_secret"]
    assert back.account.certificate_expires is None


def test_a_certificate_that_cannot_be_used_says_why() -> None:
    public, private = certificate(passphrase=b"open sesame")
    _, other = certificate()
    given = {**FIELDS, "certificate_pem": public}
    assert "no private key" in faults(given)["certificate_pem"]
    assert "another certificate" in faults({**given, "private_key": other})["certificate_pem"]
    assert "needs a passphrase" in faults({**given, "private_key": private})["certificate_pem"]
    wrong = {**given, "private_key": private, "passphrase": "x"}
    assert "passphrase" in faults(wrong)["certificate_pem"]
    assert "PEM" in faults({**FIELDS, "certificate_pem": "MIIB"})["certificate_pem"]
    right = {**given, "private_key": private, "passphrase": "open sesame"}
    assert accounts.parse(right).secrets.certificate_key == private.strip()
    assert "not both" in faults({**right, "client_secret": "s"})["certificate_pem"]


def test_a_pasted_secret_id_is_cautioned_against() -> None:
    account, secrets = accounts.parse({**FIELDS, "client_secret": DIRECTORY})
    assert any("secret's ID" in text for text in accounts.cautions(account, secrets))


# Expiry


@pytest.mark.parametrize(
    ("days", "threshold", "words"),
    [
        (31, None, ""),
        (30, 30, "in 30 days"),
        (8, 30, "in 8 days"),
        (7, 7, "in 7 days"),
        (1, 1, "in 1 day ("),
        (0, 1, "expires today"),
        (-1, 0, "expired on 2027-05-31"),
    ],
)
def test_an_expiring_secret_warns_at_30_7_and_1_days(
    days: int, threshold: int | None, words: str
) -> None:
    account = parsed(secret_expires="2027-05-31")
    found = accounts.expiry_warnings(account, date(2027, 5, 31) - timedelta(days=days))
    assert [each.threshold for each in found] == ([] if threshold is None else [threshold])
    assert all(words in each.text for each in found)


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "scope", "api_url", "token_url", "app_id", "certificate_pem"]),
        st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text()), st.booleans()),
    )
)
def test_whatever_is_given_is_an_account_or_a_list_of_faults(given: dict[str, Any]) -> None:
    authority = "https://login."
    places: object = None
    try:
        authority = accounts.parse_account({**FIELDS, **given}).authority
    except InvalidSettings as error:
        places = error.places
    assert places != ()
    assert authority.startswith("https://login.")
