"""Fit a request to its environment before it is sent: for whom it acts, what its columns hold."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from adapter import steps
from adapter.dataverse import users
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.errors import AccessDenied, UserMissing
from adapter.dataverse.privileges import ACT_FOR_OTHERS
from adapter.dataverse.requests import Priority
from adapter.environments import Environments
from adapter.exchanges import Sent, exchange
from adapter.steps import RenderedRequest
from adapter.tenants import Tenant

FOUND_FOR, MISSING_FOR = 3600.0, 300.0
"""Seconds for which an agent's user, or that there is none, is remembered."""
MOST_REMEMBERED = 20_000
"""Agents; beyond, all are asked for again."""

_MAY_NOT_ACT = "0x8004a110"
"""Microsoft's `CannotActOnBehalfOfAnotherUser`."""

NO_OWNER = "the owner stays, as not exactly one user has the agent's id as user name or e-mail"


class Fitting:
    """Knows the environments' columns and the agents' users, for one server process."""

    def __init__(
        self, environments: Environments, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._environments = environments
        self._clock = clock
        self._users: dict[tuple[Tenant, str, str], tuple[float, str | None]] = {}

    async def send(
        self,
        client: DataverseClient,
        tenant: Tenant,
        rendered: RenderedRequest,
        *,
        owner: bool,
        priority: Priority,
    ) -> Sent:
        """Send a request as `exchange` does, as its agent where it is to, shortened where it must.

        Where nobody may act as the agent it is sent as the account itself, with a note.

        Raises:
            DataverseError: it had no effect, or nobody knows; the same request may be sent again.
        """
        rendered, notes = self._shortened(client, tenant, rendered)
        if rendered.agent is None:
            sent = await exchange(client, rendered, owner=owner, priority=priority)
            stays = (NO_OWNER,) if owner and sent.response is None else ()
            return _with_notes(sent, *notes, *stays)
        caller = await self._caller(client, tenant, rendered.agent, priority)
        if caller is None:
            why = "the account sees no user with this name, e-mail or id"
            return await self._as_account(client, rendered, notes, why, priority)
        acting = msgspec.structs.replace(rendered, caller=caller)
        try:
            sent = await exchange(client, acting, owner=owner, priority=priority)
        except (AccessDenied, UserMissing) as error:
            refused = _not_acting(error)
            if refused is None:
                raise
            self._users.pop((tenant, client.account.api_url, rendered.agent), None)
            return await self._as_account(client, rendered, notes, refused, priority)
        return _with_notes(sent, *notes, f"acted as {rendered.agent}")

    def _shortened(
        self, client: DataverseClient, tenant: Tenant, rendered: RenderedRequest
    ) -> tuple[RenderedRequest, tuple[str, ...]]:
        if rendered.body is None:
            return rendered, ()
        table = self._environments.table(tenant, client.account.api_url, rendered.entity_set)
        return (rendered, ()) if table is None else steps.fitted(rendered, table)

    async def _as_account(
        self,
        client: DataverseClient,
        rendered: RenderedRequest,
        notes: tuple[str, ...],
        why: str,
        priority: Priority,
    ) -> Sent:
        sent = await exchange(client, rendered, owner=False, priority=priority)
        return _with_notes(sent, *notes, f"not as {rendered.agent} but as the account: {why}")

    async def _caller(
        self, client: DataverseClient, tenant: Tenant, agent: str, priority: Priority
    ) -> str | None:
        key = (tenant, client.account.api_url, agent)
        known = self._users.get(key)
        if known is not None and self._clock() < known[0]:
            return known[1]
        try:
            found = await users.object_id(client, agent, priority=priority)
        except AccessDenied:
            found = None  # the account may not read users
        if len(self._users) >= MOST_REMEMBERED:
            self._users.clear()
        lasts = MISSING_FOR if found is None else FOUND_FOR
        self._users[key] = (self._clock() + lasts, found)
        return found


def _with_notes(sent: Sent, *notes: str) -> Sent:
    return Sent(sent.response, (*sent.notes, *notes))


def _not_acting(error: AccessDenied | UserMissing) -> str | None:
    """Say why Dynamics did not let the account act as the agent; None where it refused the rest."""
    if isinstance(error, UserMissing):
        return "that user has no access to the environment"
    if error.privilege == ACT_FOR_OTHERS or error.code == _MAY_NOT_ACT:
        return f"the account's user lacks {ACT_FOR_OTHERS}"
    return None
