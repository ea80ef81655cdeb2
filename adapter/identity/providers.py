"""Read a tenant's sign-in settings: which OpenID provider, who may come, which roles they get."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from adapter.errors import InvalidSettings, Place
from adapter.identity import roles as role_names

Provider = Literal["entra", "oidc"]
Trust = Literal["none", "directory"]

SCOPES = ("openid", "profile", "email")
ROLE_CLAIMS = ("roles", "groups")
MICROSOFT = "login.microsoftonline.com"
_HOSTS_OF_ENTRA = frozenset(
    {
        MICROSOFT,
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.sovcloud-identity.fr",
        "login.sovcloud-identity.de",
        "login.sovcloud-identity.sg",
    }
)
SHARED = frozenset({"common", "organizations"})
DISCOVERY = "/.well-known/openid-configuration"

LONGEST = 2048
MOST = 500
"""Values of one list: roles, directories."""

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DOMAIN = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")  # RFC 6749, 3.3


class SignInSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the people of a tenant sign in."""

    provider: Provider
    issuer: str
    """For Entra `https://<cloud's host>/<directory>/v2.0`; discovery stands below it."""
    client_id: str
    scopes: tuple[str, ...] = SCOPES
    directories: tuple[str, ...] = ()
    """The `tid` that may sign in; empty: the issuer's own."""
    role_claims: tuple[str, ...] = ROLE_CLAIMS
    roles: dict[str, tuple[str, ...]] = {}
    """Role to the values (app roles, ids of groups) that give it."""
    default_role: str | None = None
    """Whoever gets no role by a value gets this one; None: an admin gives it."""
    trust: Trust = "none"
    """Whether the directory's user names settle which agent somebody is, or an admin does."""
    domain_hint: str = ""
    name: str = ""
    """What the button says: "Sign in with …"."""
    secret_expires: date | None = None

    @property
    def discovery_url(self) -> str:
        """Where the provider describes itself (OpenID Connect Discovery 1.0, 4)."""
        return self.issuer.rstrip("/") + DISCOVERY

    @property
    def label(self) -> str:
        """Name the provider for a button."""
        if self.name:
            return self.name
        return "Microsoft" if self.provider == "entra" else urlsplit(self.issuer).netloc

    def allowed_directories(self, issuer: str) -> tuple[str, ...] | None:
        """Give the `tid` that may sign in; None where the provider has none.

        `issuer` is the one of the discovery document: of a directory named by a domain it tells
        the GUID.
        """
        if self.provider != "entra":
            return self.directories or None
        if self.directories:
            return self.directories
        own = urlsplit(issuer).path.strip("/").partition("/")[0]
        return (own,) if _GUID.fullmatch(own.lower()) else ()

    def lets_in(self, directory: str) -> bool:
        """Whether people of a directory (`Person.directory`) may sign in, as far as this tells.

        A directory of Entra that is named by its domain has an id that only the provider knows.
        """
        if self.provider != "entra":
            return directory.rstrip("/") == self.issuer.rstrip("/")
        allowed = self.allowed_directories(self.issuer)
        return not allowed or directory.lower() in allowed


FIELDS = (
    *("provider", "issuer", "directory", "client_id", "scopes", "directories", "role_claims"),
    *("roles", "default_role", "trust", "domain_hint", "name", "secret_expires", "client_secret"),
)
SHOWN = ("redirect_uri", "has_secret", "secret_days", "version", "discovery_url")
"""What we show and nobody needs to send: taken back unread."""


def parse(given: Mapping[str, Any], *, allow_loopback: bool) -> SignInSettings:
    """Read settings that may be saved; `client_secret` is the caller's to keep.

    Raises:
        InvalidSettings: with a place (`/client_id`) for each fault.
    """
    reader = _Reader(given, allow_loopback=allow_loopback)
    settings = reader.settings()
    if reader.faults or settings is None:
        told = "; ".join(f"{each.at.lstrip('/')}: {each.detail}" for each in reader.faults)
        raise InvalidSettings(f"sign-in: {told}", reader.faults)
    return settings


