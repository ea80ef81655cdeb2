"""Measure what well-behaved agents suffer from others: slow readers, a flood, a slow Dynamics.

What they have alone is measured again between any two of these, and its median is what the others
are held against: it changes with the journal's age and with the machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Final

from bench import dynamics
from bench.contenders import Contender
from bench.load import Figures, Load
from bench.rounds import AT_ONCE, Plan, Run, running

SLOW_WALLBOARDS: Final = 20
FLOOD_CONNECTIONS: Final = 64
LIMIT: Final = 2_000
"""Events a second that a key may send where the flood is limited. What a server allows unless it is
told otherwise is more than one core takes."""
SLOW_SECONDS: Final = 5.0
"""Until a slow Dynamics answers."""
CALLS: Final = 40
"""Events a second of the agents whose contacts leave records in Dynamics: two a contact."""
CALLERS: Final = 50
"""Those agents."""
TURNS: Final = 3
"""Of nobody's, a quick and a slow Dynamics, one after the other."""
MIDDLED: Final = ("p50", "p99", "noise")
"""Of figures that were taken several times, what is read."""


def isolation(contender: Contender, plan: Plan) -> Figures:
    """Give the latency of agents alone, beside slow readers, and beside floods."""
    figures = _without_limits(contender, plan)
    env = {"SCREENPOP_RATE_LIMIT": str(LIMIT)}
    with running(contender, plan, env=env) as run:
        load = run.load(run.setup.load)
        try:
            load.do(f"connect {run.plan.panels} {AT_ONCE}")
            _beside_flood(run, load, run.setup.other_source or [], figures, "refused_flood")
        finally:
            load.close()
    return figures


def _without_limits(contender: Contender, plan: Plan) -> Figures:
    figures: Figures = {}
    with running(contender, plan) as run:
        slow = run.load(run.setup.wallboard or [])
        load = run.load(run.setup.load)
        try:
            slow.do(f"connect {SLOW_WALLBOARDS} {SLOW_WALLBOARDS}")
            load.do(f"connect {run.plan.panels} {AT_ONCE}")
            alone = [run.phase(load, _agents(plan))]
            slow.do(f"slow {SLOW_WALLBOARDS}")
            figures["slow_readers"] = run.phase(load, _agents(plan))
            alone.append(run.phase(load, _agents(plan)))
            _beside_flood(run, load, run.setup.other_source or [], figures, "flood")
            alone.append(run.phase(load, _agents(plan)))
            _beside_flood(run, load, run.setup.load, figures, "own_flood")
            figures["alone"] = _middle(alone)
        finally:
            slow.close()
            load.close()
    return figures


def _beside_flood(run: Run, load: Load, options: list[str], figures: Figures, name: str) -> None:
    plan = run.plan
    flood = run.load([*options, "--prefix", name[0]], measures=False)
    try:
        flood.begin(f"sat {FLOOD_CONNECTIONS} {plan.seconds + plan.warm + 2} 0")
        time.sleep(1)
        figures[name] = run.phase(load, _agents(plan))
        result = flood.result()
        figures[f"{name}_rate"] = result["rate"]
        figures[f"{name}_refused"] = result["failed"]
    finally:
        flood.close()


def slow_dynamics(contender: Contender, plan: Plan) -> Figures:
    """Give the latency of agents while others' contacts leave records in Dynamics.

    Steps are in force and by turns nobody has anything for it, it answers at once, it answers after
    `SLOW_SECONDS`. A phase before tells what steps cost.
    """
    figures: Figures = {}
    with dynamics.running() as simulated, running(contender, plan, env=simulated.trust()) as run:
        run.company.append(simulated.pid)
        load = run.load(run.setup.load)
        calls = run.load([*run.setup.load, "--prefix", "d", "--stages", dynamics.STAGES])
        taken: dict[str, list[Figures]] = {"alone": [], "dynamics": [], "slow_dynamics": []}
        try:
            load.do(f"connect {run.plan.panels} {AT_ONCE}")
            calls.do(f"connect {CALLERS} {CALLERS}")
            figures["without_steps"] = run.phase(load, _agents(plan))
            simulated.connect(run.setup.env)
            for _ in range(TURNS):
                taken["alone"].append(run.phase(load, _agents(plan)))
                taken["dynamics"].append(_beside(run, load, calls, plan))
                simulated.answer_after(SLOW_SECONDS)
                taken["slow_dynamics"].append(_beside(run, load, calls, plan))
                simulated.answer_after(0)
                time.sleep(SLOW_SECONDS + 1)  # what it has been asked already, and what waits
            figures["asked"] = simulated.asked()
        finally:
            load.close()
            calls.close()
    return figures | {name: _middle(each) for name, each in taken.items()}


def _middle(taken: Sequence[Figures]) -> Figures:
    return {name: statistics.median(each[name] for each in taken) for name in MIDDLED}


def _agents(plan: Plan) -> str:
    return f"open {plan.rates[-1]} {plan.seconds} {plan.warm}"


def _beside(run: Run, load: Load, calls: Load, plan: Plan) -> Figures:
    """Take the agents' phase while the others' contacts go on; a second of those goes before."""
    calls.begin(f"open {CALLS} {plan.seconds + plan.warm + 2} 0")
    time.sleep(1)
    figures = run.phase(load, _agents(plan))
    calls.result()
    return figures
