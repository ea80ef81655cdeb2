"""Take latency and saturation by turns: the reference and ours run at once, asked one by one.

How fast one and the same server is changes within seconds with what the machine's host does, by
half and more. What is measured minutes apart is measured on two machines, so to speak; of turns
seconds apart the median of the ratios says more.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from bench.contenders import REFERENCE, Contender
from bench.load import Figures, Load
from bench.rounds import AT_ONCE, FAULTS, Plan, Run, running

OPEN: Final = ("p50", "p99", "cpu_per_10k")
"""Read of each turn at a fixed rate; the first two in microseconds, the last in seconds."""
READ: Final = (*OPEN, "rate", "noise")
"""And at saturation, in events a second; the last of both, in cores."""
CONNECTIONS: Final = 64
"""At saturation."""


def take(contenders: Sequence[Contender], plan: Plan) -> Figures:
    """Give what each contender had in each turn: `{name: {"p50": [...], ...}}`.

    Raises RuntimeError where a contender lost, doubled or refused an event.
    """
    found: Figures = {each.name: {name: [] for name in READ} for each in contenders}
    with ExitStack() as stack:
        pairs = {each.name: _connected(stack, each, plan) for each in contenders}
        _know_each_other([run for run, _load in pairs.values()])
        # Saturation last: it leaves work behind it, rows, index and checkpoints.
        for turn in (_at_a_rate, _saturated):
            for _ in range(plan.turns):
                for name in random.sample(list(pairs), len(pairs)):
                    for read, figure in turn(*pairs[name], plan).items():
                        found[name][read].append(figure)
        for name, (run, _load) in pairs.items():
            if wrong := {x: run.faults[x] for x in FAULTS if x != "posted" and run.faults[x]}:
                raise RuntimeError(f"{name}: {wrong}")
    return found


def ratios(found: Figures, name: str, read: str) -> list[float]:
    """Give a contender's ratio to the reference in each turn, the least first."""
    pairs = zip(found[name][read], found[REFERENCE][read], strict=True)
    return sorted(mine / reference for mine, reference in pairs)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Give the quarter, the middle and the three quarters."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def noise(extras: Figures) -> list[float]:
    """List the cores that others used, for each turn of a run that has any."""
    return [cores for each in extras.get("turns", {}).values() for cores in each["noise"]]


def _connected(stack: ExitStack, contender: Contender, plan: Plan) -> tuple[Run, Load]:
    run = stack.enter_context(running(contender, plan))
    load = run.load(run.setup.load)
    stack.callback(load.close)
    load.do(f"connect {run.plan.panels} {AT_ONCE}")
    return run, load


def _know_each_other(runs: Sequence[Run]) -> None:
    """Take what the waiting servers use for no noise: their panels answer pings."""
    everybody = [pid for run in runs for pid in (run.server.pid, *run.company)]
    for run in runs:
        run.company[:] = [pid for pid in everybody if pid != run.server.pid]


def _at_a_rate(run: Run, load: Load, plan: Plan) -> Figures:
    figures = run.phase(load, f"open {plan.rates[-1]} {plan.turn_seconds} {plan.turn_warm}")
    return {name: figures[name] for name in (*OPEN, "noise")}


def _saturated(run: Run, load: Load, plan: Plan) -> Figures:
    figures = run.phase(load, f"sat {CONNECTIONS} {plan.turn_seconds} {plan.turn_warm}")
    return {name: figures[name] for name in ("rate", "noise")}
