"""Take the figures of one contender in one round."""

from __future__ import annotations

import statistics
import time
from typing import Final

from bench.contenders import PING_EVERY, Contender
from bench.load import Figures, Load
from bench.rounds import AT_ONCE, Plan, Run, running

_SETTLE: Final = 1.0
"""Seconds until a server has done what a phase left it to do."""


def everything(contender: Contender, plan: Plan) -> Figures:
    """Give the figures that every contender has."""
    figures: Figures = {}
    with running(contender, plan) as run:
        _panels(run, figures)
        noise, faults = run.noise, run.faults
    if plan.wants("all") and "to_all_ms" not in figures:
        # A server of its own: wallboards begin with a snapshot of all that is open.
        with running(contender, plan) as run:
            _wallboards(run, figures)
            noise += run.noise
    return {**figures, "noise": noise, "faults": faults}


def idle(contender: Contender, plan: Plan) -> Figures:
    """Measure the CPU of panels that only answer pings, in percent of a core."""
    with running(contender, plan, PING_EVERY) as run:
        load = run.load(run.setup.load)
        try:
            load.do(f"connect {run.plan.panels} {AT_ONCE}")
            time.sleep(5)
            cpu, since = run.server.cpu(), time.monotonic()
            time.sleep(plan.idle_seconds)
            used = run.server.cpu() - cpu
            return {"idle_cpu_percent": used / (time.monotonic() - since) * 100}
        finally:
            load.close()


def _panels(run: Run, figures: Figures) -> None:
    plan = run.plan
    load = run.load(run.setup.load)
    try:
        time.sleep(_SETTLE)
        empty = run.server.memory()
        _connect(load, plan, figures)
        time.sleep(_SETTLE)
        full = run.server.memory()
        figures["kib_per_panel"] = (full - empty) / plan.panels
        figures["mib_empty"], figures["mib_full"] = empty / 1024, full / 1024
        if plan.wants("all") and run.setup.wallboard is None:
            _to_all(run, load, figures)
        if plan.wants("latency"):
            for rate in plan.rates:
                command = f"open {rate} {plan.seconds} {plan.warm}"
                figures[f"open_{rate}"] = run.phase(load, command)
        if plan.wants("saturation"):
            figures["saturation"] = _saturation(run, load)
    finally:
        load.close()


def _connect(load: Load, plan: Plan, figures: Figures) -> None:
    connected = load.do(f"connect {plan.panels} {AT_ONCE}")
    if connected["open"] != plan.panels:
        raise RuntimeError(f"only {connected['open']} of {plan.panels} sockets opened")
    figures["connects_per_second"] = connected["rate"]


def _saturation(run: Run, load: Load) -> Figures:
    plan = run.plan
    tried = {
        count: run.phase(load, f"sat {count} {plan.saturation_seconds} {plan.warm}")
        for count in plan.connections
    }
    best = max(tried, key=lambda count: float(tried[count]["rate"]))
    rates = {str(count): each["rate"] for count, each in tried.items()}
    return {**tried[best], "connections": best, "rates": rates}


def _to_all(run: Run, load: Load, figures: Figures) -> None:
    got = run.phase(load, f"all {run.plan.broadcasts}")
    if got["missing"]:
        raise RuntimeError(f"an event to all missed {got['missing']} sockets")
    figures["to_all_ms"] = statistics.median(got["last_ms"])


def _wallboards(run: Run, figures: Figures) -> None:
    load = run.load(run.setup.wallboard or [])
    try:
        _connect(load, run.plan, {})
        _to_all(run, load, figures)
    finally:
        load.close()
