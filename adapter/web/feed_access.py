"""Decide who may open which feed: host, path, origin, subprotocol, query and credential.

To refuse is to accept and then close with a code, because a browser sees nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

import structlog
from websockets.datastructures import Headers
from websockets.typing import Subprotocol

from adapter import __version__, credentials, messages
from adapter.close_codes import (
    FORBIDDEN,
    UNAUTHENTICATED,
    UNKNOWN_TENANT,
    CloseCode,
    malformed,
)
from adapter.credentials import Key
from adapter.errors import Forbidden, ScreenpopError, Unauthenticated
from adapter.greetings import Greeting
from adapter.hub import Panel, monotonic
from adapter.messages import Hello
from adapter.seldom import Seldom
from adapter.services import Services
from adapter.store.sessions import StoredSession
from adapter.tenants import Agent, Tenant
from adapter.web import addresses, embedding, panel_sessions

log = structlog.get_logger()

PATH = "/v1/feed"
PANEL_PROTOCOL = Subprotocol("screenpop.v1")
READ_PROTOCOL = Subprotocol("cloudevents.json")
_FROM_KEY = "key "
_foreign = Seldom()


class _Shape(NamedTuple):
    """What a text must be, for us and for its writer."""

    pattern: re.Pattern[str]
    words: str


_SEQUENCE = _Shape(re.compile(r"[0-9]{1,18}\Z"), "1 to 18 digits")
_PANEL = _Shape(re.compile(r"[A-Za-z0-9._:-]{1,64}\Z"), "1 to 64 of A-Z a-z 0-9 . _ : -")
_EPOCH = _Shape(re.compile(r"[A-Za-z0-9._~-]{1,64}\Z"), "1 to 64 of A-Z a-z 0-9 . _ ~ -")
"""What needs no quoting in a URL (RFC 3986, 2.3): an epoch that is not ours may look different."""


class Refused(ScreenpopError):
    """The handshake or hello is refused with a close code."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code.reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Access:
    """What a handshake asked for and was granted."""

    tenant: Tenant
    after: int | None
    epoch: str | None
    """The epoch of `after`, if the client says it."""
    panel: str | None
    speaks: bool
    """Whether its control messages are read (`screenpop.v1`), and it may own pops."""
    agent_known: bool = False
    """False if a hello with a ticket must still say who it is."""
    agent: Agent | None = None
    """None on a wallboard too."""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Greeted:
    """What a hello was granted."""

    agent: Agent
    key: str | None
    session: bytes | None
    expires: datetime
    """When the session ends, and the feed with it."""
    welcome: bytes
    unkept: StoredSession | None
    """The session, if it is new: it must be stored before the welcome is sent."""


def check(services: Services, path: str, headers: Headers, subprotocol: str | None) -> Access:
    """Check a handshake.

    Raises:
        Refused: with the close code to use.
    """
    split = _split(path)
    host = _one(headers, "Host") or ""
    tenant = services.registry.tenant_of_host(host)
    if split.path != PATH or tenant is None:
        raise Refused(UNKNOWN_TENANT)
    origin = _one(headers, "Origin")
    if origin is not None and not addresses.is_own_origin(services.settings, origin, host):
        if (untold := _foreign.due()) is not None:
            log.info("feed refused: foreign origin", origin=origin[:200], untold=untold)
        raise Refused(FORBIDDEN)
    if subprotocol is None and headers.get_all("Sec-WebSocket-Protocol"):
        raise Refused(malformed(f"none of {PANEL_PROTOCOL}, {READ_PROTOCOL} is offered"))
    query = parse_qs(split.query, keep_blank_values=True)
    after = _matching(_SEQUENCE, query, "after")
    epoch = _matching(_EPOCH, query, "epoch")
    panel = _matching(_PANEL, query, "panel")
    speaks = subprotocol == PANEL_PROTOCOL
    secret = _secret(headers)
    place = None if after is None else int(after)
    if secret is None:
        # No Origin means not a browser; a browser's credential comes in the first message.
        if origin is None or not speaks:
            raise Refused(UNAUTHENTICATED)
        return Access(tenant, place, epoch, panel, speaks)
    key = _key(services, tenant, secret)
    agent = _agent(services, tenant, query)
    return Access(tenant, place, epoch, panel, speaks, agent_known=True, agent=agent, key=key.id)


