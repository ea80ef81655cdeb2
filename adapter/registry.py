"""Hold what an admin has set, in memory, as the database has it: tenants, keys, rules, policies.

Only `Registry.refresh`, and `learn` for an alias, change it, each in one step, so that a reader
never sees half of a change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from adapter import credentials, preferences, saving, steps
from adapter.credentials import Key
from adapter.domains import DomainRules
from adapter.errors import Forbidden, InvalidSettings, Unauthenticated
from adapter.identity.providers import SignInSettings
from adapter.pops import PopPolicy
from adapter.preferences import Preferences
from adapter.secret_box import SecretBox
from adapter.steps import Steps
from adapter.store import settings as stored, sign_in_settings
from adapter.store.database import Database
from adapter.telephony import standard_webhooks
from adapter.tenants import Agent, Tenant, folded

log = structlog.get_logger()

MOST_HOSTS = 1_000
"""Host names remembered: strangers may write one name with a thousand ports."""


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """One tenant's settings, parsed."""

    tenant: Tenant
    rules: DomainRules = field(default_factory=lambda: DomainRules.parse(""))
    rules_text: str = ""
    rules_version: int = 0
    trial: DomainRules | None = None
    """Rules that are only reported on; None where none are."""
    trial_text: str = ""
    trial_version: int = 0
    trial_since: datetime | None = None
    policy: PopPolicy | None = None
    policy_text: str = "null"
    policy_version: int = 0
    steps: Steps = field(default_factory=Steps)
    steps_text: str = ""
    steps_version: int = 0
    steps_since: datetime | None = None
    """When the steps were put into effect: contacts that began earlier are left alone."""
    sign_in: SignInSettings | None = None
    sign_in_secret: bytes | None = None
    """The client's secret, sealed."""
    sign_in_version: int = 0
    preferences: Preferences = field(default_factory=Preferences)
    preferences_version: int = 0
    signing_secrets: tuple[bytes, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    """A source's agent id, case-folded, to the tenant's."""

    def agent(self, source_id: str) -> Agent:
        """Give the agent behind an id of a source: by the alias, else an agent of that name."""
        return Agent(self.tenant, self.agent_id(source_id))

    def agent_id(self, source_id: str) -> str:
        """Give the id of the agent behind an id of a source."""
        name = folded(source_id)
        return self.aliases.get(name, name)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a refresh found changed."""

    settings: tuple[tuple[Tenant, str], ...] = ()
    """Tenant and name of each setting (`domains`, `pop-policy`)."""
    revoked: frozenset[str] = frozenset()
    """Ids of keys that are no longer in force."""
    aliases: tuple[tuple[Tenant, str], ...] = ()
    """Tenant and source id of each new or changed alias."""

    def __or__(self, later: Changes) -> Changes:
        return Changes(
            tuple(dict.fromkeys(self.settings + later.settings)),
            self.revoked | later.revoked,
            tuple(dict.fromkeys(self.aliases + later.aliases)),
        )


class Registry:
    """The tenants of this host and their settings."""

    def __init__(
        self,
        database: Database,
        box: SecretBox,
        *,
        environment_domain: str | None,
        allow_loopback: bool,
    ) -> None:
        self._database = database
        self._box = box
        self._domain = environment_domain.lower().strip(".") if environment_domain else None
        self._allow_loopback = allow_loopback
        self._tenants: dict[Tenant, TenantSettings] = {}
        self._keys: dict[str, Key] = {}
        self._hosts: dict[str, Tenant] = {}
        """What hosts were found to be, until the next refresh."""
        self.generation = 0
        """Grows with each refresh: what was found out of a host or a key before is no longer so."""
        self.pending = Changes()
        """What is in force here and still to be carried out (`adapter.changes`)."""

    @property
    def tenants(self) -> list[Tenant]:
        """Every tenant, by name."""
        return sorted(self._tenants)

    def tenant_of_host(self, host: str) -> Tenant | None:
        """Give the tenant whose host this is; with one tenant any host is it (design 13)."""
        known = self._hosts.get(host)
        if known is None and (known := self._find_host(host)) is not None:
            if len(self._hosts) >= MOST_HOSTS:
                self._hosts.clear()
            self._hosts[host] = known
        return known

    def _find_host(self, host: str) -> Tenant | None:
        if len(self._tenants) == 1:
            return next(iter(self._tenants))
        name = host.lower().rsplit(":", 1)[0] if not host.endswith("]") else host
        if self._domain is None or not name.endswith("." + self._domain):
            return None
        tenant = Tenant(name.removesuffix("." + self._domain))
        return tenant if tenant in self._tenants else None

    def __getitem__(self, tenant: Tenant) -> TenantSettings:
        return self._tenants[tenant]

    def check_key(self, tenant: Tenant, secret: str | None, scope: str) -> Key:
        """Give the key in force behind a secret.

        Raises:
            Unauthenticated: there is no such key, or it is another tenant's.
            Forbidden: the key has another scope.
        """
        if not secret:
            raise Unauthenticated("a service key is needed (Authorization: Bearer …)")
        key = self._keys.get(credentials.key_id(secret) or "")
        if key is None or not credentials.matches(key, secret) or key.tenant != tenant:
            raise Unauthenticated("the service key is wrong or revoked")
        if key.scope != scope:
            raise Forbidden(f"this key has scope {key.scope}; {scope} is needed")
        return key

    def learn(self, tenant: Tenant, source_id: str, agent_id: str) -> None:
        """Take a learnt alias that has just been committed."""
        known = self._tenants[tenant]
        self._tenants[tenant] = replace(known, aliases={**known.aliases, source_id: agent_id})

    def refresh(self) -> None:
        """Read everything again; what changed is added to `pending`."""
        signing: dict[Tenant, list[bytes]] = {}
        keys: dict[str, Key] = {}
        for row in stored.keys(self._database):
            if row.revoked is not None:
                continue
            if row.digest is not None:
                keys[row.id] = Key(row.id, row.tenant, row.scope, row.digest)
            elif row.secret is not None:
                try:
                    secret = self._box.open(row.secret, place=f"keys/{row.id}/secret")
                except InvalidSettings as error:
                    log.warning("signing secret cannot be read", key=row.id, error=str(error))
                    continue
                signing.setdefault(row.tenant, []).append(
                    standard_webhooks.decode_secret(secret.decode())
                )
        aliases: dict[Tenant, dict[str, str]] = {}
        for alias in stored.aliases(self._database):
            aliases.setdefault(alias.tenant, {})[alias.source_id] = alias.agent
        settings = {(each.tenant, each.name): each for each in stored.all_settings(self._database)}
        tenants = {}
        for tenant in stored.tenants(self._database):
            known = self._tenants.get(tenant, TenantSettings(tenant))
            known = self._with_rules(known, settings.get((tenant, stored.DOMAINS)))
            known = _with_trial(known, settings.get((tenant, stored.TRIAL)))
            known = self._with_policy(known, settings.get((tenant, stored.POP_POLICY)))
            known = _with_steps(
                known,
                settings.get((tenant, stored.STEPS)),
                settings.get((tenant, stored.STEPS_SINCE)),
            )
            known = _with_preferences(known, settings.get((tenant, stored.PREFERENCES)))
            known = _with_sign_in(known, settings.get((tenant, sign_in_settings.NAME)))
            tenants[tenant] = replace(
                known,
                signing_secrets=tuple(signing.get(tenant, ())),
                aliases=aliases.get(tenant, {}),
            )
        self.pending |= self._changes(tenants, keys)
        self._tenants, self._keys = tenants, keys
        self._hosts = {}
        self.generation += 1

    def _with_rules(
        self, known: TenantSettings, row: stored.StoredSetting | None
    ) -> TenantSettings:
        if row is None or row.version == known.rules_version:
            return known
        # Saving has checked it; a text that no longer parses must let nobody in.
        try:
            rules = DomainRules.parse(row.value)
        except InvalidSettings as error:
            log.warning("domain rules cannot be read", tenant=known.tenant, error=str(error))
            rules = DomainRules.parse("")
        return replace(known, rules=rules, rules_text=row.value, rules_version=row.version)

    def _with_policy(
        self, known: TenantSettings, row: stored.StoredSetting | None
    ) -> TenantSettings:
        if row is None or row.version == known.policy_version:
            return known
        try:
            policy = saving.check_policy(row.value, allow_loopback=self._allow_loopback)
        except InvalidSettings as error:
            log.warning("pop policy cannot be read", tenant=known.tenant, error=str(error))
            policy = None
        return replace(known, policy=policy, policy_text=row.value, policy_version=row.version)

    def _changes(self, tenants: dict[Tenant, TenantSettings], keys: dict[str, Key]) -> Changes:
        settings: list[tuple[Tenant, str]] = []
        aliases: list[tuple[Tenant, str]] = []
        for tenant, new in tenants.items():
            old = self._tenants.get(tenant)
            if old is None:
                continue
            if old.rules_version != new.rules_version:
                settings.append((tenant, stored.DOMAINS))
            if old.policy_version != new.policy_version:
                settings.append((tenant, stored.POP_POLICY))
            if old.steps_version != new.steps_version:
                settings.append((tenant, stored.STEPS))
            if old.sign_in_version != new.sign_in_version:
                settings.append((tenant, sign_in_settings.NAME))
            aliases.extend(
                (tenant, source_id)
                for source_id, agent_id in new.aliases.items()
                if old.aliases.get(source_id) != agent_id
            )
        return Changes(tuple(settings), frozenset(self._keys.keys() - keys.keys()), tuple(aliases))


def _with_trial(known: TenantSettings, row: stored.StoredSetting | None) -> TenantSettings:
    if row is None or row.version == known.trial_version:
        return known
    try:
        rules = DomainRules.parse(row.value)
    except InvalidSettings as error:
        log.warning("rules on trial cannot be read", tenant=known.tenant, error=str(error))
        rules = DomainRules.parse("")
    return replace(
        known,
        trial=rules if len(rules) else None,
        trial_text=row.value,
        trial_version=row.version,
        trial_since=row.changed if len(rules) else None,
    )


def _with_sign_in(known: TenantSettings, row: stored.StoredSetting | None) -> TenantSettings:
    if row is None or row.version == known.sign_in_version:
        return known
    try:
        held = sign_in_settings.decode(row.value)
        return replace(
            known,
            sign_in=held.settings,
            sign_in_secret=held.sealed(),
            sign_in_version=row.version,
        )
    except InvalidSettings as error:
        log.error("sign-in cannot be read", tenant=known.tenant, error=str(error))  # noqa: TRY400
        return replace(known, sign_in=None, sign_in_secret=None, sign_in_version=row.version)


def _with_steps(
    known: TenantSettings, row: stored.StoredSetting | None, first: stored.StoredSetting | None
) -> TenantSettings:
    if row is None or row.version == known.steps_version:
        return known
    try:
        parsed = steps.read_steps(row.value)
    except InvalidSettings as error:
        log.error("steps cannot be read", tenant=known.tenant, error=str(error))  # noqa: TRY400
        parsed = Steps()
    return replace(
        known,
        steps=parsed,
        steps_text=row.value,
        steps_version=row.version,
        steps_since=row.changed if first is None else first.changed,
    )


def _with_preferences(known: TenantSettings, row: stored.StoredSetting | None) -> TenantSettings:
    if row is None or row.version == known.preferences_version:
        return known
    try:
        read = preferences.parse(row.value)
    except InvalidSettings as error:
        log.warning("preferences cannot be read", tenant=known.tenant, error=str(error))
        read = Preferences()
    return replace(known, preferences=read, preferences_version=row.version)
