"""Put together what one process needs to sign people in."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapter.dataverse import transport
from adapter.errors import InvalidSettings
from adapter.identity.providers import SignInSettings
from adapter.registry import Registry
from adapter.secret_box import SecretBox
from adapter.settings import Settings
from adapter.signing_in.errors import NOT_SET_UP, SignInError
from adapter.signing_in.fetching import Web
from adapter.signing_in.provider import Provider
from adapter.signing_in.windows import Windows
from adapter.store import sign_in_settings
from adapter.tenants import Tenant


@dataclass(slots=True)
class SigningIn:
    """The windows under way, and the provider of each tenant as its settings are now."""

    registry: Registry
    box: SecretBox
    web: Web
    windows: Windows = field(default_factory=Windows)
    _providers: dict[Tenant, tuple[int, Provider]] = field(default_factory=dict)

    def provider(self, tenant: Tenant) -> Provider:
        """Give a tenant's provider.

        Raises:
            SignInError: none is set up, or its secret cannot be read.
        """
        here = self.registry[tenant]
        if here.sign_in is None:
            raise SignInError(
                NOT_SET_UP, "No sign-in is set up yet: ask your administrator to set it up."
            )
        known = self._providers.get(tenant)
        if known is None or known[0] != here.sign_in_version:
            made = self.make(here.sign_in, self.secret(tenant))
            known = self._providers[tenant] = here.sign_in_version, made
        return known[1]

    def make(self, settings: SignInSettings, secret: str | None) -> Provider:
        """Give a provider of settings that need not be in force (a test of them)."""
        return Provider(settings, secret, self.web)

    def secret(self, tenant: Tenant) -> str | None:
        """Open the client secret of the settings in force.

        Raises:
            SignInError: no key of ours fits it.
        """
        sealed = self.registry[tenant].sign_in_secret
        if sealed is None:
            return None
        try:
            return self.box.open(sealed, place=sign_in_settings.secret_place(tenant)).decode()
        except InvalidSettings as error:
            raise SignInError(NOT_SET_UP, f"The client secret cannot be read: {error}.") from error


def open_signing_in(registry: Registry, box: SecretBox, settings: Settings) -> SigningIn:
    """Make it as the settings say.

    Raises:
        InvalidSettings: `SCREENPOP_CA_FILE` holds no certificates.
    """
    web = Web(
        tls=transport.tls(settings.ca_file),
        allow_loopback=settings.allow_loopback,
        networks=settings.networks_of_providers,
    )
    return SigningIn(registry, box, web)
