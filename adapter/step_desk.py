"""Do what an admin asks of lifecycle steps: check, save, preview, rehearse. For HTTP and commands.

What the environment would refuse is told when steps are saved. An environment that cannot be asked
stops nobody from saving: the steps are saved, and what was not checked is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from adapter import recordings, steps, stories
from adapter.connections import AccountNotReady, choose
from adapter.environments import FRESH, Environments, environment_of
from adapter.errors import InvalidSettings, NotFound, Place
from adapter.steps import (
    Environment,
    File,
    Fit,
    Known,
    Link,
    NoEnvironment,
    Previewed,
    Rehearsed,
    RenderedRequest,
    Steps,
    Where,
)
from adapter.store import (
    accounts as stored_accounts,
    attributes,
    journal,
    recordings as links,
    settings as stored,
)
from adapter.store.accounts import StoredAccount
from adapter.store.database import Database
from adapter.tenants import Agent, ContactKey, Tenant

NOT_CHECKED = "not checked against the environment, because"
SAMPLE_TOKEN = "sample-recording-token"  # noqa: S105 - of the made-up contact
"""As long as a real one."""
_JUST_NOW = timedelta(seconds=5)
"""Age of what need not be asked for again to say for certain that something is missing."""

Document = str | bytes | Mapping[str, Any] | list[Any]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Steps without fault, and what an admin should know of them."""

    steps: Steps
    hints: tuple[Place, ...] = ()
    unchecked: tuple[str, ...] = ()
    """Why the environments (each once) could not be asked; they are hints too."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is now known of steps that are in force."""

    faults: tuple[Place, ...] = ()
    """What the environment or the accounts have lost since the steps were saved."""
    hints: tuple[Place, ...] = ()


