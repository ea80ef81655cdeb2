"""Hold an integration account, and apart from it what must never be shown."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

TYPE: Literal["microsoft_dynamics_365"] = "microsoft_dynamics_365"
"""The one type of integration account so far."""

Access = Literal["application", "delegated"]


class IntegrationAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What one account is, without its secrets; every field may be shown to an admin."""

    name: str
    environment_url: str
    """The organisation's origin, as `https://contoso.crm4.dynamics.com`."""
    directory_id: str
    """The Entra directory (tenant): a GUID or a verified domain."""
    authority: str
    """Derived: the directory's address at its cloud's sign-in host."""
    client_id: str
    scope: str
    api_version: str = "v9.2"
    access: Access = "application"
    type: Literal["microsoft_dynamics_365"] = TYPE
    default: bool = False
    app_id: str | None = None
    """The model-driven app that pops open in (`appid`); not the Azure application."""
    recording_bucket: str | None = None
    impersonate: bool = False
    """Send the agent's `CallerObjectId`, so that records carry the agent."""
    authorization_url: str | None = None
    """As pasted, shown again; only `authority` is used."""
    token_url: str | None = None
    secret_expires: date | None = None
    certificate_expires: date | None = None
    """Read from the certificate."""

    @property
    def api_url(self) -> str:
        """Give the Web API's address without a slash at its end."""
        return f"{self.environment_url}/api/data/{self.api_version}"


class AccountSecrets(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What proves who we are; stored encrypted, never returned, never logged."""

    client_secret: str | None = None
    certificate_pem: str | None = None
    certificate_key: str | None = None
    """PEM, perhaps encrypted by `certificate_passphrase`."""
    certificate_passphrase: str | None = None
    refresh_token: str | None = None

    def __repr__(self) -> str:
        """Name what is set, never what it is: a traceback or a log line shows this."""
        held = ", ".join(self.held())
        return f"AccountSecrets(<{held}>)"

    def held(self) -> list[str]:
        """Name the secrets that are set."""
        return [name for name in self.__struct_fields__ if getattr(self, name)]
