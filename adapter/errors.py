"""Name everything that can go wrong, in one tree.

::

    ScreenpopError
    ├── MalformedInput          the sender must change the request
    │   ├── UnsupportedMediaType
    │   ├── PayloadTooLarge
    │   └── InvalidSettings     a policy, a rule text or an option that an admin wrote
    ├── Unauthenticated         no credential, or one that is wrong, expired or revoked
    ├── Forbidden               a good credential that may not do this
    ├── NotFound
    ├── Conflict                the state on the server is another than the sender thought
    └── Unavailable             try again later: nothing was acknowledged
        ├── Overloaded
        └── StoreUnavailable

`adapter.web.problems` maps each to an HTTP status (RFC 9457), `adapter.cli` to an exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec


class ScreenpopError(Exception):
    """Any failure that a person outside can read and act on."""


@dataclass(frozen=True, slots=True)
class Place:
    """One thing that is wrong, and where (`at` is a JSON pointer, a line or a field name)."""

    at: str
    detail: str


class MalformedInput(ScreenpopError):
    """The request cannot be understood; `places` names each fault."""

    def __init__(self, detail: str, places: Sequence[Place] = ()) -> None:
        super().__init__(detail)
        self.places = tuple(places)


class UnsupportedMediaType(MalformedInput):
    """The content type is none that this door takes."""


class UnsupportedCoding(UnsupportedMediaType):
    """The body is compressed, or otherwise coded, where it has to be plain."""


class PayloadTooLarge(MalformedInput):
    """The body, batch or nesting is above the limit."""


class InvalidSettings(MalformedInput):
    """What an admin wrote cannot be saved; nothing was changed."""


class Unauthenticated(ScreenpopError):
    """No credential was given, or it is wrong, expired or revoked."""


class Forbidden(ScreenpopError):
    """The credential is good, but may not do this."""


class NotFound(ScreenpopError):
    """There is no such thing in this tenant."""


class Conflict(ScreenpopError):
    """The state on the server is another than the sender thought (HTTP 412 or 409)."""


class Unavailable(ScreenpopError):
    """Try again in `retry_after` seconds: nothing was acknowledged."""

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """More is waiting than this process may hold."""


class StoreUnavailable(Unavailable):
    """The database refuses: the disk is full, the file locked or corrupt."""


FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
)
"""What only a mistake of ours can raise; what the database refuses is none of these."""
