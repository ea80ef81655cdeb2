"""Limit how much a second one sender may ask for: a token bucket for each (RFC 2697's idea)."""

from __future__ import annotations

from adapter.errors import Overloaded

MOST = 10_000
"""Buckets kept. Admins make keys and tenants; strangers with many addresses may get here, and then
all start anew."""

SAVED = 1.0
"""Seconds whose tokens a bucket holds at most."""


class RateLimit:
    """`rate` tokens a second, saved up for one second at most; `refusal` says what was too much."""

    def __init__(self, rate: float, refusal: str = "this key sends too many events") -> None:
        self._seconds = 1 / rate  # that one token takes to come
        self._refusal = refusal
        self._full: dict[str, float] = {}
        """When each bucket will be full again: the one number that says how full it is now."""

    def take(self, key: str, tokens: int, now: float) -> None:
        """Take tokens; `now` is a monotonic time in seconds.

        Raises:
            Overloaded: with the seconds after which the same request will pass.
        """
        full = self._full.get(key)
        if full is None:
            if len(self._full) >= MOST:
                self._full.clear()
            full = now
        elif full < now:
            full = now
        elif (debt := full - now - SAVED) > 0:
            raise Overloaded(self._refusal, retry_after=max(1, round(debt + 0.5)))
        # A batch larger than what is saved up passes and is paid off afterwards.
        self._full[key] = full + tokens * self._seconds
