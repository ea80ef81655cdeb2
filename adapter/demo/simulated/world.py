"""Hold everything that is simulated: a directory, an environment, faults, limits, a log."""

from __future__ import annotations

import secrets
import time
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from adapter.demo import samples
from adapter.demo.simulated.dataverse import seeding, tables
from adapter.demo.simulated.dataverse.database import Database
from adapter.demo.simulated.dataverse.security import ACT_FOR_OTHERS, Security, every_right
from adapter.demo.simulated.dataverse.web_api import WebApi
from adapter.demo.simulated.entra.directory import Application, Directory, Person, Secret
from adapter.demo.simulated.entra.signing import SigningKey
from adapter.demo.simulated.faults import Faults
from adapter.demo.simulated.limits import Limits

_IDS = uuid.UUID("8be6a1d2-0000-5000-8000-000d3a000000")
DIRECTORY_ID = str(uuid.uuid5(_IDS, "directory"))
CLIENT_ID = str(uuid.uuid5(_IDS, "application"))
ORGANIZATION_ID = str(uuid.uuid5(_IDS, "organization"))
BUSINESS_UNIT_ID = str(uuid.uuid5(_IDS, "business unit"))
DOMAIN = "contoso.onmicrosoft.com"
CALLBACKS = ("/v1/dynamics/oauth_callback", "/admin/msdynamicscallback.html")
_LOGGED = 10_000
_SECRET_LIFE = timedelta(days=730)
"""The portal's longest (24 months)."""


@dataclass(slots=True)
class Behaviour:
    """What an operator may set while it runs. `latency` is added to every Web API request."""

    token_seconds: int = 3599
    latency: float = 0.0
    closed_rows_refuse: bool = True
    ahead: timedelta = timedelta(0)
    """How far this program's clock is ahead of the machine's."""


@dataclass(slots=True)
class World:
    """One simulated Entra directory and Dataverse environment.

    `urls` are the environment's origins (`https://localhost:8443`); the first is the one named.
    """

    urls: tuple[str, ...]
    redirect_uris: tuple[str, ...] = ()
    key: SigningKey = field(default_factory=SigningKey)
    client_secret: str = field(default_factory=lambda: f"Sim~{secrets.token_urlsafe(30)}")
    behaviour: Behaviour = field(init=False)
    faults: Faults = field(init=False)
    limits: Limits = field(init=False)
    log: deque[dict[str, object]] = field(init=False)
    directory: Directory = field(init=False)
    security: Security = field(init=False)
    api: WebApi = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Go back to the start: sample rows, one good secret, full rights, no faults.

        The signing key and the client secret stay, so that clients need not be set up again.
        """
        self.behaviour = Behaviour()
        self.faults = Faults()
        self.limits = Limits()
        self.log = deque(maxlen=_LOGGED)
        self.directory = self._directory()
        database = Database(tables.catalog())
        seeding.fill(database, organization=ORGANIZATION_ID, client_id=CLIENT_ID, domain=DOMAIN)
        self.security = Security(BUSINESS_UNIT_ID)
        everything = every_right(database.catalog)
        self.security.grant(seeding.user_id("application"), everything | {ACT_FOR_OTHERS})
        for agent in samples.AGENTS:
            self.security.grant(seeding.user_id(agent), everything)
        self.api = WebApi(database, ORGANIZATION_ID, self.now)

    def now(self) -> datetime:
        """Give this world's time."""
        return datetime.now(UTC) + self.behaviour.ahead

    def seconds(self) -> float:
        """Give seconds that never go back, for the limits; they follow the world's clock."""
        return time.monotonic() + self.behaviour.ahead.total_seconds()

    @property
    def application(self) -> Application:
        """Give the app registration."""
        return self.directory.applications[CLIENT_ID]

    @property
    def database(self) -> Database:
        """Give the rows."""
        return self.api.database

    def set_application_user(self, *, present: bool) -> None:
        """Add or remove the application's user in the environment, rights untouched."""
        user = seeding.user_id("application")
        there = self.database.get("systemuser", user) is not None
        if present and not there:
            seeding.add_application_user(self.database, CLIENT_ID)
        elif there and not present:
            self.database.remove("systemuser", user)

    def expire_secrets(self, *, expired: bool) -> None:
        """Let every client secret end an hour ago, or in two years."""
        now = self.now()
        ends = now - timedelta(hours=1) if expired else now + _SECRET_LIFE
        self.application.secrets = [
            Secret(secret.value, ends) for secret in self.application.secrets
        ]

    def mark_refresh_tokens(self, *, expired: bool = False, revoked: bool = False) -> None:
        """Let every refresh token that was issued be expired or revoked."""
        for grant in self.directory.refresh_tokens.values():
            grant.expired, grant.revoked = expired, revoked

    def _directory(self) -> Directory:
        secret = Secret(self.client_secret, datetime.now(UTC) + _SECRET_LIFE)
        app = Application(
            client_id=CLIENT_ID,
            name="Screenpop",
            object_id=seeding.object_id("application"),
            redirect_uris={*self.redirect_uris, *_loopback_redirects()},
            secrets=[secret],
        )
        people = {
            agent: Person(seeding.object_id(agent), name, f"{agent}@{DOMAIN}")
            for agent, name in samples.AGENTS.items()
        }
        return Directory(
            id=DIRECTORY_ID,
            domain=DOMAIN,
            name="Contoso",
            resources={url.lower() for url in self.urls},
            key=self.key,
            applications={CLIENT_ID: app},
            people=people,
        )


def _loopback_redirects() -> Iterable[str]:
    for scheme in ("http", "https"):
        for host in ("localhost", "127.0.0.1", "screenpop.localhost"):
            for path in CALLBACKS:
                yield f"{scheme}://{host}{path}"
