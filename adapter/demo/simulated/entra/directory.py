"""Hold one directory (Entra tenant): its applications, people, consents and issued grants."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from adapter.demo.simulated.entra.signing import SigningKey, encode

COMMON = frozenset({"common", "organizations", "consumers"})


@dataclass(frozen=True, slots=True)
class Secret:
    """One client secret and when it ends."""

    value: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate registered on an application, with the thumbprints that name it."""

    key: rsa.RSAPublicKey
    sha1: str
    sha256: str

    @classmethod
    def from_pem(cls, pem: bytes) -> Certificate:
        """Read a PEM certificate with an RSA key. Raises ValueError."""
        parsed = x509.load_pem_x509_certificate(pem)
        key = parsed.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("Entra takes certificates with RSA keys alone")  # noqa: TRY004
        sha1 = encode(parsed.fingerprint(hashes.SHA1()))  # noqa: S303 - x5t is SHA-1 by RFC 7515
        return cls(key, sha1, encode(parsed.fingerprint(hashes.SHA256())))


@dataclass(slots=True)
class Application:
    """One app registration."""

    client_id: str
    name: str
    object_id: str
    redirect_uris: set[str]
    secrets: list[Secret] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    consented: bool = False
    """Whether the delegated permission `user_impersonation` has been consented to."""

    def returns_to(self, uri: str) -> bool:
        """Say whether a redirect URI is registered; on a loopback name the port does not count.

        Entra ignores the port of http://localhost (RFC 8252, section 7.3); here of https and of
        names below .localhost too, so that a demo on any port can be used.
        """
        return uri in self.redirect_uris or _without_port(uri) in self.redirect_uris


def _without_port(uri: str) -> str:
    parts = urlsplit(uri)
    host = parts.hostname or ""
    if not (host in ("localhost", "127.0.0.1") or host.endswith(".localhost")):
        return uri
    return parts._replace(netloc=host).geturl()


@dataclass(frozen=True, slots=True)
class Person:
    """One user of the directory."""

    object_id: str
    name: str
    upn: str


@dataclass(slots=True)
class Grant:
    """What a code or a refresh token stands for."""

    client_id: str
    person: Person
    scopes: tuple[str, ...]
    resource: str
    issued: datetime
    redirect_uri: str = ""
    challenge: str = ""
    nonce: str | None = None
    redeemed: bool = False
    expired: bool = False
    revoked: bool = False


@dataclass(slots=True)
class Directory:
    """One directory and everything that it knows."""

    id: str
    domain: str
    name: str
    resources: set[str]
    key: SigningKey
    applications: dict[str, Application] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    codes: dict[str, Grant] = field(default_factory=dict)
    refresh_tokens: dict[str, Grant] = field(default_factory=dict)
    present: bool = True

    def is_named(self, text: str) -> bool:
        """Say whether a URL's first path segment names this directory."""
        return self.present and text.lower() in {self.id, self.domain, *COMMON}

    def knows_resource(self, resource: str) -> bool:
        """Say whether tokens are issued for a resource; one trailing slash does not matter."""
        return resource.removesuffix("/").lower() in self.resources

    def person(self, login_hint: str | None) -> Person:
        """Give who is signed in at the simulated browser session: the hinted, else the first."""
        wanted = (login_hint or "").lower()
        people = list(self.people.values())
        return next((one for one in people if one.upn.lower() == wanted), people[0])

    def keep_code(self, grant: Grant) -> str:
        """Issue an authorization code."""
        code = f"1.{secrets.token_urlsafe(48)}"
        self.codes[code] = grant
        return code

    def keep_refresh_token(self, grant: Grant) -> str:
        """Issue a refresh token; older ones stay good, as with Entra."""
        token = f"1.{secrets.token_urlsafe(96)}"
        self.refresh_tokens[token] = grant
        return token
