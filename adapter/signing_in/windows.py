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
from adapter.errors import MalformedInput
from adapter.signing_in.errors import UNAVAILABLE
from adapter.signing_in.provider import Provider, Request, challenge
from adapter.tenants import Tenant

LIFETIME = 600.0
"""Seconds from the click to the end: Microsoft's codes last as long."""
MOST_OF_TENANT = 10_000
"""Windows of one tenant: a shift that begins with every panel of a large centre. Strangers make
them too, so the oldest make room."""
MOST = 20_000
"""Windows of all tenants: room is made among those of the tenant that has the most."""
PORTAL_SHARE = 1_000
"""Windows of the portal that panels do not push out: whoever floods the panels locks no admin
out."""
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
    locale: str = ""
    """The language of the window's pages, also when it is back from the provider."""
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
        self._by_tenant: dict[Tenant, dict[str, Window]] = {}
        """Of each tenant in the order of their end."""
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
        """
        if not isinstance(tx, str) or not TX.match(tx):
            raise MalformedInput("/tx: expected 22 to 64 characters of base64url")
        if not isinstance(challenge, str) or not _CHALLENGE.match(challenge):
            raise MalformedInput("/challenge: expected the S256 challenge of a verifier (RFC 7636)")
        self._forget(now)
        if tx in self._by_tenant.get(tenant, ()):
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
        found = self._by_tenant.get(tenant, {}).get(tx) if isinstance(tx, str) else None
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
        of_tenant = self._by_tenant.get(window.tenant, {})
        if of_tenant.get(window.tx) is window:
            del of_tenant[window.tx]
            if not of_tenant:
                del self._by_tenant[window.tenant]
        if window.request is not None:
            self._by_state.pop(credentials.digest(window.request.state), None)

    def _add(self, window: Window, choose: bool) -> Window:
        of_tenant = self._by_tenant.get(window.tenant, {})
        if len(of_tenant) >= MOST_OF_TENANT:
            self._make_room(of_tenant)
        elif sum(map(len, self._by_tenant.values())) >= MOST:
            self._make_room(max(self._by_tenant.values(), key=len))
        window.choose = choose
        self._by_tenant.setdefault(window.tenant, {})[window.tx] = window
        return window

    def _make_room(self, held: dict[str, Window]) -> None:
        """Drop the oldest: of the failed, else of the portal's, which any link begins, else of all.

        Of the panels' one that nobody has opened goes before one that somebody signs in at.
        """
        failed = (each for each in held.values() if each.phase == "failed")
        portal = [each for each in held.values() if not each.is_panel]
        panels = [each for each in held.values() if each.is_panel]
        idle = (each for each in panels if each.phase == "waiting")
        gone = next(failed, None)
        if gone is None and (len(portal) > PORTAL_SHARE or not panels):
            gone = portal[0]
        gone = gone or next(idle, None) or panels[0]
        self.drop(gone)
        # Wakes its panel, and a browser that is on its way to the provider goes no further.
        gone.fail(UNAVAILABLE, "Too many sign-ins are under way: try again.")

    def _forget(self, now: float) -> None:
        for of_tenant in list(self._by_tenant.values()):
            for window in list(of_tenant.values()):
                if window.expires > now:
                    break
                self.drop(window)


def _code() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(4))
