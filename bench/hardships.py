"""Take the figures that only our server has: crash and resume, many rules, bad neighbours."""

from __future__ import annotations

import time

from bench import ours
from bench.contenders import Contender
from bench.load import Figures
from bench.rounds import AT_ONCE, Plan, running

STORM_AT_ONCE = 1_000
CRASH_AFTER = 2.0
"""Seconds of posting before the server is killed."""
SLOW_WALLBOARDS = 20
FLOOD_CONNECTIONS = 64


def storm(contender: Contender, plan: Plan) -> Figures:
    """Kill the server while events come; count what its panels miss when all are back."""
    with running(contender, plan) as run:
        load = run.load(run.setup.load)
        try:
            load.do(f"connect {plan.panels} {STORM_AT_ONCE}")
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


def isolation(contender: Contender, plan: Plan) -> Figures:
    """Measure the latency of well-behaved agents alone, beside slow readers, and beside a flood."""
    command = f"open {plan.rates[-1]} {plan.seconds} {plan.warm}"
    length = plan.seconds + plan.warm + 2
    figures: Figures = {}
    with running(contender, plan) as run:
        slow = run.load(run.setup.wallboard or [])
        load = run.load(run.setup.load)
        flood = run.load([*run.setup.load, "--prefix", "f"])
        try:
            slow.do(f"connect {SLOW_WALLBOARDS} {SLOW_WALLBOARDS}")
            load.do(f"connect {plan.panels} {AT_ONCE}")
            slow_too = run.phase(load, command)
            slow.do(f"slow {SLOW_WALLBOARDS}")
            figures["alone"] = slow_too
            figures["slow_readers"] = run.phase(load, command)
            flood.begin(f"sat {FLOOD_CONNECTIONS} {length} 0")
            figures["flood"] = run.phase(load, command)
            figures["flood_rate"] = flood.result()["rate"]
        finally:
            for each in (slow, load, flood):
                each.close()
    return figures
