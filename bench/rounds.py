"""Measure one contender once: start it, load it, read its clocks, stop it."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from bench import places
from bench.contenders import PING_NEVER, Contender, Setup
from bench.load import Figures, Load
from bench.processes import Server, free_port, others, usage

NOISE_LIMIT = 0.3
"""Cores that others may use in a phase before it is repeated."""
RETRIES = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured and for how long (seconds)."""

    sockets: int = 1000
    rates: tuple[int, ...] = (1000,)
    seconds: float = 5
    warm: float = 1
    saturation: tuple[int, ...] = (64, 256)
    saturation_seconds: float = 4
    broadcasts: int = 5
    storm: bool = False


class Run:
    """One contender while it runs."""

    def __init__(self, setup: Setup, plan: Plan, port: int, name: str, run: str) -> None:
        self.setup, self.plan, self.name, self.run = setup, plan, name, run
        self.port = port
        self.server = self.start()
        self.noise: list[float] = []

    def start(self) -> Server:
        """Start the server (again)."""
        log = places.LOGS / f"{self.name}.log"
        return Server(self.setup.command, port=self.port, log=log, env=self.setup.env)

    def phase(self, load: Load, command: str) -> Figures:
        """Run one phase, again where others were busy meanwhile; adds `cpu_per_10k`, `noise`."""
        for _ in range(RETRIES + 1):
            pids = [*self.server.pids(), load.pid]
            before, cpu = usage(pids), self.server.cpu()
            figures = load.do(command)
            after = usage(pids)
            figures["cpu"] = self.server.cpu() - cpu
            figures["noise"] = others(before, after)
            if figures["noise"] <= NOISE_LIMIT:
                break
        self.noise.append(figures["noise"])
        if figures.get("posted"):
            figures["cpu_per_10k"] = figures["cpu"] / figures["posted"] * 10_000
        return figures


@contextmanager
def running(contender: Contender, plan: Plan, ping: int = PING_NEVER) -> Iterator[Run]:
    """Have a fresh server of a contender."""
    folder = places.DATA / contender.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = free_port()
    run = Run(contender.setup(folder, port, ping), plan, port, contender.name, f"{time.time():.0f}")
    try:
        yield run
    finally:
        run.server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(contender: Contender, plan: Plan) -> Figures:
    """Give all figures of one contender in one round."""
    figures: Figures = {}
    with running(contender, plan) as run:
        _agents(run, figures)
        noise = run.noise
    if "to_all" not in figures:  # a fresh server: the snapshots of wallboards hold all contacts
        with running(contender, plan) as run:
            _wallboards(run, figures)
            noise += run.noise
    figures["noise"] = noise
    return figures


def _agents(run: Run, figures: Figures) -> None:
    plan = run.plan
    load = Load(run.setup.load, port=run.port, run=run.run)
    try:
        time.sleep(0.5)
        empty = run.server.memory()
        connected = load.do(f"connect {plan.sockets} 200")
        figures["connects_per_second"] = connected["rate"]
        figures["connected"] = connected["open"]
        time.sleep(1)
        full = run.server.memory()
        figures["kib_per_panel"] = (full - empty) / plan.sockets
        figures["mib_before"], figures["mib_after"] = empty / 1024, full / 1024
        if run.setup.wallboard is None:
            _to_all(run, load, figures)
        for rate in plan.rates:
            command = f"open {rate} {plan.seconds} {plan.warm}"
            figures[f"open_{rate}"] = run.phase(load, command)
        figures["saturation"] = _saturation(run, load)
    finally:
        load.close()


def _saturation(run: Run, load: Load) -> Figures:
    plan = run.plan
    tried = [
        {**run.phase(load, f"sat {count} {plan.saturation_seconds} {plan.warm}"), "posters": count}
        for count in plan.saturation
    ]
    best = max(tried, key=lambda each: float(each["rate"]))
    return {**best, "all": {each["posters"]: each["rate"] for each in tried}}


def _to_all(run: Run, load: Load, figures: Figures) -> None:
    got = run.phase(load, f"all {run.plan.broadcasts}")
    figures["to_all_ms"] = statistics.median(got["last_ms"])
    figures["to_all"] = got


def _wallboards(run: Run, figures: Figures) -> None:
    load = Load(run.setup.wallboard or [], port=run.port, run=run.run + "w")
    try:
        load.do(f"connect {run.plan.sockets} 200")
        _to_all(run, load, figures)
    finally:
        load.close()


def quick(plan: Plan) -> Plan:
    """Give the shorter plan of daily use."""
    return replace(plan, seconds=4, saturation_seconds=3)


Value = Any
