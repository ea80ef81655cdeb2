"""Run one contender: a fresh server on its core, the generator on the other, and their clocks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from bench import noise, places
from bench.contenders import PING_NEVER, Contender, Setup
from bench.load import Figures, Load
from bench.processes import Server, family, free_port, others, usage

FAULTS: Final = ("posted", "lost", "doubled", "misdelivered", "failed")
AT_ONCE: Final = 200
"""Handshakes in flight while panels connect."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured and for how long (seconds)."""

    panels: int
    rounds: int
    rates: tuple[int, ...]
    """Events a second, open loop."""
    seconds: float
    warm: float
    connections: tuple[int, ...]
    """At saturation, each posting its next event when it has its answer; the best counts."""
    saturation_seconds: float
    broadcasts: int
    idle_seconds: float
    storm_rate: float
    storm_seconds: float
    turns: int
    turn_seconds: float
    turn_warm: float
    measures: tuple[str, ...]
    """Of `MEASURES`."""
    retries: int = 1
    """How often a phase is repeated in which others were busy."""

    def wants(self, *names: str) -> bool:
        """Whether one of these is to be measured."""
        return not set(names).isdisjoint(self.measures)


OF_EVERYBODY: Final = ("panels", "all", "latency", "saturation")
OF_OURS: Final = ("storm", "turns")
EXTRAS: Final = ("idle", "rules", "neighbours", "dynamics", "browser")
MEASURES: Final = (*OF_EVERYBODY, *OF_OURS, *EXTRAS)
"""What can be asked for by name. `idle` is of everybody too, in one round."""

_EVERYDAY: Final = (*OF_EVERYBODY, *OF_OURS)
QUICK: Final = Plan(1_000, 1, (1_000,), 4, 1, (64, 256), 3, 5, 50, 300, 6, 8, 3, 1, _EVERYDAY)
FULL: Final = Plan(10_000, 3, (200, 1_000), 8, 2, (64, 256), 4, 7, 50, 300, 20, 16, 4, 1, MEASURES)


class Run:
    """One contender while it runs."""

    def __init__(self, setup: Setup, plan: Plan, port: int, name: str) -> None:
        self.setup, self.plan, self.port = setup, plan, port
        self.noise: list[float] = []
        self.faults = dict.fromkeys(FAULTS, 0)
        """Over all phases, those that were repeated included."""
        self.company: list[int] = []
        """Processes that belong to the measurement: what they use is no noise."""
        self._name = name
        self._loads = 0
        self.server = self._start()

    def load(self, options: list[str], *, measures: bool = True) -> Load:
        """Start a generator; each has events and contacts of its own."""
        self._loads += 1
        run = f"{time.time():.0f}.{self._loads}"
        load = Load(options, port=self.port, run=run, tls=self.setup.tls, measures=measures)
        self.company.append(load.pid)
        return load

    def restart(self) -> None:
        """Kill the server as a crash would, and start it again on the same data."""
        self.server.kill()
        self.server = self._start()

    def phase(self, load: Load, command: str) -> Figures:
        """Run one phase, again where others were busy meanwhile.

        Adds `cpu` (seconds of the server), `kernel` (of the kernel's threads: writeback, for one),
        `noise` (cores that others used) and `cpu_per_10k`.
        """
        for _ in range(self.plan.retries + 1):
            pids = [*self.server.pids(), *(x for pid in self.company for x in family(pid))]
            before, cpu = usage(pids), self.server.cpu()
            figures = load.do(command)
            after = usage(pids)
            for fault in self.faults:
                self.faults[fault] += figures.get(fault, 0)
            figures["cpu"] = self.server.cpu() - cpu
            figures["kernel"] = after.kernel - before.kernel
            figures["noise"] = others(before, after)
            if figures["noise"] <= noise.RATIOS_ONLY:
                break
        self.noise.append(figures["noise"])
        if figures.get("posted"):
            figures["cpu_per_10k"] = figures["cpu"] / figures["posted"] * 10_000
        return figures

    def _start(self) -> Server:
        log = places.LOGS / f"{self._name}.log"
        ports = (self.port, *self.setup.behind)
        return Server(self.setup.command, ports=ports, log=log, env=self.setup.env)


@contextmanager
def running(
    contender: Contender,
    plan: Plan,
    ping: int = PING_NEVER,
    env: Mapping[str, str] | None = None,
) -> Iterator[Run]:
    """Have a fresh server of a contender, with empty data on the disk."""
    folder = places.DATA / contender.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = free_port()
    setup = contender.prepare(folder, port, ping)
    plan = replace(plan, panels=min(plan.panels, contender.most_panels))
    run = Run(replace(setup, env={**setup.env, **(env or {})}), plan, port, contender.name)
    try:
        yield run
    finally:
        run.server.stop()
        shutil.rmtree(folder, ignore_errors=True)
