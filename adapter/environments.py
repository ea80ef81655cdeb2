"""Know what tables the steps' environments have: asked through their accounts, and remembered.

Saving steps asks. Sending them only looks at what is remembered, so that no call waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from adapter.accounts import IntegrationAccount
from adapter.connections import AccountNotReady
from adapter.dataverse import metadata
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.errors import DataverseError
from adapter.steps import Environment, Metadata, Table
from adapter.store import environments as stored
from adapter.store.database import Database
from adapter.store.environments import Key
from adapter.tenants import Tenant

FRESH = timedelta(minutes=10)
"""Age at which what is remembered is asked for again before steps are checked."""
OLD = timedelta(days=1)
"""Age at which what is remembered for sending is asked for again in the background."""
PATIENCE = 10.0
"""Seconds that an admin who saves steps waits for an environment."""

Named = Collection[tuple[str | None, str]]
"""Account (None: the default one) and entity set of each table that is used."""


def environment_of(account: IntegrationAccount) -> Environment:
    """Give where an account leads, and as whom its requests act."""
    return Environment(
        url=account.environment_url,
        api_url=f"{account.api_url}/",
        app_id=account.app_id,
        impersonate=account.impersonate,
    )


class Accounts(Protocol):
    """What gives the clients of a tenant's accounts (`connections.Clients`)."""

    def client(self, tenant: Tenant, name: str | None = None) -> DataverseClient:
        """Give it, or raise `AccountNotReady`."""


class Environments:
    """The environments of all tenants."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts
        self._decoded: dict[tuple[Key, str], tuple[datetime, Table | None]] = {}

    def table(self, tenant: Tenant, api_url: str, entity_set: str) -> Table | None:
        """Give a table with its columns, as far as it is remembered."""
        key = Key(tenant, api_url)
        with self._database.reading_tables():
            cursor = self._database.raw.cursor()
            read = stored.read(cursor, key, entity_set)
            if read is None:
                return None
            held = self._decoded.get((key, entity_set))
            if held is None or held[0] != read:
                held = read, stored.table(cursor, key, entity_set)
                self._decoded[key, entity_set] = held
        return held[1]

    async def look(
        self, tenant: Tenant, accounts: Collection[str | None], *, within: timedelta = FRESH
    ) -> dict[str | None, str]:
        """Ask which tables there are where nobody did `within` this time; give what stood against.

        By account, in an admin's words.
        """
        return await _each(accounts, lambda account: self._list(tenant, account, within))

    async def look_at(
        self, tenant: Tenant, named: Named, *, within: timedelta = FRESH
    ) -> dict[str | None, str]:
        """Ask for the columns of these tables, as `look` does for the list."""
        sets: dict[str | None, set[str]] = {}
        for account, entity_set in named:
            sets.setdefault(account, set()).add(entity_set)
        return await _each(
            sets, lambda account: self._columns(tenant, account, sets[account], within)
        )

    def known(
        self, tenant: Tenant, trouble: Mapping[str | None, str]
    ) -> Callable[[str | None], Metadata | None]:
        """Give what is known by account; of an environment in `trouble` only its tables' names.

        What an environment had that cannot be asked now must not stop anybody from saving.
        """

        found: dict[str | None, Metadata | None] = {}

        def of_account(account: str | None) -> Metadata | None:
            if account not in found:
                found[account] = self._known(tenant, account, in_trouble=account in trouble)
            return found[account]

        return of_account

    def _known(self, tenant: Tenant, account: str | None, *, in_trouble: bool) -> Metadata | None:
        try:
            key = _key(tenant, self._accounts.client(tenant, account))
        except AccountNotReady:
            return None
        with self._database.reading_tables():
            cursor = self._database.raw.cursor()
            found = stored.listed(cursor, key)
            if found is None or in_trouble:
                return found and Metadata(found.tables, complete=False)
            whole = stored.tables(cursor, key)
        return Metadata(tuple(whole.get(each.entity_set, each) for each in found.tables))

    async def _list(self, tenant: Tenant, account: str | None, within: timedelta) -> None:
        client = self._accounts.client(tenant, account)
        if self._is_old(_key(tenant, client), stored.ALL, within):
            self._put(tenant, client, stored.ALL, await metadata.tables(client))

    async def _columns(
        self, tenant: Tenant, account: str | None, sets: Collection[str], within: timedelta
    ) -> None:
        client = self._accounts.client(tenant, account)
        key = _key(tenant, client)
        with self._database.reading_tables():
            listed = stored.listed(self._database.raw.cursor(), key)
        for entity_set in sorted(sets):
            table = listed and listed.find(entity_set)
            if table and self._is_old(key, table.entity_set, within):
                whole = await metadata.with_columns(client, table)
                self._put(tenant, client, table.entity_set, whole)

    def _is_old(self, key: Key, entity_set: str, within: timedelta) -> bool:
        with self._database.reading_tables():
            read = stored.read(self._database.raw.cursor(), key, entity_set)
        return read is None or datetime.now(UTC) - read > within

    def _put(
        self, tenant: Tenant, client: DataverseClient, entity_set: str, found: Metadata | Table
    ) -> None:
        with self._database.transaction() as cursor:
            stored.put(cursor, _key(tenant, client), entity_set, found, datetime.now(UTC))


async def _each(
    accounts: Collection[str | None], ask: Callable[[str | None], Coroutine[Any, Any, None]]
) -> dict[str | None, str]:
    """Ask all environments at once; give what went wrong by account."""
    asked = list(accounts)
    answers = await asyncio.gather(*(_in_time(ask(account)) for account in asked))
    return {
        account: answer
        for account, answer in zip(asked, answers, strict=True)
        if answer is not None
    }


async def _in_time(work: Coroutine[Any, Any, None]) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            await work
    except (DataverseError, AccountNotReady) as error:
        return str(error)
    except TimeoutError:
        return f"it did not answer within {PATIENCE:.0f} seconds"
    return None


def _key(tenant: Tenant, client: DataverseClient) -> Key:
    return Key(tenant, client.account.api_url)