def greet(services: Services, tenant: Tenant, hello: Hello) -> Greeted:
    """Check the ticket of a hello; a ticket made by a key starts a session, yet to be stored.

    Raises:
        Refused: the ticket is wrong, used or too old.
        StoreUnavailable: the session cannot be read.
    """
    ticket = services.tickets.redeem(hello.ticket or "", now=monotonic())
    if ticket is None or ticket.agent.tenant != tenant:
        raise Refused(UNAUTHENTICATED)
    check_panel(hello)
    bearer = None
    if ticket.session is not None:
        session = _session(services, tenant, ticket.session)
    else:
        bearer = credentials.new_bearer()
        now = datetime.now(UTC)
        session = StoredSession(
            digest=credentials.digest(bearer),
            tenant=tenant,
            agent=ticket.agent.id,
            embedder=embedding.bound_to(hello.ancestors),
            origin=f"{_FROM_KEY}{ticket.key}",
            created=now,
            expires=now + timedelta(hours=services.settings.session_hours),
        )
    welcome = messages.welcome(
        agent=ticket.agent.id,
        panel=hello.panel,
        tenant=tenant,
        version=__version__,
        epoch=services.subscriptions.epoch,
        session=bearer,
        expires=session.expires,
    )
    if hello.panel is not None:
        services.greetings.note(
            ticket.agent, hello.panel, Greeting(datetime.now(UTC), hello.version)
        )
    # A session that a key began ends with the key, and so do its feeds.
    key = session.origin.removeprefix(_FROM_KEY) if session.origin.startswith(_FROM_KEY) else None
    unkept = session if bearer is not None else None
    return Greeted(ticket.agent, key, session.chain, session.expires, welcome, unkept)


def check_panel(hello: Hello, *, known: Panel | None = None) -> None:
    """Check the panel's id that a hello gives, unless it is the one that the server has told.

    Raises:
        Refused: it is malformed.
    """
    if hello.panel is None or (known is not None and hello.panel == known.id):
        return
    if not _PANEL.pattern.match(hello.panel):
        raise Refused(malformed(f"hello.panel: expected {_PANEL.words}"))


def welcome_key(
    services: Services, tenant: Tenant, agent: Agent | None, panel: Panel | None
) -> bytes:
    """Answer the hello of a client that was already let in by its key."""
    return messages.welcome(
        agent=agent.id if agent else "*",
        panel=panel.id if panel else None,
        tenant=tenant,
        version=__version__,
        epoch=services.subscriptions.epoch,
        session=None,
        expires=None,
    )


def _session(services: Services, tenant: Tenant, chain: bytes) -> StoredSession:
    found = panel_sessions.of_chain(services, tenant, chain)
    if found is None:
        raise Refused(UNAUTHENTICATED)
    return found.session


def _split(path: str) -> SplitResult:
    try:
        return urlsplit(path)
    except ValueError as error:  # as in `//[`
        raise Refused(malformed("the address")) from error


def _key(services: Services, tenant: Tenant, secret: str) -> Key:
    try:
        key = services.registry.check_key(tenant, secret, "feed")
    except Forbidden as error:
        raise Refused(FORBIDDEN) from error
    except Unauthenticated as error:
        raise Refused(UNAUTHENTICATED) from error
    services.key_uses.note(key.id, datetime.now(UTC))
    return key


def _agent(services: Services, tenant: Tenant, query: dict[str, list[str]]) -> Agent | None:
    named = query.get("agent", [])
    if len(named) != 1 or not named[0].strip() or len(named[0]) > 512:  # noqa: PLR2004
        raise Refused(malformed("agent: expected once, 1 to 512 characters or *"))
    return None if named[0] == "*" else services.registry[tenant].agent(named[0])


def _matching(shape: _Shape, query: dict[str, list[str]], name: str) -> str | None:
    values = query.get(name, [])
    if not values:
        return None
    if len(values) != 1 or not shape.pattern.match(values[0]):
        raise Refused(malformed(f"{name}: expected once, {shape.words}"))
    return values[0]


def _secret(headers: Headers) -> str | None:
    try:
        return credentials.presented(_one(headers, "Authorization"), _one(headers, "X-Api-Key"))
    except Unauthenticated as error:
        raise Refused(UNAUTHENTICATED) from error


def _one(headers: Headers, name: str) -> str | None:
    values = headers.get_all(name)
    if len(values) > 1:
        raise Refused(malformed(f"{name} is given twice"))
    return values[0] if values else None
