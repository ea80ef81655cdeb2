"""Say what a run's figures are worth, by the cores that other processes kept busy meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, Literal

from bench.processes import others, usage
from bench.quantiles import quantile

RATIOS_ONLY: Final = 0.3
"""Cores that others used, from which absolute figures mean nothing; a phase is then repeated."""
WORTHLESS: Final = 1.0
"""From which the ratios mean nothing either: the neighbours had the generator's core or ours."""

Worth = Literal["quiet", "ratios only", "worthless"]


def worth(used: Sequence[float]) -> Worth:
    """Judge by the ninth of ten phases, each given by the cores that others used in it.

    Without any phase nothing is known, and nothing is to be quoted.
    """
    if not used:
        return "worthless"
    ninth = quantile(used, 0.9)
    if ninth > WORTHLESS:
        return "worthless"
    return "ratios only" if ninth > RATIOS_ONLY else "quiet"


def sentence(used: Sequence[float]) -> str:
    """Say it as the page does."""
    if not used:
        return "**No phase was measured: there is nothing to quote.**"
    told = (
        "Cores that other processes used in the phases that were kept: "
        f"median {quantile(used, 0.5):.2f}, p90 {quantile(used, 0.9):.2f}, most {max(used):.2f}."
    )
    return {
        "quiet": f"The machine was quiet. {told}",
        "ratios only": f"**The machine was busy: read the ratios alone.** {told}",
        "worthless": f"**THE MACHINE WAS TOO BUSY: THESE FIGURES ARE WORTHLESS.** {told}",
    }[worth(used)]


def before(seconds: float = 2.0) -> float:
    """Give the cores that others keep busy now, before anything of ours runs."""
    first = usage([])
    time.sleep(seconds)
    return others(first, usage([]))
