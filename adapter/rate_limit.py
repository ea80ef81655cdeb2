"""Limit how much a second one sender may ask for: a token bucket for each (RFC 2697's idea)."""

from __future__ import annotations

from adapter.errors import Overloaded

MOST = 10_000
"""Buckets kept. Admins make keys and tenants; strangers with many addresses may get here, and then
all start anew."""


class RateLimit:
    """`rate` tokens a second, saved up for one second at most; `refusal` says what was too much."""

    def __init__(self, rate: float, refusal: str = "this key sends too many events") -> None:
        self._rate = rate
        self._refusal = refusal
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str, tokens: int, now: float) -> None:
        """Take tokens; `now` is a monotonic time in seconds.

        Raises:
            Overloaded: with the seconds after which the same request will pass.
        """
        level, since = self._buckets.get(key, (self._rate, now))
        level = min(self._rate, level + (now - since) * self._rate)
        if level < 0:
            wait = max(1, round(-level / self._rate + 0.5))
            raise Overloaded(self._refusal, retry_after=wait)
        if len(self._buckets) >= MOST and key not in self._buckets:
            self._buckets.clear()
        # A batch larger than what is saved up passes and is paid off afterwards.
        self._buckets[key] = (level - tokens, now)
