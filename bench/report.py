"""Write the results: a page of tables for people, and everything as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench import noise, places, sections, summary, turns
from bench.contenders import CONTENDERS, FLOOR, REFERENCE
from bench.load import Figures
from bench.rounds import FULL, Plan
from bench.summary import Cell, Round, Row
from bench.tables import table

PART = "-quick"
"""Ends the name of a result that is not of a whole run."""

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


def noise_of(results: Results) -> list[float]:
    """List the cores that others used, for each phase of the rounds and for each turn."""
    return sorted([*summary.noise(results.rounds), *turns.noise(results.extras)])


def page(results: Results) -> str:
    """Give the results as Markdown."""
    plan, rounds = results.plan, results.rounds
    number = f"{len(rounds)} round{'' if len(rounds) == 1 else 's'}"
    parts = [
        f"# {results.at:%Y-%m-%d %H:%M} UTC, {plan.panels:,} panels, {number}",
        noise.sentence(noise_of(results)),
        HOW_TO_READ,
        _figures(results),
        _generator(rounds),
        "## Lost, doubled, astray",
        _faults(results),
        *sections.of_ours(results.extras),
        "## Machine and versions",
        "\n".join(
            f"* {name}: {value}"
            for group in results.about.values()
            for name, value in group.items()
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def save(results: Results, text: str, plan: Plan | None) -> Path:
    """Write both files; give the page's path.

    `plan` is the one that was carried out as it stands, with every contender; a run of other
    measures is nobody's record and goes to where everything may be deleted.
    """
    folder = places.PARTS if plan is None else places.RESULTS
    folder.mkdir(exist_ok=True)
    path = folder / f"{results.at:%Y-%m-%d-%H%M}{'' if plan == FULL else PART}.md"
    path.write_text(text)
    everything = dataclasses.asdict(results)
    path.with_suffix(".json").write_text(json.dumps(everything, indent=1, default=str) + "\n")
    return path


def _figures(results: Results) -> str:
    lines = []
    against = {each.name: each.against for each in CONTENDERS}
    for row in summary.rows(results.plan.rates):
        cells = [
            summary.cell(row, name, results.rounds, against.get(name, REFERENCE))
            for name in results.contenders
        ]
        if any(cells):
            lines.append([f"{row.name}, {row.unit}", *(_cell(row, each) for each in cells)])
    others = [
        f"`{name}` is compared with `{against[name]}`."
        for name in results.contenders
        if against.get(name, REFERENCE) != REFERENCE
    ]
    return "\n\n".join([table(["", *results.contenders], lines), *others])


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
