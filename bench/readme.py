"""Write README.md's table from the newest result of a whole run: `python -m bench --readme`."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench import noise, places, summary, turns
from bench.contenders import REFERENCE
from bench.load import Figures
from bench.report import PART
from bench.summary import Row
from bench.tables import table

BEGIN: Final = "<!-- bench: begin (python -m bench --readme) -->"
END: Final = "<!-- bench: end -->"

SHOWN: Final = (
    "saturation",
    "p50 at 1000/s",
    "p99 at 1000/s",
    "CPU for 10,000 events at 1000/s",
    "memory per idle panel",
    "one event to all, last socket",
    "connects",
    "idle CPU with pings",
)
"""The rows that a reader of the README wants; the page of the run has all."""
_BY_TURNS: Final = {
    "saturation by turns, events/s": "rate",
    "p50 at 1000/s by turns, µs": "p50",
}
_ABOUT_TURNS: Final = "*By turns*: both run at once and are measured seconds apart. "
NAMES: Final = (
    *("screenpop-normal", "screenpop-full", REFERENCE),
    *("websockets", "node-ws", "python-socketio", "nchan"),
)


def update() -> None:
    """Replace what stands between the markers; ends the program where there is nothing to write."""
    found = newest(places.RESULTS)
    if found is None:
        sys.exit("bench: no result of a whole run yet: make bench")
    text = places.README.read_text()
    written = block(json.loads(found.read_text()), found.with_suffix(".md"))
    places.README.write_text(between(text, written))
    print(f"README.md shows {found.stem}", file=sys.stderr)


def newest(folder: Path) -> Path | None:
    """Give the last whole result; names begin with their date."""
    whole = [each for each in folder.glob("*.json") if not each.stem.endswith(PART)]
    return max(whole, default=None, key=lambda each: each.name)


def between(text: str, block: str) -> str:
    """Give `text` with `block` between the markers; raises ValueError where they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"


def block(results: Mapping[str, Any], page: Path) -> str:
    """Give table and small print of a result, as `report.save` wrote it as JSON."""
    names = [name for name in NAMES if name in results["contenders"]]
    rows = {row.name: row for row in summary.rows(results["plan"]["rates"])}
    lines = [
        [f"{name}, {rows[name].unit}", *cells]
        for name in SHOWN
        if name in rows and any(cells := _cells(rows[name], names, results["rounds"]))
    ]
    if found := results["extras"].get("turns"):
        lines[:0] = [
            [title, *(_by_turns(found, name, read) for name in names)]
            for title, read in _BY_TURNS.items()
            if read in found[REFERENCE]
        ]
    machine = results["about"]["machine"]
    small = (
        f"Median, and in bold the ratio to `{REFERENCE}` (bare Starlette on uvicorn, which checks "
        f"and keeps nothing) in the same round: {results['plan']['panels']:,} panels, "
        f"{_rounds(len(results['rounds']))}, server on one core of {machine['cpu']}, "
        f"{str(results['at'])[:10]}. {_ABOUT_TURNS if found else ''}"
        f"[The whole page](bench/results/{page.name}), "
        "[how to read it](bench/README.md)."
    )
    parts = [table(["", *names], lines), small]
    used = sorted([*summary.noise(results["rounds"]), *turns.noise(results["extras"])])
    if noise.worth(used) != "quiet":
        parts.append(noise.sentence(used))
    return "\n\n".join(parts)


def _cells(row: Row, names: Sequence[str], rounds: Sequence[summary.Round]) -> list[str]:
    found = [summary.cell(row, name, rounds) for name in names]
    return [
        "" if each is None else f"{each.median:,.{row.digits}f} **{each.ratio or 0:.2f}**"
        for each in found
    ]


def _by_turns(found: Figures, name: str, read: str) -> str:
    if name not in found:
        return ""
    ratio = statistics.median(turns.ratios(found, name, read))
    return f"{statistics.median(found[name][read]):,.0f} **{ratio:.2f}**"


def _rounds(count: int) -> str:
    return "one round" if count == 1 else f"{count} rounds"
