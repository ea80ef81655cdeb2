"""Keep one account's access token fresh: one fetch for any number of waiters, ahead of its end.

MSAL blocks, so it runs in a thread; the callers of `token` wait on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from adapter.dataverse.entra import Entra, Grant
from adapter.dataverse.errors import DataverseError, TokenRefused, UserMissing
from adapter.dataverse.sign_in import SignInFailed, SignInUnavailable

log = structlog.get_logger()

REFRESH_BEFORE = 600.0
"""Seconds before the end when a new token is fetched; a shorter life is shortened by a quarter."""
USABLE_UNTIL = 60.0
"""Seconds before the end when a token is no longer sent (or a twentieth of a shorter life)."""
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between two questions while Entra refuses, or Dataverse refuses what it gives or whom
that names: every waiter gets the same answer."""


Redeeming = Callable[[], contextlib.AbstractAsyncContextManager[str | None]]
"""Gives a turn to redeem the refresh token, and the newest that is known (None: one's own).

A directory may take a refresh token once and take everything back where it comes a second time
(OAuth 2.0 Security BCP, RFC 9700, 4.14.2), so all who redeem one account's wait for each other.
"""

Renewed = Callable[[str | None, str], None]
"""Takes the refresh token that was redeemed and the one that came back, within the turn."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A token and when it is renewed and given up (seconds of the clock)."""

    text: str
    renew_at: float
    unusable_at: float
    scopes: str


class TokenSource:
    """The tokens of one account at one version of its settings."""

    def __init__(
        self,
        entra: Entra,
        *,
        account: str,
        refresh_token: str | None = None,
        on_refresh_token: Renewed | None = None,
        redeeming: Redeeming | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entra = entra
        self._account = account
        self._refresh_token = refresh_token
        self._on_refresh_token = on_refresh_token
        self._redeeming = redeeming or contextlib.nullcontext
        self._clock = clock
        self._held: _Held | None = None
        self._fetching = asyncio.Lock()
        self._on_trial = False
        """Whether Dataverse refused the last token, or who it names, and has taken none since."""
        self._failure: DataverseError | None = None
        self._ask_again_at = 0.0
        self._wait = SHORTEST_WAIT

    @property
    def scopes(self) -> str:
        """What the token in hand was granted."""
        return self._held.scopes if self._held else ""

    @property
    def in_hand(self) -> str | None:
        """The token to send with now; None where `token` has to be waited for."""
        return self._text() if self._is_usable() else None

    def is_on_trial(self) -> bool:
        """Whether nobody knows if Dataverse takes the next token, as it refused the last."""
        return self._on_trial

    async def token(self) -> str:
        """Give a token that Dataverse will take.

        Raises the same for a while, so that neither is flooded:
            SignInFailed: Entra gives none.
            TokenRefused, UserMissing: Dataverse refused again what was on trial already.
        """
        if self._is_usable():
            return self._text()
        async with self._fetching:
            if not self._is_usable():  # somebody fetched it while we waited
                await self._fetch()
            return self._text()

    def refused(self, token: str, error: TokenRefused | UserMissing) -> None:
        """Hear that Dataverse refused a token, or who it names: from now on that is on trial.

        A refused token is given to nobody any more: who asks now waits for a new one. Where it was
        on trial already, there is none for a while.
        """
        if self._held is None or self._held.text != token:
            return
        if self._on_trial:
            self._held = None
            # For the others: who has just tried it decides for itself when to come again.
            told = copy.copy(error)
            told.retry_after = self._pause(told)
        elif isinstance(error, TokenRefused):
            self._held = None
        self._on_trial = True

    def accepted(self, token: str) -> None:
        """Know that Dataverse takes this token: if it refuses it one day, a new one may do."""
        if self._on_trial and self._held is not None and self._held.text == token:
            self._on_trial, self._wait = False, SHORTEST_WAIT

    def ask_again(self) -> None:
        """End the pause: something has changed, as a test of the account has passed."""
        self._ask_again_at, self._wait = self._clock(), SHORTEST_WAIT

    def succeed(self, other: TokenSource) -> None:
        """Go on with another's token (the same identity under a new secret) and renew it soon."""
        if other._held is not None:
            self._held = replace(other._held, renew_at=self._clock())

    async def keep_fresh(self) -> None:
        """Fetch a new token where the one in hand ends soon; a failure waits for the next time."""
        held = self._held
        if held is None or self._clock() < held.renew_at or self._fetching.locked():
            return
        async with self._fetching:
            if self._held is not held:
                return
            try:
                await self._fetch()
            except DataverseError as error:
                log.warning(
                    "token not renewed ahead of its end", account=self._account, error=str(error)
                )

    async def _fetch(self) -> None:
        if self._failure is not None and self._clock() < self._ask_again_at:
            raise self._failure.with_traceback(None)
        try:
            async with self._redeeming() as newest:
                self._refresh_token = newest or self._refresh_token
                grant = await self._redeem()
        except SignInFailed as error:
            wait = self._pause(error)
            if isinstance(error, SignInUnavailable) and error.retry_after is None:
                error.retry_after = wait
            raise
        self._failure = None
        if not self._on_trial:
            self._wait = SHORTEST_WAIT
        self._take(grant)

    def _pause(self, error: DataverseError) -> float:
        wait = error.retry_after or self._wait
        self._wait = min(self._wait * 2, LONGEST_WAIT)
        self._failure, self._ask_again_at = error, self._clock() + wait
        return wait

    async def _redeem(self) -> Grant:
        """Ask for a token; a refresh token that comes back is kept, whoever stops waiting."""
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(None, self._entra.token, self._refresh_token)
        try:
            await asyncio.wait([asked])
        except asyncio.CancelledError:
            if self._refresh_token is not None:
                # The thread goes on and may use it up, so the turn lasts until it is done.
                await asyncio.wait([asked])
                if not asked.cancelled() and asked.exception() is None:
                    self._keep_refresh_token(asked.result().refresh_token)
            raise
        grant = asked.result()
        self._keep_refresh_token(grant.refresh_token)
        return grant

    def _take(self, grant: Grant) -> None:
        now, life = self._clock(), grant.expires_in
        self._held = _Held(
            text=grant.access_token,
            renew_at=now + life - min(REFRESH_BEFORE, life / 4),
            unusable_at=now + life - min(USABLE_UNTIL, life / 20),
            scopes=grant.scopes,
        )

    def _keep_refresh_token(self, new: str | None) -> None:
        old = self._refresh_token
        if new and new != old:
            self._refresh_token = new
            if self._on_refresh_token is not None:
                self._on_refresh_token(old, new)

    def _is_usable(self) -> bool:
        return self._held is not None and self._clock() < self._held.unusable_at

    def _text(self) -> str:
        assert self._held is not None  # noqa: S101 - `_fetch` raised otherwise
        return self._held.text
