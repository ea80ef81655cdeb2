"""Answer the simulated login host: discovery documents, keys, authorize and token endpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from adapter.demo.simulated.entra import aadsts, consent
from adapter.demo.simulated.entra.aadsts import Denial
from adapter.demo.simulated.entra.consent import AuthorizeEndpoint, Page, Redirect
from adapter.demo.simulated.entra.tokens import TokenEndpoint
from adapter.demo.simulated.incoming import Incoming
from adapter.demo.simulated.world import World

TOKEN_PATHS = ("oauth2/v2.0/token", "oauth2/token")
_AUTHORIZE_PATHS = ("oauth2/v2.0/authorize", "oauth2/authorize")
_ADMIN_PATHS = ("v2.0/adminconsent", "adminconsent")


@dataclass(slots=True)
class Reply:
    """One answer of the login host."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Login:
    """The login host of one world."""

    world: World

    def respond(self, incoming: Incoming) -> Reply | None:
        """Answer a request; None where the path is none of the login host's."""
        method, base, path = incoming.method, incoming.origin, incoming.path
        body = incoming.body.decode("utf-8", "replace")
        tenant, _, rest = path.strip("/").partition("/")
        if path.strip("/") == "common/discovery/instance":
            return self._instance(base)
        correlation = incoming.headers.get("client-request-id")
        try:
            if rest in TOKEN_PATHS and method == "POST":
                return self._token(tenant, rest, _form(body), base)
            return self._document(tenant, rest, base) or self._page(
                method, tenant, rest, _form(incoming.query), _form(body)
            )
        except Denial as denial:
            return denied(self.world, denial, correlation)

    def _token(self, tenant: str, rest: str, form: Mapping[str, str], base: str) -> Reply:
        self._check_tenant(tenant, aadsts.UNKNOWN_TENANT)
        endpoint = TokenEndpoint(
            self.world.directory,
            base,
            self.world.now(),
            self.world.behaviour.token_seconds,
            v1="v2.0" not in rest,
        )
        return _json(200, endpoint.grant(tenant, form))

    def _page(
        self,
        method: str,
        tenant: str,
        rest: str,
        query: Mapping[str, str],
        form: Mapping[str, str],
    ) -> Reply | None:
        if rest not in (*_AUTHORIZE_PATHS, *_ADMIN_PATHS):
            return None
        try:
            self._check_tenant(tenant, aadsts.UNKNOWN_TENANT)
            if rest in _ADMIN_PATHS:
                return _shown(consent.admin_consent(self.world.directory, query))
            endpoint = AuthorizeEndpoint(
                self.world.directory, self.world.now(), v1="v2.0" not in rest
            )
            if method == "POST":
                return _shown(endpoint.decide(form))
            return _shown(endpoint.ask(query))
        except Denial as denial:
            return _shown(consent.error_page(denial, self.world.now()))

    def _document(self, tenant: str, rest: str, base: str) -> Reply | None:
        if rest in ("discovery/v2.0/keys", "discovery/keys"):
            return _json(200, self.world.directory.key.jwks())
        if rest not in (
            "v2.0/.well-known/openid-configuration",
            ".well-known/openid-configuration",
        ):
            return None
        self._check_tenant(tenant, aadsts.UNKNOWN_TENANT_DOCUMENT)
        here = f"{base}/{tenant}"
        v2 = "/v2.0" if rest.startswith("v2.0") else ""
        issuer = f"{base}/{self.world.directory.id}{v2 or '/'}"
        return _json(
            200,
            {
                "issuer": issuer,
                "authorization_endpoint": f"{here}/oauth2{v2}/authorize",
                "token_endpoint": f"{here}/oauth2{v2}/token",
                "jwks_uri": f"{here}/discovery{v2}/keys",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                ],
                "response_modes_supported": ["query", "form_post"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "simulated",
            },
        )

    def _instance(self, base: str) -> Reply:
        directory = self.world.directory.id
        host = base.partition("://")[2]
        cloud = {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
        return _json(
            200,
            {
                "tenant_discovery_endpoint": (
                    f"{base}/{directory}/v2.0/.well-known/openid-configuration"
                ),
                "api-version": "1.1",
                "metadata": [cloud],
            },
        )

    def _check_tenant(self, tenant: str, cause: aadsts.Cause) -> None:
        if not self.world.directory.is_named(tenant):
            raise Denial(
                cause,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID "
                "and are signing into the correct cloud. Check with your subscription "
                "administrator, this may happen if there are no active subscriptions for the "
                "tenant.",
            )


def denied(world: World, denial: Denial, correlation: str | None = None) -> Reply:
    """Answer with the error body of the token endpoint."""
    return _json(denial.cause.status, denial.body(world.now(), correlation))


def _json(status: int, value: object) -> Reply:
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return Reply(status, json.dumps(value).encode(), headers)


def _shown(result: Page | Redirect) -> Reply:
    if isinstance(result, Redirect):
        return Reply(302, b"", {"Location": result.url, "Cache-Control": "no-store"})
    # As Entra: the sign-in page refuses to be framed.
    headers = {"Content-Type": "text/html; charset=utf-8", "X-Frame-Options": "DENY"}
    return Reply(result.status, result.html.encode(), headers)


def _form(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))
