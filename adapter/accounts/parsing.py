"""Turn the fields that an admin gives into an account and its secrets, or name every fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from adapter.accounts import authorities, certificates, fields
from adapter.accounts.authorities import Authority
from adapter.accounts.values import TYPE, Access, AccountSecrets, IntegrationAccount
from adapter.dynamics import hosts
from adapter.errors import InvalidSettings, Place

LONGEST_NAME = 100
LONGEST_TEXT = 2048
LONGEST_SECRET = 64 * 1024

_GUID = re.compile(r"\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.IGNORECASE)
_VERSION = re.compile(r"v?(9\.[0-9]{1,2})", re.IGNORECASE)
_API_PATH = re.compile(r"(?:/api(?:/data(?:/(v?[0-9.]+))?)?)?/*", re.IGNORECASE)
_ENVIRONMENT_PATH = re.compile(r"(?:/main\.aspx|/api(?:/data(?:/v?[0-9.]+)?)?)?/*", re.IGNORECASE)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"(?:s3://)?([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?")
_TYPES = {"", TYPE, "microsoft dynamics 365", "microsoft dynamics", "dynamics"}
_ACCESS: dict[str, Access] = {
    "application": "application",
    "app": "application",
    "client_credentials": "application",
    "delegated": "delegated",
    "user": "delegated",
}
_YES, _NO = {"true", "yes", "1", "on"}, {"false", "no", "0", "off", ""}
_OPENID = {"openid", "profile", "email", "offline_access"}

T = TypeVar("T")


class Parsed(NamedTuple):
    """An account and what proves who we are."""

    account: IntegrationAccount
    secrets: AccountSecrets


def account_name(text: object) -> str:
    """Read an account's name.

    Raises:
        InvalidSettings: it is none.
    """
    try:
        if not isinstance(text, str):
            raise TypeError("expected a text")  # noqa: TRY301
        if not text.strip():
            raise ValueError("it is missing")  # noqa: TRY301
        return _account_name(text.strip())
    except (TypeError, ValueError) as error:
        raise InvalidSettings(f"name: {error}", [Place("/name", str(error))]) from error


def parse_account(given: Mapping[str, Any], *, allow_loopback: bool = False) -> IntegrationAccount:
    """Read an account alone; see `parse`."""
    return parse(given, allow_loopback=allow_loopback).account


def parse(
    given: Mapping[str, Any],
    *,
    known: AccountSecrets | None = None,
    allow_loopback: bool = False,
) -> Parsed:
    """Read an account from its fields, by our names or those of the replaced products.

    Secrets that are absent or empty keep their `known` value (a form cannot show them), `null`
    removes one. A new client secret takes the place of a certificate, and the other way round.

    Raises:
        InvalidSettings: with a place (`/client_id`) for each fault.
    """
    named, faults = fields.named(given)
    reader = _Reader(named, faults, allow_loopback=allow_loopback)
    secrets, certificate_expires = reader.secrets(known or AccountSecrets())
    account = reader.account(certificate_expires)
    if reader.faults or account is None:
        told = "; ".join(f"{place.at.lstrip('/')}: {place.detail}" for place in reader.faults)
        raise InvalidSettings(f"integration account: {told}", reader.faults)
    return Parsed(account, secrets)


def cautions(account: IntegrationAccount, secrets: AccountSecrets) -> list[str]:
    """Say what is valid and may still not be meant."""
    told: list[str] = []
    if secrets.client_secret and _GUID.fullmatch(secrets.client_secret):
        told.append(
            "The client secret looks like a secret's ID: the portal shows Value and Secret ID, "
            "and the Value is needed."
        )
    if secrets.client_secret and account.secret_expires is None:
        told.append(
            "The client secret has no expiry date here, so nobody is warned before it ends: "
            "secrets always expire, enter the date that the portal shows."
        )
    if not secrets.client_secret and not secrets.certificate_pem:
        told.append("There is neither a client secret nor a certificate yet.")
    if account.access == "delegated" and not secrets.refresh_token:
        told.append("Nobody has consented yet: use Request token.")
    if account.access == "application" and secrets.refresh_token:
        told.append("The refresh token is not used: this account acts as an application.")
    return told


class _Reader:
    """Read fields one by one and gather the faults."""

    def __init__(self, named: dict[str, Any], faults: list[Place], *, allow_loopback: bool) -> None:
        self._named = named
        self.faults = faults
        self._allow_loopback = allow_loopback

    def account(self, certificate_expires: date | None) -> IntegrationAccount | None:
        """Give the account; None where a fault leaves too little."""
        self._type()
        name = self._required("name", _account_name)
        access = self._read("access", _access) or "application"
        environment, version = self._environment()
        authority = self._authority(environment, access)
        client_id = self._required("client_id", _guid)
        more = {
            "app_id": self._read("app_id", _guid),
            "recording_bucket": self._read("recording_bucket", _bucket),
            "secret_expires": self._date("secret_expires"),
            "default": self._flag("default"),
            "impersonate": self._flag("impersonate"),
        }
        if name is None or environment is None or authority is None or client_id is None:
            return None
        return IntegrationAccount(
            name=name,
            environment_url=environment,
            directory_id=authority.directory,
            authority=authority.url,
            client_id=client_id,
            access=access,
            scope=self._scope(environment, access),
            api_version=version,
            authorization_url=self._text("authorization_url"),
            token_url=self._text("token_url"),
            certificate_expires=certificate_expires,
            **cast(Any, more),
        )

    def secrets(self, known: AccountSecrets) -> tuple[AccountSecrets, date | None]:
        """Give the secrets in force after this change, and when the certificate ends."""
        given = {name: self._secret(name) for name in fields.SECRET if name in self._named}
        values = {name: getattr(known, name) for name in fields.SECRET}
        new_certificate = bool(given.get("certificate_pem"))
        if given.get("client_secret") and new_certificate:
            self._fault("certificate_pem", "give a client secret or a certificate, not both")
        if new_certificate:
            values |= dict.fromkeys(("client_secret", *_OF_CERTIFICATE))
        elif given.get("client_secret"):
            values |= dict.fromkeys(_OF_CERTIFICATE)
        values |= {name: value for name, value in given.items() if value != ""}
        if self._named.get("certificate_pem", "") is None:
            values |= dict.fromkeys(_OF_CERTIFICATE)
        expires = None
        if values["certificate_pem"]:
            try:
                read = certificates.read(
                    values["certificate_pem"],
                    values["certificate_key"],
                    values["certificate_passphrase"],
                )
            except ValueError as error:
                self._fault("certificate_pem", str(error))
            else:
                values |= {"certificate_pem": read.certificate, "certificate_key": read.key}
                expires = read.expires
        return AccountSecrets(**values), expires

    def _type(self) -> None:
        kind = self._text("type") or ""
        if kind.lower() not in _TYPES:
            self._fault("type", f"the only type is {TYPE}")

    def _environment(self) -> tuple[str | None, str]:
        origin, _ = self._environment_of("environment_url", _ENVIRONMENT_PATH)
        of_api, in_api = self._environment_of("api_url", _API_PATH)
        if origin is None and of_api is None:
            if not {"/environment_url", "/api_url"} & {place.at for place in self.faults}:
                self._fault("environment_url", "give the API URL or the environment's address")
        elif origin is not None and of_api is not None and origin != of_api:
            self._fault("api_url", f"this is {of_api}, but the environment is {origin}")
        given = self._read("api_version", _version)
        if given and in_api and given != in_api:
            self._fault("api_version", f"this is {given}, but the API URL says {in_api}")
        return origin or of_api, given or in_api or "v9.2"

    def _environment_of(self, name: str, path: re.Pattern[str]) -> tuple[str | None, str | None]:
        text = self._text(name)
        if text is None:
            return None, None
        try:
            parts = urlsplit(text if "://" in text else f"https://{text}")
            match = path.fullmatch(parts.path)
            if match is None:
                raise ValueError(f"{parts.path} is no part of it: {_WRITE[name]}")  # noqa: TRY301
            bare = f"{parts.scheme}://{parts.netloc}"
            loopback = self._allow_loopback and hosts.is_loopback(bare)
            origin = hosts.origin(bare, allow_hosts=[bare] if loopback else (), argument="host")
            version = _version(match[1]) if match.re.groups and match[1] else None
        except ValueError as error:
            self._fault(name, str(error))
            return None, None
        return origin, version

    def _authority(self, environment: str | None, access: Access) -> Authority | None:
        found: dict[str, Authority] = {}
        for name in ("authorization_url", "token_url"):
            read = self._read(
                name,
                lambda url: authorities.authority_of(url, allow_loopback=self._allow_loopback),
            )
            if read is not None:
                found[name] = read
        directory = self._read("directory_id", authorities.directory)
        self._compare(found, directory)
        authority = next(iter(found.values()), None)
        if authority is None and directory is not None and environment is not None:
            authority = Authority(authorities.origin_for(environment), directory)
        if authority is None:
            named = {"/authorization_url", "/token_url", "/directory_id"}
            if directory is None and not named & {place.at for place in self.faults}:
                self._fault(
                    "directory_id",
                    "give the directory (tenant) id, or the authorization and token URLs",
                )
            return None
        where = next(iter(found), "directory_id")
        if authority.directory in authorities.SHARED and access == "application":
            self._fault(
                where,
                f"{authority.directory} stands for any directory; an application signs in to one: "
                "give its directory (tenant) id",
            )
        reason = None if environment is None else authorities.mismatch(authority, environment)
        if reason:
            self._fault(where, reason)
        return authority

    def _compare(self, found: dict[str, Authority], directory: str | None) -> None:
        first, second = found.get("authorization_url"), found.get("token_url")
        if first and second and first.origin != second.origin:
            self._fault(
                "token_url",
                f"this is {second.cloud}, but the authorization URL is {first.cloud}",
            )
        elif first and second and first.directory != second.directory:
            self._fault(
                "token_url",
                f"this names the directory {second.directory}, "
                f"but the authorization URL names {first.directory}",
            )
        known = first or second
        if known and directory and directory != known.directory:
            self._fault("directory_id", f"this is {directory}, but the URLs name {known.directory}")

    def _scope(self, environment: str, access: Access) -> str:
        text = self._text("scope")
        default = f"{environment}/.default"
        wanted = [part for part in (text or default).split() if part.lower() not in _OPENID]
        if len(wanted) > 1:
            self._fault("scope", f"one scope is enough: {default}")
        for scope in wanted[:1]:
            resource, name = _split_scope(scope)
            try:
                bare = resource if "://" in resource else f"https://{resource}"
                loopback = self._allow_loopback and hosts.is_loopback(bare)
                origin = hosts.origin(bare, allow_hosts=[bare] if loopback else (), argument="host")
            except ValueError:
                self._fault("scope", f"{scope} is no scope of Dynamics: use {default}")
                break
            if origin != environment:
                self._fault("scope", f"this is for {origin}, but the environment is {environment}")
            if name == "user_impersonation":
                if access == "application":
                    self._fault("scope", f"an application asks for {default}")
                return f"{environment}/user_impersonation"
        return default

    def _flag(self, name: str) -> bool:
        value = self._named.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        if isinstance(value, str) and value.strip().lower() in _YES | _NO:
            return value.strip().lower() in _YES
        self._fault(name, "write true or false")
        return False

    def _date(self, name: str) -> date | None:
        value = self._named.get(name)
        if isinstance(value, date):
            return value
        return self._read(name, _date)

    def _secret(self, name: str) -> str | None:
        value = self._named[name]
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > LONGEST_SECRET or "\x00" in value:
            self._fault(name, "expected text")
            return ""
        text = value.strip("\r\n") if name == "certificate_passphrase" else value.strip()
        if "\n" in text and not name.startswith("certificate"):
            self._fault(name, "there is a line break in it")
        return text

    def _required(self, name: str, read: Callable[[str], T]) -> T | None:
        if self._text(name) is None and not any(p.at == f"/{name}" for p in self.faults):
            self._fault(name, "this is needed")
        return self._read(name, read)

    def _read(self, name: str, read: Callable[[str], T]) -> T | None:
        text = self._text(name)
        if text is None:
            return None
        try:
            return read(text)
        except ValueError as error:
            self._fault(name, str(error))
            return None

    def _text(self, name: str) -> str | None:
        value = self._named.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or not _printable(value):
            self._fault(name, f"expected text of at most {LONGEST_TEXT} characters")
            return None
        return value.strip() or None

    def _fault(self, name: str, detail: str) -> None:
        place = Place(f"/{name}", detail)
        if place not in self.faults:
            self.faults.append(place)


_OF_CERTIFICATE = ("certificate_pem", "certificate_key", "certificate_passphrase")
_WRITE = {
    "environment_url": "write https://<organisation>.crm<N>.dynamics.com",
    "api_url": "write https://<organisation>.crm<N>.dynamics.com/api/data/v9.2",
}


def _printable(text: str) -> bool:
    return all(character >= " " and character != "\x7f" for character in text.strip())


def _account_name(text: str) -> str:
    if len(text) > LONGEST_NAME or "/" in text or text in {".", ".."}:
        raise ValueError(f"use 1 to {LONGEST_NAME} characters, without /")
    return text


def _access(text: str) -> Access:
    try:
        return _ACCESS[text.lower()]
    except KeyError:
        raise ValueError("write application or delegated") from None


def _guid(text: str) -> str:
    match = _GUID.fullmatch(text)
    if match is None:
        raise ValueError("expected a GUID, as 11111111-2222-3333-4444-555555555555")
    return match[1].lower()


def _bucket(text: str) -> str:
    match = _BUCKET.fullmatch(text)
    if match is None:
        raise ValueError("expected the name of an S3 bucket: 3 to 63 of a-z, 0-9, '.' and '-'")
    return match[1]


def _version(text: str) -> str:
    match = _VERSION.fullmatch(text.strip("/"))
    if match is None:
        raise ValueError("the Web API's version is v9.0, v9.1 or v9.2")
    return f"v{match[1]}"


def _date(text: str) -> date:
    if text.lower() == "never":
        raise ValueError("secrets always expire: enter the date that the portal shows")
    try:
        return msgspec.convert(text.partition("T")[0], date)
    except msgspec.ValidationError:
        raise ValueError("write the date as 2027-05-31") from None


def _split_scope(scope: str) -> tuple[str, str]:
    """Take `https://org/.default` apart; also `https://org.default`, as one document says it."""
    for name in (".default", "user_impersonation"):
        if scope.lower().endswith(name):
            return scope[: -len(name)].rstrip("/"), name
    return scope.rstrip("/"), ".default"
