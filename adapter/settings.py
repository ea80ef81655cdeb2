"""Read the settings once: environment `SCREENPOP_*`, then a TOML file, then defaults."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from adapter import recordings, s3
from adapter.errors import InvalidSettings, Place

PREFIX = "SCREENPOP_"

OF_CLIENTS = ("SCREENPOP_KEY", "SCREENPOP_SIGNING_SECRET", "SCREENPOP_URL")
"""Variables that `screenpop send`, `listen` and `contacts` read as their options."""

CONFIG = "SCREENPOP_CONFIG"
"""The variable that names the TOML file."""

_CENTURY_DAYS = 36_500
_YEAR_HOURS = 366 * 24
"""More would reach behind the years that dates have, and helps nobody."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Settings(BaseSettings):
    """Every setting of every command; `docs/reference/settings.md` lists them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Path = Field(
        Path("screenpop-data"), description="folder of the database and key file"
    )
    database: str | None = Field(
        None, description="database URL; default: a file in the data folder"
    )
    bus: str | None = Field(None, description="redis:// URL of the bus between several processes")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    public_url: str | None = Field(None, description="the address that browsers and sources use")
    trusted_proxies: str = Field("127.0.0.1", description="proxies whose X-Forwarded-* count")
    environment_domain: str | None = Field(
        None, description="<tenant>.<this domain> is the tenant's host"
    )
    secret_key: SecretStr | None = Field(
        None, description="keys for secrets at rest, newest first, comma-separated"
    )
    ca_file: Path | None = Field(None, description="further CA certificates for outgoing calls")
    allow_loopback: bool = Field(
        False, description="let outgoing calls and pops name loopback hosts"
    )
    sign_in_networks: str = Field(
        "", description="private networks where a sign-in provider may stand (10.20.0.0/16, ...)"
    )
    allow_access_token_query: bool = Field(
        False, description="accept ?access_token= on POST /v1/events (CloudEvents WebHook)"
    )
    feed_origins: str = Field("", description="further origins whose pages may open the feed")
    durability: Literal["process", "power"] = Field(
        "process", description="what an acknowledged event survives (decision 0002)"
    )
    body_limit: int = Field(1024 * 1024, gt=0, description="bytes of a request's body")
    firehose_body_limit: int = Field(
        64 * 1024 * 1024, gt=0, description="bytes of a Firehose request's body"
    )
    queue_limit: int = Field(20_000, gt=0, description="events that may wait for the journal")
    rate_limit: int = Field(
        20_000, gt=0, description="events a second that one key may send (burst: as many again)"
    )
    feed_buffer: int = Field(
        256 * 1024, gt=0, description="bytes that may wait for a slow reader before it is closed"
    )
    csp_limit: int = Field(8000, gt=0, description="bytes of the frame-ancestors header")
    s3_access_key_id: str | None = Field(
        None, description="AWS access key that signs links to recordings"
    )
    s3_secret_access_key: SecretStr | None = Field(
        None, validate_default=True, description="its secret"
    )
    s3_session_token: SecretStr | None = Field(
        None, description="its session token, where it is a temporary key"
    )
    s3_region: str | None = Field(None, description="region of recordings whose address names none")
    recording_location: str | None = Field(
        None,
        description="where recordings are found instead of S3, with {bucket}, {key}, {contact}",
    )
    retention_days: int = Field(
        30, gt=0, le=_CENTURY_DAYS, description="days that events and contacts are kept"
    )
    session_hours: float = Field(
        12.0, gt=0, le=_YEAR_HOURS, description="hours that a panel's session lasts"
    )
    session_idle_minutes: float = Field(
        60.0,
        gt=0,
        le=_YEAR_HOURS * 60,
        description="minutes without an open feed after which a sign-in ends",
    )
    portal_session_hours: float = Field(
        12.0, gt=0, le=_YEAR_HOURS, description="hours that a session of the portal lasts"
    )
    portal_idle_minutes: float = Field(
        60.0, gt=0, le=_YEAR_HOURS * 60, description="minutes without a request after which it ends"
    )
    locale: Literal["", "en", "ja"] = Field("", description="language; default: the browser's")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="log level")
    log_format: Literal["console", "json"] = Field("console", description="log format")

    @field_validator("public_url")
    @classmethod
    def _origin_only(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.rstrip("/")
        if not value.startswith(("https://", "http://")) or value.count("/") != 2:  # noqa: PLR2004
            raise ValueError("write scheme://host[:port]")
        return value

    @field_validator("sign_in_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for network in _networks(value):
            if network.is_loopback or network.is_link_local or network.is_multicast:
                raise ValueError(f"{network}: no provider stands there")
            if network.prefixlen == 0:
                raise ValueError(f"{network}: name your own networks, not all there are")
        return value

    @field_validator("s3_secret_access_key")
    @classmethod
    def _both_halves(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (value is None) != (info.data.get("s3_access_key_id") is None):
            raise ValueError(
                "set SCREENPOP_S3_ACCESS_KEY_ID and SCREENPOP_S3_SECRET_ACCESS_KEY together"
            )
        return value

    @field_validator("s3_region")
    @classmethod
    def _is_region(cls, value: str | None) -> str | None:
        if value is not None and not s3.is_region(value):
            raise ValueError("write a region, such as eu-central-1")
        return value

    @field_validator("recording_location")
    @classmethod
    def _is_location(cls, value: str | None) -> str | None:
        if value is not None:
            recordings.check_location(value)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take no `.env` and no secrets folder: one environment and one file."""
        return init_settings, env_settings

    @property
    def database_url(self) -> str:
        """The database's URL or path, by default a file in the data folder."""
        return self.database or str(self.data_dir / "screenpop.db")

    @property
    def networks_of_providers(self) -> tuple[Network, ...]:
        """Where a sign-in provider may stand beside public addresses."""
        return _networks(self.sign_in_networks)

    @property
    def recording_access(self) -> recordings.Access:
        """How files of contacts are reached."""
        credentials = None
        if self.s3_access_key_id is not None and self.s3_secret_access_key is not None:
            token = self.s3_session_token
            credentials = s3.Credentials(
                self.s3_access_key_id,
                self.s3_secret_access_key.get_secret_value(),
                token.get_secret_value() if token is not None else None,
            )
        return recordings.Access(credentials, self.s3_region, self.recording_location)

    def origin_of(self, tenant: str) -> str:
        """Give a tenant's own address, for what is written down elsewhere.

        Without a public one it is where this process listens; under a domain of the world a proxy
        is taken to stand in front of it, at the port of HTTPS.
        """
        public = urlsplit(self.public_url or f"http://{self.host}:{self.port}")
        if self.environment_domain is None:
            return public.geturl()
        port = f":{public.port}" if public.port is not None else ""
        # RFC 6761, 6.3: names under localhost are this machine, where no proxy ends TLS.
        local = f".{self.environment_domain}".endswith(".localhost")
        if self.public_url is None and not local:
            return f"https://{tenant}.{self.environment_domain}"
        return f"{public.scheme}://{tenant}.{self.environment_domain}{port}"


