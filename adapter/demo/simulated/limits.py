"""Apply Dataverse's service protection limits, per user over a sliding window.

Microsoft, "Service protection API limits": 6,000 requests and 1,200 s of execution in 300 s, 52
requests at once. Requests that keep coming while refused make `Retry-After` longer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from adapter.demo.simulated.dataverse.refusals import (
    TOO_MANY_AT_ONCE,
    TOO_MANY_REQUESTS,
    TOO_MUCH_TIME,
    Refusal,
)


@dataclass(slots=True)
class Bounds:
    """The limits; `window` and `execution` in seconds."""

    requests: int = 6000
    execution: float = 1200.0
    concurrent: int = 52
    window: float = 300.0


@dataclass(slots=True)
class _Use:
    starts: deque[float] = field(default_factory=deque)
    spent: deque[tuple[float, float]] = field(default_factory=deque)
    running: int = 0
    refused: int = 0
    most_at_once: int = 0


class Limits:
    """What each user has used. Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self.bounds = Bounds()
        self._users: dict[str, _Use] = {}

    def enter(self, user: str, now: float) -> dict[str, str]:
        """Count a request that begins and give the headers that tell what is left.

        Raises a 429 with `Retry-After`. Every `enter` that returns needs a `leave`.
        """
        use = self._users.setdefault(user, _Use())
        _forget(use, now - self.bounds.window)
        if use.running >= self.bounds.concurrent:
            raise self._refuse(
                use,
                TOO_MANY_AT_ONCE,
                f"Number of concurrent requests exceeded the limit of {self.bounds.concurrent}.",
                1,
            )
        if len(use.starts) >= self.bounds.requests:
            wait = use.starts[0] + self.bounds.window - now
            raise self._refuse(
                use,
                TOO_MANY_REQUESTS,
                f"Number of requests exceeded the limit of {self.bounds.requests} over time "
                f"window of {self.bounds.window:g} seconds.",
                wait,
            )
        total = sum(seconds for _, seconds in use.spent)
        if total >= self.bounds.execution:
            raise self._refuse(
                use,
                TOO_MUCH_TIME,
                "Combined execution time of incoming requests exceeded limit of "
                f"{self.bounds.execution * 1000:,.0f} milliseconds over time window of "
                f"{self.bounds.window:g} seconds. Decrease number of concurrent requests or "
                "reduce the duration of requests and try again later.",
                use.spent[0][0] + self.bounds.window - now,
            )
        use.refused = 0
        use.starts.append(now)
        use.running += 1
        use.most_at_once = max(use.most_at_once, use.running)
        return {
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(
                self.bounds.requests - len(use.starts)
            ),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{self.bounds.execution - total:,.2f}",
        }

    def leave(self, user: str, began: float, now: float) -> None:
        """Count a request's end."""
        use = self._users.setdefault(user, _Use())
        use.running = max(0, use.running - 1)
        use.spent.append((now, now - began))

    def most_at_once(self) -> int:
        """Give the most requests that any user ran at once, for tests of a client's restraint."""
        return max((use.most_at_once for use in self._users.values()), default=0)

    def clear(self) -> None:
        """Forget what was used; keep the bounds."""
        self._users.clear()

    def _refuse(self, use: _Use, code: str, message: str, wait: float) -> Refusal:
        use.refused += 1
        seconds = max(1, round(wait + 0.5)) + (use.refused - 1)
        return Refusal(429, code, message, {"Retry-After": str(seconds)})


def _forget(use: _Use, before: float) -> None:
    while use.starts and use.starts[0] <= before:
        use.starts.popleft()
    while use.spent and use.spent[0][0] <= before:
        use.spent.popleft()
