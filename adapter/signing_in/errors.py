"""Name why a sign-in failed, in words for the person, each with a code that the panel knows."""

from __future__ import annotations

from adapter.errors import ScreenpopError

UNAVAILABLE = "unavailable"
"""The provider cannot be asked just now: trying again may help."""
REFUSED = "refused"
"""The provider said no: to us (a wrong secret) or to the person (access_denied is `denied`)."""
DENIED = "denied"
WRONG_TOKEN = "wrong-token"  # noqa: S105 - a code
"""What the provider sent does not prove who it is."""
WRONG_DIRECTORY = "wrong-directory"
REVOKED = "revoked"
NOT_SET_UP = "not-set-up"
CANCELLED = "cancelled"

REASONS = (
    *(UNAVAILABLE, REFUSED, DENIED, WRONG_TOKEN, WRONG_DIRECTORY, REVOKED, NOT_SET_UP, CANCELLED),
)


class SignInError(ScreenpopError):
    """A sign-in that did not come to its end; `reason` is one of `REASONS`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