class _Reader:
    """Read field after field, noting every fault instead of stopping at the first."""

    def __init__(self, given: Mapping[str, Any], *, allow_loopback: bool) -> None:
        self._given = given
        self._allow_loopback = allow_loopback
        self.faults = [
            Place(f"/{name}", f"there is no such field; known are {', '.join(FIELDS)}")
            for name in given
            if name not in FIELDS and name not in SHOWN
        ]

    def settings(self) -> SignInSettings | None:
        issuer = self._issuer()
        provider = self._provider(issuer)
        read = {
            "client_id": self._text("client_id", needed=True),
            "scopes": self._scopes(),
            "directories": self._directories(),
            "role_claims": self._list("role_claims") or ROLE_CLAIMS,
            "roles": self._roles(),
            "default_role": self._default_role(),
            "trust": self._choice("trust", ("none", "directory"), "none"),
            "domain_hint": self._text("domain_hint"),
            "name": self._text("name"),
            "secret_expires": self._date("secret_expires"),
        }
        if provider == "entra" and issuer and not read["directories"]:
            named = urlsplit(issuer).path.strip("/").partition("/")[0]
            if named in SHARED:
                self._fault(
                    "directories",
                    f"{named} lets any directory of the world in: name those that may sign in",
                )
        if self.faults or issuer is None:
            return None
        return msgspec.convert({"provider": provider, "issuer": issuer, **read}, SignInSettings)

    def _issuer(self) -> str | None:
        issuer, directory = self._text("issuer"), self._text("directory").lower()
        try:
            if issuer:
                return issuer_of(issuer, allow_loopback=self._allow_loopback)
            if directory:
                return _issuer_of_directory(directory)
        except ValueError as error:
            self._fault("issuer" if issuer else "directory", str(error))
        else:
            self._fault("issuer", "name the provider's issuer, or Entra's directory id")
        return None

    def _provider(self, issuer: str | None) -> str:
        of_entra = issuer is not None and (urlsplit(issuer).hostname or "") in _HOSTS_OF_ENTRA
        return self._choice("provider", ("entra", "oidc"), "entra" if of_entra else "oidc")

    def _scopes(self) -> tuple[str, ...]:
        scopes = self._list("scopes") or SCOPES
        if any(not _SCOPE.fullmatch(each) for each in scopes):
            self._fault("scopes", "a scope has no spaces, quotes or backslashes")
        return scopes if "openid" in scopes else ("openid", *scopes)

    def _directories(self) -> tuple[str, ...]:
        found = tuple(each.lower() for each in self._list("directories"))
        if any(not _GUID.fullmatch(each) for each in found):
            self._fault("directories", "each is a GUID (the directory's tenant id)")
        return found

    def _roles(self) -> dict[str, tuple[str, ...]]:
        given = self._given.get("roles") or {}
        if not isinstance(given, Mapping):
            self._fault("roles", "expected an object: role to a list of values")
            return {}
        found: dict[str, tuple[str, ...]] = {}
        for role, values in given.items():
            if role not in role_names.ROLES:
                self._fault(f"roles/{role}", f"use {', '.join(role_names.ROLES)}")
            else:
                found[role] = self._strings(f"roles/{role}", values)
        return {role: values for role, values in found.items() if values}

    def _default_role(self) -> str | None:
        value = self._given.get("default_role")
        if value in (None, ""):
            return None
        if value == "admin":
            self._fault("default_role", "whoever can sign in would be an admin")
        elif value not in role_names.ROLES:
            self._fault("default_role", f"use {', '.join(role_names.ROLES)}")
        return str(value)

    def _choice(self, name: str, known: tuple[str, ...], default: str) -> str:
        value = self._given.get(name) or default
        if value not in known:
            self._fault(name, f"use {' or '.join(known)}")
            return default
        return str(value)

    def _date(self, name: str) -> str | None:
        value = self._given.get(name)
        if value in (None, ""):
            return None
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            self._fault(name, "write a date as 2027-05-31")
            return None

    def _list(self, name: str) -> tuple[str, ...]:
        value = self._given.get(name)
        if isinstance(value, str):
            value = value.replace(",", " ").split()
        return self._strings(name, value or [])

    def _strings(self, name: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or len(value) > MOST:
            self._fault(name, f"expected a list of at most {MOST} texts")
            return ()
        if any(not isinstance(each, str) or len(each) > LONGEST for each in value):
            self._fault(name, "expected texts")
            return ()
        return tuple(dict.fromkeys(each.strip() for each in value if each.strip()))

    def _text(self, name: str, *, needed: bool = False) -> str:
        value = self._given.get(name)
        if value is None:
            value = ""
        if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
            self._fault(name, f"expected a text of at most {LONGEST} characters")
            return ""
        if needed and not value.strip():
            self._fault(name, "it is missing")
        return value.strip()

    def _fault(self, name: str, detail: str) -> None:
        self.faults.append(Place(f"/{name}", detail))


def issuer_of(url: str, *, allow_loopback: bool) -> str:
    """Read an issuer, a discovery address, or an address of one of Entra's directories.

    Raises:
        ValueError: it is none that may be asked.
    """
    issuer = url.removesuffix(DISCOVERY)
    try:
        parts = urlsplit(issuer)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise ValueError("this is no web address") from error
    local = is_loopback(host)
    if local and not allow_loopback:
        raise ValueError("a loopback host needs SCREENPOP_ALLOW_LOOPBACK")
    if not host or (parts.scheme != "https" and not (local and parts.scheme == "http")):
        raise ValueError("an issuer begins with https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("an issuer has no user name, query or fragment")
    if host not in _HOSTS_OF_ENTRA:
        return issuer
    directory = parts.path.strip("/").partition("/")[0].lower()
    if not directory:
        raise ValueError("the directory is missing behind the host")
    return f"https://{host}/{directory}/v2.0"


def is_loopback(host: str) -> bool:
    """Tell whether a host name can only be this very machine."""
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")


def _issuer_of_directory(directory: str) -> str:
    if directory in SHARED or _GUID.fullmatch(directory) or _DOMAIN.fullmatch(directory):
        return f"https://{MICROSOFT}/{directory}/v2.0"
    raise ValueError("a directory (tenant) id is a GUID or a domain")
