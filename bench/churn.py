"""Let panels come and go for an hour and see that the server neither grows nor gets slower.

`python -m bench.churn [--minutes 60]`
Panels connect, get events, and leave: half with a closing handshake, half without; three of four
come back with `after=`, the fourth with a snapshot. Memory is the server's own (anonymous pages):
files that it maps do not count. In the first minutes SQLite's page cache fills (64 MiB), so a run
that is too short for its warm-up to end says that memory grows: half an hour at least.

The journal grows by half a million events in a quarter of an hour, as in a real centre in a day. An
event must be pushed as fast at the end: whatever looks at all that was ever kept shows up here.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench import install, places, single
from bench.contenders import CONTENDERS
from bench.load import Figures
from bench.rounds import AT_ONCE, FULL, Run, running

TURN_SECONDS: Final = 15.0
"""Between two looks at the memory."""
WARM: Final = 0.25
"""Part of the samples that is not judged: caches fill, the allocator finds its size."""
SLACK_KIB: Final = 2048
"""Growth that is noise: the allocator's steps, events under way when the sample was taken."""
HOURLY_KIB: Final = 8 * 1024
"""Growth in an hour that is let pass. A rate, because a short run of a leak grows by little."""
SLOWER: Final = 1.5
"""By how much the median latency may grow: other programs make it swing, by a third and more."""
FAULTS: Final = ("lost", "doubled", "misdelivered", "failed", "lost_sockets")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What memory did after the warm-up, in KiB."""

    level: float
    """Median of the first third after the warm-up."""
    growth: float
    """By how much the median of the last third is above it."""
    hourly: float
    """What the trend comes to in an hour."""

    @property
    def grows(self) -> bool:
        """Whether it grew by more than noise, and faster than is let pass."""
        return self.growth > SLACK_KIB and self.hourly > HOURLY_KIB


def judge(samples: Sequence[float], interval: float) -> Verdict:
    """Judge memory samples (KiB) that were taken every `interval` seconds from the start.

    The trend is the median of the slopes between all pairs (Theil and Sen), which a few outliers do
    not move. Raises ValueError where fewer than six samples come after the warm-up.
    """
    kept = samples[int(len(samples) * WARM) :]
    third = len(kept) // 3
    if third < 2:
        raise ValueError(f"{len(samples)} samples are too few to judge growth by")
    level = statistics.median(kept[:third])
    growth = statistics.median(kept[-third:]) - level
    pairs = itertools.combinations(enumerate(kept), 2)
    slope = statistics.median((later - sooner) / (b - a) for (a, sooner), (b, later) in pairs)
    return Verdict(level, growth, slope * 3600 / interval)


def slowdown(latencies: Sequence[float]) -> float:
    """Give the median of the last third of latencies as a multiple of the first third's median."""
    third = max(len(latencies) // 3, 1)
    return statistics.median(latencies[-third:]) / statistics.median(latencies[:third])


def main() -> None:
    """Run, print a line a sample, and end with 1 where memory grew or an event was lost."""
    options = _options()
    places.prepare()
    single.begin(places.WORK)
    install.generator()
    contender = next(each for each in CONTENDERS if each.name == options.contender)
    with running(contender, FULL) as run:
        started = time.monotonic()
        samples, latencies, wrong = _churn(run, options)
        interval = (time.monotonic() - started) / max(len(samples), 1)
    verdict = judge(samples, interval)
    print(
        f"after warm-up {verdict.level / 1024:.1f} MiB, growth {verdict.growth / 1024:+.2f} MiB, "
        f"{verdict.hourly / 1024:+.1f} MiB an hour ({HOURLY_KIB / 1024:.0f} are let pass); "
        f"p50 at the end {(slower := slowdown(latencies)):.2f} of that at the beginning; "
        + ", ".join(f"{name} {count}" for name, count in wrong.items())
    )
    if verdict.grows:
        sys.exit("bench: memory grows under churn")
    if slower > SLOWER:
        sys.exit("bench: the server gets slower as its journal grows")
    if any(wrong.values()):
        sys.exit("bench: events or sockets were lost under churn")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.churn", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--panels", type=int, default=5_000)
    parser.add_argument("--turns", type=float, default=100, help="panels a second that leave")
    parser.add_argument("--events", type=float, default=500, help="events a second")
    names = [each.name for each in CONTENDERS]
    parser.add_argument("--contender", default="screenpop-normal", choices=names)
    return parser.parse_args()


def _churn(
    run: Run, options: argparse.Namespace
) -> tuple[list[float], list[float], dict[str, int]]:
    load = run.load(run.setup.load)
    samples: list[float] = []
    latencies: list[float] = []
    wrong = dict.fromkeys(FAULTS, 0)
    try:
        load.do(f"connect {options.panels} {AT_ONCE}")
        until = time.monotonic() + options.minutes * 60
        while time.monotonic() < until:
            left = min(TURN_SECONDS, max(1.0, options.minutes * 60 / 20))
            figures = load.do(f"churn {options.events} {options.turns} {left}")
            samples.append(run.server.memory("Anonymous"))
            latencies.append(figures["p50"])
            for name in wrong:
                wrong[name] += figures[name]
            _tell(samples[-1], figures)
    finally:
        load.close()
    return samples, latencies, wrong


def _tell(memory: float, figures: Figures) -> None:
    names = ("posted", "reconnects", "resent", *FAULTS)
    told = ", ".join(f"{name} {figures[name]}" for name in names)
    latency = f"p50 {figures['p50']:,.0f}, p99 {figures['p99']:,.0f} µs"
    print(f"{memory / 1024:8.2f} MiB  {latency}  {told}", flush=True)


if __name__ == "__main__":
    main()
