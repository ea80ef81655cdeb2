"""Sum up how pops went: outcomes, and how long an event took to the open record."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapter.store.figures import PopFigure

UNFINISHED = "unfinished"
"""Counts pops whose panel has not reported yet, or never did."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds that half, 95 % and 99 % of what was measured took at most."""

    count: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The pops of a span of time."""

    pops: int
    outcomes: tuple[tuple[str, int], ...]
    """Outcome and count, the most frequent first."""
    decided: Percentiles | None
    """From the receipt of the event to the decision, stored; None where nothing was measured."""
    opened: Percentiles | None
    """From the receipt of the event to the panel's report that the record is open."""


def figures(pops: Iterable[PopFigure], since: datetime) -> Figures:
    """Sum up the pops made since a moment."""
    chosen = [pop for pop in pops if pop.created >= since]
    outcomes = Counter(pop.outcome or UNFINISHED for pop in chosen)
    return Figures(
        pops=len(chosen),
        outcomes=tuple(sorted(outcomes.items(), key=lambda each: (-each[1], each[0]))),
        decided=percentiles([_ms(pop.received, pop.created) for pop in chosen if pop.received]),
        opened=percentiles(
            [
                _ms(pop.received, pop.finished)
                for pop in chosen
                if pop.received and pop.finished and pop.outcome == "opened"
            ]
        ),
    )


def percentiles(milliseconds: Sequence[float]) -> Percentiles | None:
    """Give the percentiles by nearest rank, so that each is a value that was measured."""
    if not milliseconds:
        return None
    ordered = sorted(milliseconds)
    p50, p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 0.99))
    return Percentiles(len(ordered), p50, p95, p99)


def _ms(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds() * 1000)
