"""Do what an operator asks of the database: keys, tenants, rules, policies, steps, aliases.

The command line calls this; a running server sees the change within a second (`workers.watch`).
"""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from adapter import credentials, new_keys, people, saving, secret_box, steps
from adapter.domains import DomainRules
from adapter.errors import InvalidSettings, NotFound
from adapter.identity.people import Person
from adapter.people import Confirmed
from adapter.pops import PopPolicy
from adapter.settings import Settings
from adapter.sought import Sought
from adapter.steps import Steps
from adapter.store import (
    accounts,
    dead_letters,
    erasing,
    installation,
    locking,
    maintenance,
    people as stored_people,
    settings as stored,
)
from adapter.store.database import Cursor, Database
from adapter.store.dead_letters import Page
from adapter.store.erasing import Erased
from adapter.store.paths import sqlite_path
from adapter.store.settings import Alias, StoredKey
from adapter.store.watched_files import announce
from adapter.tenants import DEFAULT, Agent, ContactKey, Tenant, agent

ERASED_AT_ONCE: Final = 10
"""Contacts in one transaction: after each a running server reads the end of the journal again."""
ROUNDS: Final = 4
"""Tries until nothing is left: a source may go on telling of a contact."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key; `secret` is shown once and never again."""

    id: str
    secret: str


