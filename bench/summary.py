"""Turn the rounds' figures into medians, spreads and ratios to the reference of the same round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.contenders import REFERENCE
from bench.load import Figures
from bench.rounds import FAULTS

Round = dict[str, list[Figures]]
"""The figures of each contender in one round; the reference has two."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: its name, how it is read from `Figures`, and how it is written."""

    name: str
    unit: str
    read: Callable[[Figures], Any]
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one contender over all rounds."""

    median: float
    least: float
    most: float
    ratio: float | None
    """Median over the rounds of the ratio to whom it is measured against, in that round."""


def rows(rates: Sequence[int]) -> list[Row]:
    """List the figures in the order of the table."""
    latency = [
        Row(f"{part} at {rate}/s", "µs", lambda f, r=rate, p=part: f[f"open_{r}"][p])  # type: ignore[misc]
        for rate in rates
        for part in ("p50", "p90", "p99", "max")
    ]
    return [
        Row("saturation", "events/s", lambda f: f["saturation"]["rate"]),
        *latency,
        Row(
            f"CPU for 10,000 events at {rates[-1]}/s",
            "s",
            lambda f: f[f"open_{rates[-1]}"]["cpu_per_10k"],
            2,
        ),
        Row(
            "CPU for 10,000 events at saturation", "s", lambda f: f["saturation"]["cpu_per_10k"], 2
        ),
        Row("memory per idle panel", "KiB", lambda f: f["kib_per_panel"], 1),
        Row("one event to all, last socket", "ms", lambda f: f["to_all_ms"], 1),
        Row("connects", "panels/s", lambda f: f["connects_per_second"]),
        Row("idle CPU with pings", "% of a core", lambda f: f["idle_cpu_percent"], 2),
    ]


def cell(row: Row, name: str, rounds: Sequence[Round], against: str = REFERENCE) -> Cell | None:
    """Summarise one figure of one contender; None where it was not taken."""
    values: list[float] = []
    ratios: list[float] = []
    for each in rounds:
        mine = _values(row, each.get(name, []))
        values += mine
        reference = _values(row, each.get(against, []))
        if mine and reference and statistics.median(reference):
            ratios.append(statistics.median(mine) / statistics.median(reference))
    if not values:
        return None
    ratio = statistics.median(ratios) if ratios else None
    return Cell(statistics.median(values), min(values), max(values), ratio)


def faults(name: str, rounds: Sequence[Round]) -> dict[str, int]:
    """Count what a contender did wrong, over all rounds."""
    total = dict.fromkeys(FAULTS, 0)
    for figures in (one for each in rounds for one in each.get(name, [])):
        for fault in total:
            total[fault] += figures.get("faults", {}).get(fault, 0)
    return total


def noise(rounds: Sequence[Round]) -> list[float]:
    """List the cores that others used, for each phase that was kept."""
    return sorted(
        value
        for each in rounds
        for several in each.values()
        for figures in several
        for value in figures.get("noise", [])
    )


def _values(row: Row, several: Sequence[Figures]) -> list[float]:
    found = []
    for figures in several:
        try:
            found.append(float(row.read(figures)))
        except KeyError:  # not taken in this round
            continue
    return found
