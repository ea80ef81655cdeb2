"""Hold the sign-in windows under way, where the panel and the window meet: on the server.

A panel and the window that it opens share nothing that browsers cannot cut (facts are in
`docs/decisions/0009-openid-connect-by-ourselves.md`), so each tells the server, and the panel asks.
They live in this process's memory: a restart forgets them, and the panel offers to begin again.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Literal

from adapter import credentials
from adapter.errors import MalformedInput, Overloaded
from adapter.signing_in.provider import Provider, Request, challenge
from adapter.tenants import Tenant

LIFETIME = 600.0
"""Seconds from the click to the end: Microsoft's codes last as long."""
MOST = 20_000
"""Windows at once: a shift that begins with every panel of a large centre. Strangers make them."""
TRIES = 5
"""Wrong codes after which a window is given up."""

TX = re.compile(r"[A-Za-z0-9_-]{22,64}\Z")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""For the code that a person compares: none that looks like another."""

Phase = Literal["waiting", "opened", "at-provider", "finishing", "done", "failed"]


@dataclass(slots=True, eq=False)
class Window:
    """One sign-in, from the click on."""

    tenant: Tenant
    tx: str
    """Who knows it may open the window; the panel or the portal's page chose it."""
    challenge: str
    """S256 of what only the panel knows; empty for the portal, whose own browser comes back."""
    around: str
    """The origins around the panel: what the session will be bound to."""
    code: str
    """Shown in the panel, typed into a window that cannot prove where it comes from."""
    expires: float
    wanted: str = ""
    """The page of the portal to go to afterwards."""
    choose: bool = False
    phase: Phase = "waiting"
    tries: int = 0
    cookie: bytes = b""
    """Digest of the cookie of the browser in which the window is."""
    provider: Provider | None = None
    request: Request | None = None
    person: str | None = None
    """The id of who signed in."""
    reason: str = ""
    detail: str = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_panel(self) -> bool:
        """Whether a panel waits for it."""
        return bool(self.challenge)

    @property
    def cookie_name(self) -> str:
        """The browser's cookie of this window: two tabs may sign in at once."""
        return f"__Host-screenpop-tx-{self.tx[:8]}"

    def become(self, phase: Phase) -> None:
        """Go on, and wake who waits."""
        self.phase = phase
        woken, self.changed = self.changed, asyncio.Event()
        woken.set()

    def fail(self, reason: str, detail: str) -> None:
        """End without a person."""
        self.reason, self.detail = reason, detail
        self.become("failed")

    def proves(self, verifier: str) -> bool:
        """Whether this is what the panel kept to itself."""
        return self.is_panel and hmac.compare_digest(challenge(verifier), self.challenge)

    def is_of_browser(self, cookie: str | None) -> bool:
        """Whether the browser that answers is the one that was sent to the provider."""
        return bool(self.cookie) and hmac.compare_digest(
            credentials.digest(cookie or ""), self.cookie
        )


class Windows:
    """The sign-ins under way."""

    def __init__(self) -> None:
        self._by_tx: dict[tuple[Tenant, str], Window] = {}
        self._by_state: dict[bytes, Window] = {}

    def register(
        self,
        tenant: Tenant,
        *,
        tx: object,
        challenge: object,
        around: str,
        now: float,
        choose: bool = False,
    ) -> Window:
        """Take note of a panel that is about to open a window; `now` is monotonic, in seconds.

        Raises:
            MalformedInput: `tx` or `challenge` is none, or `tx` is taken.
            Overloaded: too many are under way.
        """
        if not isinstance(tx, str) or not TX.match(tx):
            raise MalformedInput("/tx: expected 22 to 64 characters of base64url")
        if not isinstance(challenge, str) or not _CHALLENGE.match(challenge):
            raise MalformedInput("/challenge: expected the S256 challenge of a verifier (RFC 7636)")
        self._forget(now)
        if (tenant, tx) in self._by_tx:
            raise MalformedInput("/tx: it is taken; choose another")
        return self._add(Window(tenant, tx, challenge, around, _code(), now + LIFETIME), choose)

    def for_portal(self, tenant: Tenant, wanted: str, now: float, *, choose: bool) -> Window:
        """Begin a sign-in to the portal, in the browser's own window."""
        self._forget(now)
        tx = secrets.token_urlsafe(24)
        window = Window(tenant, tx, "", "top", "", now + LIFETIME, wanted=wanted)
        return self._add(window, choose)

    def find(self, tenant: Tenant, tx: object, now: float) -> Window | None:
        """Give the window of a transaction; None where it is unknown, used up or too old."""
        found = self._by_tx.get((tenant, tx)) if isinstance(tx, str) else None
        return found if found is not None and found.expires > now else None

    def send(self, window: Window, provider: Provider, request: Request) -> str:
        """Note that a browser goes to the provider; give the value of its cookie."""
        cookie = credentials.new_bearer()
        window.cookie = credentials.digest(cookie)
        window.provider, window.request = provider, request
        self._by_state[credentials.digest(request.state)] = window
        window.become("at-provider")
        return cookie

    def returning(self, tenant: Tenant, state: str, now: float) -> Window | None:
        """Give the window whose answer has come; None where nobody waits for it."""
        found = self._by_state.get(credentials.digest(state))
        if found is None or found.tenant != tenant or found.expires <= now:
            return None
        return found

    def take(self, window: Window) -> None:
        """Use the answer's `state` up: the same answer a second time finds nobody."""
        if window.request is not None:
            self._by_state.pop(credentials.digest(window.request.state), None)
        window.become("finishing")

    def drop(self, window: Window) -> None:
        """Forget a window."""
        self._by_tx.pop((window.tenant, window.tx), None)
        if window.request is not None:
            self._by_state.pop(credentials.digest(window.request.state), None)

    def _add(self, window: Window, choose: bool) -> Window:
        if len(self._by_tx) >= MOST:
            self._make_room()
        window.choose = choose
        self._by_tx[window.tenant, window.tx] = window
        return window

    def _make_room(self) -> None:
        """Drop the oldest that nobody has opened: strangers who begin many push out their own."""
        idle = next((each for each in self._by_tx.values() if each.phase == "waiting"), None)
        if idle is None:
            raise Overloaded("too many sign-ins are under way", retry_after=5)
        self.drop(idle)

    def _forget(self, now: float) -> None:
        # They stand in the order of their end.
        for window in list(self._by_tx.values()):
            if window.expires > now:
                break
            self.drop(window)


def _code() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(4))
