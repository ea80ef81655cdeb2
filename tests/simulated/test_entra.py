from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import msal  # type: ignore[import-untyped]
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from adapter.demo.simulated.serving import Simulation
from tests.simulated.conftest import token

CALLBACK = "http://localhost:8000/v1/dynamics/oauth_callback"


class Form(HTMLParser):
    """Read the fields of the one form of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.action = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = named.get("action", "")
        if tag == "input":
            self.fields[named["name"]] = named["value"]


def app_for(simulation: Simulation, credential: object) -> Any:
    session = requests.Session()
    session.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
    session.verify = str(simulation.ca_file)
    return msal.ConfidentialClientApplication(
        simulation.world.application.client_id,
        client_credential=credential,
        authority=simulation.authority,
        instance_discovery=False,
        http_client=session,
    )


@pytest.fixture
def application(simulation: Simulation) -> Any:
    return app_for(simulation, simulation.world.client_secret)


def code_for(web: httpx.Client, flow: dict[str, Any], decision: str = "accept") -> dict[str, str]:
    """Press a button on the consent page and give what comes back to the application."""
    url = flow["auth_uri"]
    page = web.get(url)
    assert page.status_code == 200, page.text
    assert page.headers["x-frame-options"] == "DENY"
    answer = web.post(url, data={**Form(page.text).fields, "decision": decision})
    if answer.status_code == 302:
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        return {name: values[0] for name, values in query.items()}
    form = Form(answer.text)
    assert form.action == flow["redirect_uri"]
    return form.fields


def denied(response: httpx.Response) -> tuple[int, str, int]:
    body = response.json()
    number = body["error_codes"][0]
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    for name in ("timestamp", "trace_id", "correlation_id"):
        assert body[name] in body["error_description"]
    return response.status_code, body["error"], number


def test_msal_gets_an_application_token_that_the_published_key_verifies(
    application: Any, simulation: Simulation, web: httpx.Client
) -> None:
    result = application.acquire_token_for_client([simulation.scope])
    document = web.get(f"{simulation.authority}/v2.0/.well-known/openid-configuration").json()
    key = jwt.PyJWKSet.from_dict(web.get(document["jwks_uri"]).json()).keys[0]
    claims = jwt.decode(
        result["access_token"], key.key, algorithms=["RS256"], audience=simulation.url
    )
    assert claims["tid"] == simulation.world.directory.id
    assert claims["appid"] == simulation.world.application.client_id
    assert "scp" not in claims


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        ({"client_secret": ""}, (401, "invalid_client", 7000218)),
        ({"client_id": "11111111-1111-1111-1111-111111111111"},
         (400, "unauthorized_client", 700016)),
        ({"scope": "https://other.crm.dynamics.com/.default"}, (400, "invalid_resource", 500011)),
        ({"scope": ""}, (400, "invalid_request", 90014)),
        ({"resource": "https://localhost"}, (400, "invalid_request", 901002)),
        ({"scope": "https://a.example/.default https://b.example/.default"},
         (400, "invalid_scope", 28000)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, (400, "invalid_grant", 9002313)),
    ],
)  # fmt: skip
def test_bad_requests_are_denied_by_their_own_codes(
    web: httpx.Client, simulation: Simulation, changes: dict[str, str], expected: tuple[Any, ...]
) -> None:
    assert denied(token(web, simulation, **changes)) == expected


def test_a_scope_without_default_is_denied(web: httpx.Client, simulation: Simulation) -> None:
    changed = token(web, simulation, scope=f"{simulation.url}/user_impersonation")
    assert denied(changed) == (400, "invalid_scope", 1002012)


def test_an_expired_secret_has_its_own_code(web: httpx.Client, simulation: Simulation) -> None:
    simulation.world.expire_secrets(expired=True)
    assert denied(token(web, simulation)) == (401, "invalid_client", 7000222)
    simulation.world.expire_secrets(expired=False)
    assert token(web, simulation).status_code == 200


def test_an_unknown_directory_is_denied_where_it_is_asked_for(
    web: httpx.Client, simulation: Simulation
) -> None:
    other = f"{simulation.url}/nosuch.onmicrosoft.com"
    document = web.get(f"{other}/v2.0/.well-known/openid-configuration")
    assert denied(document) == (400, "invalid_tenant", 90002)
    answer = web.post(f"{other}/oauth2/v2.0/token", data={"client_id": "x"})
    assert denied(answer) == (400, "invalid_request", 90002)


def test_the_directory_answers_to_its_domain_too(web: httpx.Client, simulation: Simulation) -> None:
    domain = simulation.world.directory.domain
    document = web.get(f"{simulation.url}/{domain}/v2.0/.well-known/openid-configuration").json()
    assert document["issuer"] == f"{simulation.authority}/v2.0"


def test_v1_takes_a_resource_and_writes_numbers_as_text(
    web: httpx.Client, simulation: Simulation
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": simulation.world.application.client_id,
        "client_secret": simulation.world.client_secret,
    }
    url = f"{simulation.authority}/oauth2/token"
    answer = web.post(url, data={**form, "resource": simulation.url}).json()
    assert (answer["expires_in"], answer["resource"]) == ("3599", simulation.url)
    assert denied(web.post(url, data={**form, "scope": simulation.scope}))[2] == 90014


def certificate(days: int = 1) -> tuple[str, str]:
    """Make a self-signed certificate; give (private key, certificate) as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "screenpop")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private.decode(), made.public_bytes(serialization.Encoding.PEM).decode()


