"""Take the figures that only our server has: crash and resume, many domain rules."""

from __future__ import annotations

import time

from bench import ours
from bench.contenders import Contender
from bench.load import Figures
from bench.rounds import AT_ONCE, Plan, running

STORM_AT_ONCE = 1_000
CRASH_AFTER = 2.0
"""Seconds of posting before the server is killed."""


def storm(contender: Contender, plan: Plan) -> Figures:
    """Kill the server while events come; count what its panels miss when all are back."""
    with running(contender, plan) as run:
        load = run.load(run.setup.load)
        try:
            load.do(f"connect {run.plan.panels} {STORM_AT_ONCE}")
            load.begin(f"storm {plan.storm_rate} {plan.storm_seconds}")
            time.sleep(CRASH_AFTER)
            started = time.monotonic()
            run.restart()
            down = time.monotonic() - started
            return {**load.result(), "restart_seconds": down}
        finally:
            load.close()


def rules(contender: Contender, plan: Plan, count: int) -> Figures:
    """Measure with that many domain rules: start of the server, memory, latency, the page."""
    figures: Figures = {}
    rate = plan.rates[-1]
    # So many rules make a header that no proxy carries, which is refused but for this limit.
    env = {"SCREENPOP_CSP_LIMIT": "1000000"}
    with running(contender, plan, env=env) as run:
        ours.set_domains(run.setup.env, count)
        time.sleep(2)
        figures["mib"] = run.server.memory() / 1024
        load = run.load(run.setup.load)
        try:
            load.do(f"connect 1000 {AT_ONCE}")
            figures["open"] = run.phase(load, f"open {rate} {plan.seconds} {plan.warm}")
            figures["pages_per_second"] = load.do(f"get / 16 {plan.seconds}")["rate"]
        finally:
            load.close()
    return figures