class Office:
    """One opened database, for the commands."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self._who = f"command line ({_user()})"

    @property
    def who(self) -> str:
        """Name who changes things, for the audit log."""
        return self._who

    def ensure_default_tenant(self) -> None:
        """Create the tenant `default` where there is no tenant at all."""
        if not stored.tenants(self.database):
            stored.create_tenant(self.database, DEFAULT, _now(), who=self._who)

    def create_tenant(self, name: str) -> bool:
        """Create a tenant; False where it is there already."""
        return stored.create_tenant(self.database, saving.tenant_name(name), _now(), who=self._who)

    def tenant(self, name: str) -> Tenant:
        """Give the tenant of a name.

        Raises:
            NotFound: there is none.
        """
        tenant = saving.tenant_name(name)
        if tenant not in stored.tenants(self.database):
            raise NotFound(f"there is no tenant {name}; make it: screenpop tenants create {name}")
        return tenant

    def create_key(self, tenant: str, scope: str, name: str) -> NewKey:
        """Make a service key of one scope."""
        made = new_keys.service_key(self.tenant(tenant), scope, name, _now())
        stored.add_key(self.database, made.row, who=self._who)
        return NewKey(made.row.id, made.secret)

    def add_key(self, tenant: str, scope: str, name: str, key_id: str, secret: str) -> None:
        """Store a key whose secret is already chosen (the demo's are fixed)."""
        digest = credentials.digest(secret)
        row = StoredKey(key_id, self.tenant(tenant), scope, name, digest, None, _now(), None)
        stored.add_key(self.database, row, who=self._who)

    def create_signing_secret(self, tenant: str, name: str) -> NewKey:
        """Make a Standard Webhooks secret (`whsec_…`), stored encrypted."""
        made = new_keys.signing_secret(self.tenant(tenant), name, _now(), self._box())
        stored.add_key(self.database, made.row, who=self._who)
        return NewKey(made.row.id, made.secret)

    def keys(self) -> list[StoredKey]:
        """List all keys, without secrets."""
        return sorted(stored.keys(self.database), key=lambda key: key.created)

    def revoke_key(self, key: str) -> None:
        """Revoke a key for good; a running server closes its feeds."""
        stored.revoke_key(self.database, key, _now(), who=self._who)

    def unreadable_secrets(self) -> list[str]:
        """Name the signing secrets in force and the accounts that the present key does not open."""
        from adapter.connections import sealing  # noqa: PLC0415 - it brings httpx and MSAL

        rows = [key for key in self.keys() if key.revoked is None and key.secret is not None]
        named = [f"{each.tenant}/{each.name}" for each in accounts.listed(self.database)]
        if self.settings.secret_key is None and not self._key_file.exists():
            return [*(row.id for row in rows), *named]  # a new key file would open none of them
        lost = sealing.unreadable(self.database, self._box()) if named else []
        return [*(row.id for row in rows if not self._opens(row)), *lost]

    def write_test(self) -> None:
        """Write one row: a disk that is full or read-only still reads well.

        Raises:
            StoreUnavailable: the database takes no writes.
        """
        with self.database.transaction() as cursor:
            maintenance.beat(cursor, _now())

    def set_domains(self, tenant: str, text: str) -> DomainRules:
        """Replace a tenant's rules; nothing is saved where one line is bad."""
        rules = saving.check_domains(text, limit=self.settings.csp_limit)
        stored.put_setting(
            self.database, self.tenant(tenant), stored.DOMAINS, text, _now(), who=self._who
        )
        return rules

    def domains(self, tenant: str) -> str:
        """Give a tenant's rules as they were written."""
        return self._setting(tenant, stored.DOMAINS) or ""

    def set_pop_policy(self, tenant: str, text: str) -> PopPolicy | None:
        """Replace a tenant's pop policy."""
        policy = saving.check_policy(text, allow_loopback=self.settings.allow_loopback)
        stored.put_setting(
            self.database, self.tenant(tenant), stored.POP_POLICY, text, _now(), who=self._who
        )
        return policy

    def pop_policy(self, tenant: str) -> str:
        """Give a tenant's pop policy as it was written; `{}` for none."""
        return self._setting(tenant, stored.POP_POLICY) or "{}"

    def steps(self, tenant: str) -> Steps:
        """Give a tenant's lifecycle steps."""
        return steps.read_steps(self._setting(tenant, stored.STEPS) or "{}")

    def dead_letters(
        self, tenant: str, *, limit: int = dead_letters.PAGE, after: str | None = None
    ) -> Page:
        """List the requests to Dynamics that are not tried again by themselves, a page of them.

        Raises:
            MalformedInput: `after` is not the `next` of a page.
        """
        here = self.tenant(tenant)
        with self.database.reading():
            return dead_letters.page(self.database.raw.cursor(), here, limit=limit, after=after)

    def replay(self, tenant: str, position: int | None) -> int:
        """Let one dead letter (None: all) be tried again; give the number of contacts.

        Raises:
            NotFound: there is no such dead letter.
        """
        here, current, until = self.tenant(tenant), self.steps(tenant), _now()

        def part(cursor: Cursor) -> list[ContactKey]:
            return dead_letters.replay(
                cursor, here, position, _now(), who=self._who, steps=current, until=until
            )

        return len(set(self._in_parts(position, part)))

    def dismiss(self, tenant: str, position: int | None, reason: str) -> int:
        """Give up one dead letter (None: all) for good; give how many there were.

        Raises:
            NotFound: there is no such dead letter.
        """
        here, until = self.tenant(tenant), _now()

        def part(cursor: Cursor) -> list[ContactKey]:
            return dead_letters.dismiss(
                cursor, here, position, _now(), who=self._who, reason=reason, until=until
            )

        return len(self._in_parts(position, part))

    def _in_parts(
        self, position: int | None, part: Callable[[Cursor], list[ContactKey]]
    ) -> list[ContactKey]:
        """Deal with a dead letter, or with all in as many transactions as it takes to find none."""
        found: list[ContactKey] = []
        while True:
            with self.database.transaction() as cursor:
                some = part(cursor)
            found += some
            if position is not None and not some:
                raise NotFound(f"there is no dead letter {position}")
            if position is not None or not some:
                return found

    def erase(self, tenant: str, wanted: Sought, *, dry_run: bool = False) -> Erased:
        """Erase the contacts of who is sought; a running server forgets them within a second.

        Raises:
            StoreUnavailable: the disk or the file refuses; what was erased before that stays so.
        """
        here = self.tenant(tenant)
        found = erasing.find(self.database.path, here, wanted)
        with self.database.reading():
            beside = erasing.linked(self.database.raw.cursor(), here, found)
        if dry_run:
            return Erased(contacts=found, linked=beside, rows={})
        ids, count = set[str](), Counter[str]()
        for _ in range(ROUNDS):
            if not found:
                break
            ids.update(found)
            count += self._erase(here, found)
            found = self._taken_meanwhile(here, wanted, ids)
        done = Erased(contacts=sorted(ids), linked=beside, rows=dict(count))
        with self.database.transaction() as cursor:
            erasing.conclude(cursor, here, wanted, done, _now(), who=self._who)
        return done

    def _taken_meanwhile(self, tenant: Tenant, wanted: Sought, erased: set[str]) -> list[str]:
        """Find what a running server committed of them, from memory, before it noticed.

        It notices between two commits, and wipes its redo log then, when the database has all of
        it: so what it was just committing is in the file after that.
        """
        path = self.database.path
        if not locking.is_locked(path):
            return []
        before = maintenance.redo_progress(path)
        with self.database.transaction() as cursor:
            installation.count_erasure(cursor)
        maintenance.await_wipe(path, before)
        maintenance.await_catch_up(path)
        return erasing.find(path, tenant, wanted, also=erased)

    def _erase(self, tenant: Tenant, ids: list[str]) -> Counter[str]:
        count: Counter[str] = Counter()
        rows = erasing.positions(self.database.path, tenant, ids)
        for first in range(0, len(ids), ERASED_AT_ONCE):
            with self.database.transaction() as cursor:
                for each in ids[first : first + ERASED_AT_ONCE]:
                    count += erasing.erase(cursor, ContactKey(tenant, each), rows.get(each, ()))
                installation.count_erasure(cursor)
                announce(self.database.path)  # a running server looks before it commits
            announce(self.database.path)
        return count

    def alias(self, tenant: str, agent: str, source_id: str) -> Alias:
        """Map an id of a source to an agent."""
        made = saving.alias(self.tenant(tenant), agent, source_id)
        stored.put_alias(self.database, made, _now(), who=self._who)
        return made

    def aliases(self, tenant: str) -> list[Alias]:
        """List a tenant's aliases."""
        here = self.tenant(tenant)
        return [alias for alias in stored.aliases(self.database) if alias.tenant == here]

    def admin_link(self, tenant: str) -> str:
        """Make a one-time link into the portal; the token stands where no server logs it."""
        here = self.tenant(tenant)
        with self.database.transaction() as cursor:
            token = people.admin_link(cursor, here, _now(), who=self._who)
        return f"{self.settings.origin_of(here)}/admin/first#{token}"

    def first_admin_links(self) -> list[Callable[[str], str]]:
        """Make a link for each tenant that never had an admin.

        Each is given the server's own address, which one with a single tenant is reached at.
        """
        tenants = sorted(stored.tenants(self.database))
        with self.database.reading():
            cursor = self.database.raw.cursor()
            without = [each for each in tenants if not stored_people.has_admin(cursor, each)]
        made = [(self.admin_link(each), self.settings.origin_of(each)) for each in without]
        if len(tenants) > 1:
            return [partial(_as_it_is, link) for link, _ in made]
        return [partial(_at, link.removeprefix(origin)) for link, origin in made]

    def people(self, tenant: str) -> list[Person]:
        """List the people who have signed in."""
        here = self.tenant(tenant)
        with self.database.reading():
            return stored_people.listed(self.database.raw.cursor(), here)

    def set_roles(self, tenant: str, person: str, roles: list[str]) -> Person:
        """Replace a person's assigned roles."""
        with self._changing(tenant, person) as (cursor, known):
            return people.set_roles(cursor, known, roles, _now(), who=self._who)

    def link(self, tenant: str, person: str, agent_id: str | None) -> Person:
        """Say which agent a person is."""
        with self._changing(tenant, person) as (cursor, known):
            return people.link(cursor, known, agent_id, _now(), who=self._who)

    def revoke_person(self, tenant: str, person: str) -> Person:
        """Let a person in no more; a running server closes the feeds."""
        with self._changing(tenant, person) as (cursor, known):
            return people.revoke(cursor, known, _now(), who=self._who)

    def restore_person(self, tenant: str, person: str) -> Person:
        """Let a revoked person sign in again."""
        with self._changing(tenant, person) as (cursor, known):
            return people.restore(cursor, known, _now(), who=self._who)

    def confirm(self, tenant: str, directory: str) -> Confirmed:
        """Confirm the links that people of a directory wait for, but for those in doubt."""
        here = self.tenant(tenant)
        with self.database.transaction() as cursor:
            return people.confirm(cursor, here, directory, _now(), who=self._who)

    @contextmanager
    def _changing(self, tenant: str, person: str) -> Iterator[tuple[Cursor, Person]]:
        here = self.tenant(tenant)
        with self.database.transaction() as cursor:
            yield cursor, people.get(cursor, here, person)

    def agent_of(self, tenant: Tenant) -> Callable[[str], Agent]:
        """Give what finds the agent of a tenant who stands behind an id of a source."""
        known = {each.source_id: each.agent for each in self.aliases(tenant)}

        def behind(source_id: str) -> Agent:
            named = agent(tenant, source_id)
            return Agent(tenant, known.get(named.id, named.id))

        return behind

    def _opens(self, row: StoredKey) -> bool:
        try:
            self._box().open(row.secret or b"", place=f"keys/{row.id}/secret")
        except InvalidSettings:
            return False
        return True

    def _setting(self, tenant: str, name: str) -> str | None:
        found = stored.setting(self.database, self.tenant(tenant), name)
        return None if found is None else found.value

    def _box(self) -> secret_box.SecretBox:
        secret = self.settings.secret_key
        value = secret.get_secret_value() if secret else None
        return secret_box.load(value, self._key_file)

    @property
    def _key_file(self) -> Path:
        return self.settings.data_dir / "secret.key"


@contextmanager
def opened(settings: Settings) -> Iterator[Office]:
    """Open the database of these settings, up to date and with at least one tenant.

    Raises:
        InvalidSettings: the settings name no usable database.
        StoreUnavailable: it cannot be opened.
    """
    path = sqlite_path(settings.database_url)
    locking.require_own_name(path)
    maintenance.require_log(path)
    maintenance.leave_strange_logs(path)
    database = Database(settings.database_url)
    try:
        database.migrate()
        maintenance.recover(database)
        maintenance.await_catch_up(database.path)
        office = Office(database, settings)
        office.ensure_default_tenant()
        yield office
    finally:
        database.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in a container
        return "unknown"


def _now() -> datetime:
    return datetime.now(UTC)


def _at(path: str, origin: str) -> str:
    return origin + path


def _as_it_is(link: str, _: str) -> str:
    return link