class StepDesk:
    """The steps of all tenants.

    `origin` gives a tenant's own address, `agent` who stands behind an id of a source.
    """

    def __init__(
        self,
        database: Database,
        environments: Environments,
        *,
        origin: Callable[[Tenant], str],
        agent: Callable[[Tenant, str], Agent],
    ) -> None:
        self._database = database
        self._environments = environments
        self._origin = origin
        self._agent = agent

    async def check(self, tenant: Tenant, document: Document) -> Checked:
        """Read steps and hold them against the accounts, the contacts and the environments.

        Raises:
            InvalidSettings: with a place for each fault.
        """
        known, unchecked = await self._look(tenant, document, FRESH)
        try:
            return self._checked(tenant, document, known, unchecked)
        except InvalidSettings:
            # The column that is missing may have been added since anybody looked.
            known, unchecked = await self._look(tenant, document, _JUST_NOW)
            return self._checked(tenant, document, known, unchecked)

    async def save(
        self,
        tenant: Tenant,
        document: Document,
        *,
        who: str,
        expected_version: int | None = None,
    ) -> tuple[int, Checked]:
        """Replace a tenant's steps; give their version, and what `check` found.

        Raises:
            InvalidSettings: with a place for each fault; nothing was changed.
            Conflict: the steps are not at `expected_version`.
        """
        checked = await self.check(tenant, document)
        version = stored.put_steps(
            self._database,
            tenant,
            steps.dump(checked.steps),
            datetime.now(UTC),
            who=who,
            expected_version=expected_version,
        )
        return version, checked

    def findings(self, tenant: Tenant, wanted: Steps) -> Finding:
        """Say what is wrong with steps by what is remembered; asks nobody."""
        places = {step.number: f"/steps/{at}" for at, step in enumerate(wanted.steps)}
        faults, hints = steps.check(
            wanted,
            places,
            metadata=self._environments.known(tenant, {}),
            attributes=self._attributes(tenant),
            accounts=self._accounts(tenant),
        )
        return Finding(faults=tuple(faults), hints=tuple(hints))

    def where(self, tenant: Tenant) -> Callable[[str | None], Environment]:
        """Give where each account in force leads, tested or not; raises `NoEnvironment`."""
        return where(stored_accounts.listed(self._database, tenant))

    def preview(
        self, tenant: Tenant, wanted: Steps, contact: str | None, *, where: Where | None = None
    ) -> tuple[str, list[Previewed]]:
        """Give a contact's id and each step's exact request; of a made-up contact for None.

        Raises:
            NotFound: there is no such contact.
        """
        view = steps.SAMPLE
        link = self._sample_link(tenant)
        if contact is not None:
            key = ContactKey(tenant, contact)
            view = stories.state(self._database, key, agent=lambda who: self._agent(tenant, who))
            link = self._link(key)
        listed = steps.previews(
            wanted,
            view,
            where or self.where(tenant),
            tenant=tenant,
            link=link,
            fit=self._fit(tenant),
        )
        return view["id"], listed

    def dry_run(
        self, tenant: Tenant, wanted: Steps, contact: str, *, where: Where | None = None
    ) -> list[Rehearsed]:
        """Replay a recorded contact from its stored events, with nothing sent.

        Raises:
            NotFound: there is no such contact.
        """
        key = ContactKey(tenant, contact)
        with self._database.reading():
            events = journal.events_of(self._database.raw.cursor(), key)
        if not events:
            raise NotFound(f"there is no contact {contact}")
        return steps.dry_run(
            wanted,
            [each.event for each in events],
            where or self.where(tenant),
            tenant=tenant,
            link=self._link(key),
            agent=lambda who: self._agent(tenant, who).id,
            fit=self._fit(tenant),
        )

    def _fit(self, tenant: Tenant) -> Fit:
        """Give what shortens texts as sending would, by what is remembered of environments."""

        def fit(request: RenderedRequest, environment: Environment) -> RenderedRequest:
            api_url = environment.api_url.removesuffix("/")
            table = self._environments.table(tenant, api_url, request.entity_set)
            return request if table is None else steps.fitted(request, table)[0]

        return fit

    async def _look(
        self, tenant: Tenant, document: Document, within: timedelta
    ) -> tuple[Known, tuple[str, ...]]:
        trouble = await self._environments.look(
            tenant, steps.accounts_named(document), within=within
        )
        named = steps.tables_named(document, self._environments.known(tenant, trouble))
        reached = [each for each in named if each[0] not in trouble]
        trouble |= await self._environments.look_at(tenant, reached, within=within)
        unchecked = tuple(f"{NOT_CHECKED}: {why}" for why in dict.fromkeys(trouble.values()))
        return self._environments.known(tenant, trouble), unchecked

    def _checked(
        self, tenant: Tenant, document: Document, known: Known, unchecked: tuple[str, ...]
    ) -> Checked:
        parsed, hints = steps.parse_with_hints(
            document,
            metadata=known,
            attributes=self._attributes(tenant),
            accounts=self._accounts(tenant),
        )
        told = tuple(Place("", each) for each in unchecked) if parsed.requests else ()
        return Checked(
            steps=parsed, hints=(*told, *hints), unchecked=tuple(each.detail for each in told)
        )

    def _attributes(self, tenant: Tenant) -> frozenset[str]:
        with self._database.reading():
            return attributes.seen(self._database.raw.cursor(), tenant)

    def _accounts(self, tenant: Tenant) -> list[str]:
        return [each.name for each in stored_accounts.listed(self._database, tenant)]

    def _link(self, key: ContactKey) -> Link:
        """Give the links of a contact's files, as the steps will write them: made at first use."""

        def link(file: File) -> str:
            with self._database.reading():
                token = links.known_token(self._database.raw.cursor(), key, file)
            if token is None:
                with self._database.transaction() as cursor:
                    token = links.token(cursor, key, file, datetime.now(UTC))
            return recordings.address(self._origin(key.tenant), token)

        return link

    def _sample_link(self, tenant: Tenant) -> Link:
        return lambda _file: recordings.address(self._origin(tenant), SAMPLE_TOKEN)


def where(accounts: Sequence[StoredAccount]) -> Callable[[str | None], Environment]:
    """Give where each of a tenant's accounts in force leads, tested or not.

    What it gives raises `NoEnvironment`.
    """
    in_force = [each for each in accounts if each.applied is not None]

    def of_account(name: str | None) -> Environment:
        try:
            chosen = choose(in_force, name)
        except AccountNotReady as error:
            raise NoEnvironment(str(error)) from error
        assert chosen.applied is not None  # noqa: S101 - `in_force` lists no other
        return environment_of(chosen.applied.account)

    return of_account