def test_msal_signs_in_with_a_registered_certificate_alone(
    simulation: Simulation, web: httpx.Client
) -> None:
    private, public = certificate()
    credential = {"private_key": private, "public_certificate": public}
    refused = app_for(simulation, credential).acquire_token_for_client([simulation.scope])
    assert (refused["error"], refused["error_codes"]) == ("invalid_client", [700027])
    thumbprint = web.post(f"{simulation.url}/_control/certificates", json={"pem": public}).json()
    assert app_for(simulation, credential).acquire_token_for_client([simulation.scope])[
        "access_token"
    ]
    legacy = {"private_key": private, "thumbprint": _hex(thumbprint["x5t"])}
    assert app_for(simulation, legacy).acquire_token_for_client([simulation.scope])["access_token"]
    stolen_name = {"private_key": certificate()[0], "thumbprint": _hex(thumbprint["x5t"])}
    forged = app_for(simulation, stolen_name).acquire_token_for_client([simulation.scope])
    assert forged["error_codes"] == [700027]


def _hex(base64url: str) -> str:
    return jwt.utils.base64url_decode(base64url).hex()


def test_an_assertion_out_of_its_time_or_for_another_audience_is_denied(
    simulation: Simulation, web: httpx.Client
) -> None:
    private, public = certificate()
    thumbprint = web.post(f"{simulation.url}/_control/certificates", json={"pem": public}).json()
    client = simulation.world.application.client_id
    good = {
        "aud": f"{simulation.authority}/oauth2/v2.0/token",
        "iss": client,
        "sub": client,
        "exp": time.time() + 60,
    }
    for change, number in (({"exp": time.time() - 3600}, 700024), ({"aud": "x"}, 700023)):
        assertion = jwt.encode({**good, **change}, private, "RS256", {"x5t": thumbprint["x5t"]})
        answer = token(
            web,
            simulation,
            client_secret="",
            client_assertion=assertion,
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        )
        assert denied(answer)[2] == number


@pytest.mark.filterwarnings("ignore:response_mode:UserWarning")
@pytest.mark.parametrize("mode", ["form_post", None])
def test_consent_gives_a_code_that_msal_redeems_with_pkce(
    application: Any, simulation: Simulation, web: httpx.Client, mode: str | None
) -> None:
    scopes = [f"{simulation.url}/user_impersonation"]
    flow = application.initiate_auth_code_flow(scopes, redirect_uri=CALLBACK, response_mode=mode)
    returned = code_for(web, flow)
    result = application.acquire_token_by_auth_code_flow(flow, returned)
    claims = result["id_token_claims"]
    assert claims["aud"] == simulation.world.application.client_id
    assert claims["iss"] == f"{simulation.authority}/v2.0"
    assert claims["preferred_username"] == "alice@contoso.onmicrosoft.com"
    answer = web.get(
        f"{simulation.api_url}/WhoAmI",
        headers={"Authorization": f"Bearer {result['access_token']}"},
    )
    user = simulation.world.database.get("systemuser", answer.json()["UserId"])
    assert user is not None
    assert user["fullname"] == "Alice Ahrens"
    again = application.acquire_token_by_auth_code_flow(flow, returned)
    assert again["error_codes"] == [54005]


