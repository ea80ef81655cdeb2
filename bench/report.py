"""Write the results: a page of tables for people, and everything as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench import places, summary
from bench.contenders import FLOOR
from bench.load import Figures
from bench.rounds import Plan
from bench.summary import Cell, Round, Row
from bench.tables import table

HOW_TO_READ = (
    "Median (least..most of single runs) and, in bold, the ratio to the reference in the same "
    "round. `bench/README.md` says how to read it."
)


@dataclass(frozen=True, slots=True)
class Results:
    """All that one run of the bench found."""

    at: datetime
    plan: Plan
    contenders: Sequence[str]
    rounds: Sequence[Round]
    extras: Figures
    about: dict[str, dict[str, str]]


def page(results: Results) -> str:
    """Give the results as Markdown."""
    plan, rounds = results.plan, results.rounds
    number = f"{len(rounds)} round{'' if len(rounds) == 1 else 's'}"
    parts = [
        f"# {results.at:%Y-%m-%d %H:%M} UTC, {plan.panels:,} panels, {number}",
        HOW_TO_READ,
        _figures(results),
        _generator(rounds),
        "## Lost, doubled, astray",
        _faults(results),
        *_storm(results.extras),
        *_rules(results.extras),
        *_isolation(results.extras),
        "## Noise",
        _noise(rounds),
        "## Machine and versions",
        "\n".join(
            f"* {name}: {value}"
            for group in results.about.values()
            for name, value in group.items()
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def save(results: Results, text: str, *, quick: bool) -> Path:
    """Write both files; give the page's path."""
    places.RESULTS.mkdir(exist_ok=True)
    path = places.RESULTS / f"{results.at:%Y-%m-%d-%H%M}{'-quick' if quick else ''}.md"
    path.write_text(text)
    everything = dataclasses.asdict(results)
    path.with_suffix(".json").write_text(json.dumps(everything, indent=1, default=str) + "\n")
    return path


def _figures(results: Results) -> str:
    lines = []
    for row in summary.rows(results.plan.rates):
        cells = [summary.cell(row, name, results.rounds) for name in results.contenders]
        if any(cells):
            lines.append([f"{row.name}, {row.unit}", *(_cell(row, each) for each in cells)])
    return table(["", *results.contenders], lines)


def _cell(row: Row, cell: Cell | None) -> str:
    if cell is None:
        return "-"
    middle, least, most = (f"{x:,.{row.digits}f}" for x in (cell.median, cell.least, cell.most))
    spread = f" ({least}..{most})" if least != most else ""
    ratio = f" **{cell.ratio:.2f}**" if cell.ratio is not None else ""
    return f"{middle}{spread}{ratio}"


def _generator(rounds: Sequence[Round]) -> str:
    shares = [
        one["saturation"]["load_cpu"]
        for each in rounds
        for one in each.get(FLOOR, [])
        if "saturation" in one
    ]
    if not shares:
        return ""
    return f"The generator used {max(shares):.0%} of its core while `{FLOOR}` was saturated."


def _faults(results: Results) -> str:
    found = [(name, summary.faults(name, results.rounds)) for name in results.contenders]
    lines = [[name, *(f"{number:,}" for number in one.values())] for name, one in found]
    return table(["", "posted", "lost", "doubled", "to another agent", "refused"], lines)


def _storm(extras: Figures) -> list[str]:
    lines = [
        [
            *(name, f"{one['posted']:,}", str(one["lost"]), str(one["doubled"])),
            *(str(one["resent"]), f"{one['restart_seconds']:.2f}"),
            *(f"{one['back_seconds']:.2f}", f"{one['caught_up_seconds']:.2f}"),
        ]
        for name, one in extras.get("storm", {}).items()
    ]
    if not lines:
        return []
    head = ["", "posted", "lost", "doubled", "sent again"]
    times = ["server down, s", "all panels back, s", "all caught up, s"]
    return ["## `kill -9` under load; every panel resumes", table([*head, *times], lines)]


def _rules(extras: Figures) -> list[str]:
    lines = [
        [
            *(f"{int(count):,}", f"{one['open']['p50']:.0f}", f"{one['open']['p99']:.0f}"),
            *(f"{one['mib']:.0f}", f"{one['pages_per_second']:,.0f}"),
        ]
        for count, one in extras.get("rules", {}).items()
    ]
    if not lines:
        return []
    head = ["domain rules", "p50, µs", "p99, µs", "server, MiB", "pages a second"]
    return ["## Domain rules", table(head, lines)]


def _isolation(extras: Figures) -> list[str]:
    found = extras.get("isolation")
    if not found:
        return []
    alone = found["alone"]["p99"]
    lines = [
        [
            name.replace("_", " "),
            f"{one['p50']:.0f}",
            f"{one['p99']:.0f}",
            f"{one['p99'] / alone:.2f}",
        ]
        for name in ("alone", "slow_readers", "flood")
        if (one := found[name])
    ]
    return [
        "## Bad neighbours",
        table(["beside", "p50, µs", "p99, µs", "p99 / alone"], lines),
        f"The flood was {found['flood_rate']:,.0f} events/s from one source.",
    ]


def _noise(rounds: Sequence[Round]) -> str:
    used = summary.noise(rounds)
    if not used:
        return "Not measured."
    middle, ninth, most = used[len(used) // 2], used[int(len(used) * 0.9)], used[-1]
    return (
        f"Cores that other processes used in the phases that were kept: median {middle:.2f}, "
        f"p90 {ninth:.2f}, most {most:.2f}. Above 0.3 only ratios mean something, above 1 nothing."
    )
