"""Read the settings once: environment `SCREENPOP_*`, then a TOML file, then defaults."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from adapter.errors import InvalidSettings, Place

PREFIX = "SCREENPOP_"

OF_CLIENTS = ("SCREENPOP_KEY", "SCREENPOP_SIGNING_SECRET", "SCREENPOP_URL")
"""Variables that `screenpop send`, `listen` and `contacts` read as their options."""

CONFIG = "SCREENPOP_CONFIG"
"""The variable that names the TOML file."""


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
    retention_days: int = Field(30, gt=0, description="days that events and contacts are kept")
    session_hours: float = Field(12.0, gt=0, description="hours that a panel's session lasts")
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
