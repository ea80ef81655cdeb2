"""Own the refresh tokens: one redeems at a time, over all processes, and what comes back is kept.

A directory may take a refresh token once, and take everything back where it comes a second time
(RFC 9700, 4.14.2). A command line and a running server share them through the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec
import structlog

from adapter.accounts import IntegrationAccount
from adapter.connections import sealing
from adapter.dataverse.sign_in import SignInUnavailable
from adapter.errors import StoreUnavailable
from adapter.secret_box import SecretBox
from adapter.store import accounts as stored, turns
from adapter.store.accounts import Side, StoredAccount
from adapter.store.database import Database

log = structlog.get_logger()

TURN_WITHIN = 45.0
"""Seconds: above what a redemption takes that ends in a timeout (`entra.TIMEOUT`, twice)."""
SAVE_WITHIN = 3.0
"""Seconds for which a turn is held until the database takes the new token."""
SAVE_EVERY = 0.05

_SIDES: tuple[Side, ...] = ("draft", "applied")


@dataclass(frozen=True, slots=True)
class _Unsaved:
    account: StoredAccount
    redeemed: str | None
    """What the database still has."""
    token: str


class RefreshTokens:
    """The refresh tokens of all accounts, for one process."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box
        self._turns: dict[str, asyncio.Lock] = {}
        self._unsaved: dict[str, _Unsaved] = {}

    @asynccontextmanager
    async def redeeming(self, account: StoredAccount, side: Side) -> AsyncIterator[str | None]:
        """Give a turn to redeem an account's refresh token, and the newest one (None: one's own).

        Raises:
            SignInUnavailable: another process has the turn, and does not end.
        """
        held = account.draft if side == "draft" else account.applied
        if held is None or held.account.access != "delegated":
            yield None  # an application has none
            return
        turn = turns.turn(self._database.path, f"turn-{account.id}", within=TURN_WITHIN)
        async with self._turns.setdefault(account.id, asyncio.Lock()), AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(turn)
            except StoreUnavailable as error:
                raise SignInUnavailable(
                    f"Another process is signing in with this account: {error}.",
                    cause="unavailable",
                    advice="Wait a minute; then restart the server, or end what hangs.",
                ) from error
            try:
                yield self._newest(account, side, held.account)
            finally:
                await self._saved(account.id)

    def renewed(self, account: StoredAccount, redeemed: str | None, token: str) -> None:
        """Keep what came back for a token; call it within the turn.

        It takes the place of the redeemed one wherever that stands: a draft begins with the token
        in force and goes on with it. What an admin has entered or consented to meanwhile stays.
        """
        before = self._unsaved.get(account.id)
        if before is not None and before.token == redeemed:
            redeemed = before.redeemed
        self._unsaved[account.id] = _Unsaved(account, redeemed, token)
        self._try_to_save(account.id)

    def save(self) -> None:
        """Save what the database did not take."""
        for account_id in list(self._unsaved):
            self._try_to_save(account_id)

    def _newest(
        self, account: StoredAccount, side: Side, settings: IntegrationAccount
    ) -> str | None:
        """Give the token that is good now, also where the account was changed or applied since."""
        unsaved = self._unsaved.get(account.id)
        if unsaved is not None:
            return unsaved.token
        now = self._stored(account)
        if now is None:
            return None
        here = side if getattr(now, side) is not None else _other(side)
        held = now.draft if here == "draft" else now.applied
        if held is None or not _same_grant(held.account, settings):
            return None
        secrets = sealing.try_unseal(self._box, now, here)
        return None if secrets is None else secrets.refresh_token

    async def _saved(self, account_id: str) -> None:
        """Wait a little until the database has what came back: another process reads it there."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SAVE_WITHIN
        while account_id in self._unsaved and loop.time() < until:
            await asyncio.sleep(SAVE_EVERY)
            self._try_to_save(account_id)

    def _try_to_save(self, account_id: str) -> None:
        unsaved = self._unsaved[account_id]
        try:
            self._save(unsaved)
        except StoreUnavailable as error:
            name = unsaved.account.name
            log.warning("refresh token not saved yet", account=name, error=str(error))
        else:
            del self._unsaved[account_id]

    def _save(self, unsaved: _Unsaved) -> None:
        now = self._stored(unsaved.account)
        if now is None:
            return  # the account was removed
        for side in _SIDES:
            secrets = sealing.try_unseal(self._box, now, side)
            if secrets is None or secrets.refresh_token != unsaved.redeemed:
                continue
            secrets = msgspec.structs.replace(secrets, refresh_token=unsaved.token)
            sealed = sealing.seal(self._box, secrets, now.tenant, now.id, side)
            if not stored.put_secrets(self._database, now, side, sealed):
                raise StoreUnavailable("the account is being changed", retry_after=1)

    def _stored(self, account: StoredAccount) -> StoredAccount | None:
        found = stored.listed(self._database, account.tenant)
        return next((each for each in found if each.id == account.id), None)  # perhaps renamed


def _other(side: Side) -> Side:
    return "applied" if side == "draft" else "draft"


def _same_grant(one: IntegrationAccount, other: IntegrationAccount) -> bool:
    """Whether a refresh token of the one may be a refresh token of the other."""
    names = ("authority", "client_id", "access")
    return all(getattr(one, name) == getattr(other, name) for name in names)
