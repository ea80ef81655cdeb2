"""Write what only our server is measured in: crash, rules, neighbours, Dynamics, the browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench import turns
from bench.contenders import REFERENCE
from bench.load import Figures
from bench.quantiles import quantile
from bench.tables import table

_FLOODS = {
    "flood": "another source posts as fast as it can, below its limit",
    "own_flood": "the same source does",
    "refused_flood": "another source does, of which most is refused by its limit",
}


_BY_TURNS: Final = {
    "p50, µs": ("p50", 0),
    "p99, µs": ("p99", 0),
    "CPU for 10,000 events, s": ("cpu_per_10k", 2),
    "saturation, events/s": ("rate", 0),
}
"""The columns: what is read of a turn, with how many digits."""


def of_ours(extras: Figures) -> list[str]:
    """Give the headings and tables of what was measured."""
    return [
        *_turns(extras.get("turns")),
        *_storm(extras),
        *_rules(extras),
        *_isolation(extras.get("isolation")),
        *_dynamics(extras.get("dynamics")),
        *_browser(extras.get("browser")),
    ]


def _turns(found: Figures | None) -> list[str]:
    if not found:
        return []
    number = len(found[REFERENCE]["p50"])
    lines = [
        [name, *(_quartiles(found, name, read, digits) for read, digits in _BY_TURNS.values())]
        for name in found
    ]
    return [
        "## By turns",
        f"All run at once and are measured one by one, {number} turns.",
        "The median over the turns (quarter..three quarters); in bold, the same of the ratios.",
        table(["", *_BY_TURNS], lines),
    ]


def _quartiles(found: Figures, name: str, read: str, digits: int) -> str:
    low, middle, high = turns.quartiles(found[name][read])
    own = f"{middle:,.{digits}f} ({low:,.{digits}f}..{high:,.{digits}f})"
    if name == REFERENCE:
        return own
    low, middle, high = turns.quartiles(turns.ratios(found, name, read))
    return f"{own} **{middle:.2f}** ({low:.2f}..{high:.2f})"


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


def _isolation(found: Figures | None) -> list[str]:
    if not found:
        return []
    return [
        "## Bad neighbours",
        _beside(found, ("alone", "slow_readers", *_FLOODS)),
        *(
            f"{name.replace('_', ' ').capitalize()}: {about}; "
            f"{found[f'{name}_rate']:,.0f} events/s, {found[f'{name}_refused']:,} refused."
            for name, about in _FLOODS.items()
        ),
    ]


def _dynamics(found: Figures | None) -> list[str]:
    if not found:
        return []
    return [
        "## A slow Dynamics",
        _beside(found, ("without_steps", "alone", "dynamics", "slow_dynamics")),
        "Lifecycle steps are in force, but for the first line.",
        "Other agents' contacts leave records in Dynamics, which answers at once, or after 5 s.",
        "Medians of turns; alone, nobody has anything for Dynamics.",
        f"It was asked for {found['asked']:,} records.",
    ]


def _beside(found: Figures, names: Sequence[str]) -> str:
    alone = found["alone"]
    lines = [
        [
            name.replace("_", " "),
            f"{one['p50']:.0f}",
            f"{one['p50'] / alone['p50']:.2f}",
            f"{one['p99']:.0f}",
            f"{one['p99'] / alone['p99']:.2f}",
            f"{one['noise']:.2f}",
        ]
        for name in names
        if (one := found[name])
    ]
    head = ["beside", "p50, µs", "p50 / alone", "p99, µs", "p99 / alone", "noise, cores"]
    return table(head, lines)


def _browser(found: Figures | None) -> list[str]:
    if not found:
        return []
    lines = [
        ["first load, compressed, KiB", f"{found['kib'] - found['kib_of_heads']:.1f}", ""],
        ["the same with the answers' heads, KiB", f"{found['kib']:.1f}", ""],
        ["its requests", str(found["requests"]), ""],
        ["other hosts asked", str(found["other_hosts"]), ""],
    ]
    for name, key in (
        ("ringing card on the screen after the message, ms", "card_ms"),
        ("the first card after a load, ms", "first_card_ms"),
        ("the frame after it begun, ms", "frames_ms"),
        ("ringing card on the screen after the navigation, ms", "from_navigation_ms"),
    ):
        if not (values := found.get(key, [])):
            continue  # of a run before it was measured
        lines.append([name, f"{quantile(values, 0.5):.0f}", f"{quantile(values, 0.95):.0f}"])
    return [
        "## The panel in Chromium, processor throttled 4 times",
        table(["", "p50", "p95"], lines),
    ]