def test_a_wrong_verifier_is_denied(
    application: Any, simulation: Simulation, web: httpx.Client
) -> None:
    scopes = [f"{simulation.url}/user_impersonation"]
    flow = application.initiate_auth_code_flow(
        scopes, redirect_uri=CALLBACK, response_mode="form_post"
    )
    returned = code_for(web, flow)
    result = application.acquire_token_by_auth_code_flow({**flow, "code_verifier": "x"}, returned)
    assert (result["error"], result["error_codes"]) == ("invalid_grant", [50148])


def test_declining_comes_back_as_access_denied(
    application: Any, simulation: Simulation, web: httpx.Client
) -> None:
    scopes = [f"{simulation.url}/user_impersonation"]
    flow = application.initiate_auth_code_flow(
        scopes, redirect_uri=CALLBACK, response_mode="form_post"
    )
    returned = code_for(web, flow, "decline")
    assert returned["error"] == "access_denied"
    assert returned["error_description"].startswith("AADSTS65004")
    assert returned["state"] == flow["state"]
    assert not simulation.world.application.consented


def test_an_unregistered_redirect_uri_is_shown_and_never_followed(
    application: Any, simulation: Simulation, web: httpx.Client
) -> None:
    scopes = [f"{simulation.url}/user_impersonation"]
    flow = application.initiate_auth_code_flow(
        scopes, redirect_uri="https://attacker.example/callback", response_mode="form_post"
    )
    page = web.get(flow["auth_uri"])
    assert page.status_code == 400
    assert "AADSTS50011" in page.text


def test_refresh_tokens_work_until_they_expire_or_are_revoked_or_consent_goes(
    application: Any, simulation: Simulation, web: httpx.Client
) -> None:
    scopes = [f"{simulation.url}/user_impersonation"]
    flow = application.initiate_auth_code_flow(
        scopes, redirect_uri=CALLBACK, response_mode="form_post"
    )
    result = application.acquire_token_by_auth_code_flow(flow, code_for(web, flow))

    def redeem() -> httpx.Response:
        return token(
            web,
            simulation,
            grant_type="refresh_token",
            refresh_token=result["refresh_token"],
            scope=f"{simulation.url}/.default offline_access openid",
        )

    assert redeem().json()["refresh_token"]
    simulation.world.mark_refresh_tokens(expired=True)
    assert denied(redeem()) == (400, "invalid_grant", 700082)
    simulation.world.mark_refresh_tokens(revoked=True)
    assert denied(redeem()) == (400, "invalid_grant", 50173)
    assert redeem().json()["suberror"] == "bad_token"
    simulation.world.mark_refresh_tokens()
    simulation.world.application.consented = False
    assert denied(redeem()) == (400, "invalid_grant", 65001)
    assert redeem().json()["suberror"] == "consent_required"


def test_an_administrator_consents_for_everybody(simulation: Simulation, web: httpx.Client) -> None:
    query = {
        "client_id": simulation.world.application.client_id,
        "redirect_uri": CALLBACK,
        "state": "s",
    }
    answer = web.get(f"{simulation.authority}/v2.0/adminconsent", params=query)
    assert answer.headers["location"].startswith(f"{CALLBACK}?admin_consent=True")
    assert simulation.world.application.consented


def test_secrets_and_codes_never_reach_the_request_log(
    simulation: Simulation, web: httpx.Client
) -> None:
    token(web, simulation)
    log = web.get(f"{simulation.url}/_control/requests").text
    assert "oauth2/v2.0/token" in log
    assert simulation.world.client_secret not in log