def _networks(text: str) -> tuple[Network, ...]:
    """Read networks in CIDR form, separated by commas; raises ValueError for what is none."""
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())


def config_file() -> Path | None:
    """Give the TOML file: `SCREENPOP_CONFIG`, or `screenpop.toml` here if there is one."""
    named = os.environ.get(CONFIG)
    if named:
        return Path(named)
    here = Path("screenpop.toml")
    return here if here.is_file() else None


def load(**given: Any) -> Settings:
    """Read the settings; `given` (the command line) wins, then the environment, then the file.

    Raises:
        InvalidSettings: naming each setting that is wrong.
    """
    from_file = _read_file(config_file())
    in_environment = {
        name for name in Settings.model_fields if f"{PREFIX}{name}".upper() in os.environ
    }
    values = {name: value for name, value in from_file.items() if name not in in_environment}
    values.update({name: value for name, value in given.items() if value is not None})
    try:
        return Settings(**values)
    except ValidationError as error:
        places = [
            Place(f"{PREFIX}{str(fault['loc'][0]).upper()}" if fault["loc"] else "", fault["msg"])
            for fault in error.errors()
        ]
        text = "; ".join(f"{place.at}: {place.detail}" for place in places)
        raise InvalidSettings(f"settings: {text}", places) from error


def origins(**given: Any) -> dict[str, str]:
    """Say where each setting comes from: `command line`, the variable, the file, `default`."""
    path = config_file()
    from_file = _read_file(path)
    result: dict[str, str] = {}
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name}".upper()
        if given.get(name) is not None:
            result[name] = "command line"
        elif variable in os.environ:
            result[name] = variable
        elif name in from_file:
            result[name] = str(path)
        else:
            result[name] = "default"
    return result


def unknown_variables() -> list[str]:
    """Name the variables `SCREENPOP_…` that nothing reads: a slip of the pen has no other sign."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    known |= {*OF_CLIENTS, CONFIG}
    return sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known
    )


def _read_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSettings(f"{path}: {error}") from error
