"""Examine a text of domain rules before it is saved: what is wrong, what is odd, who loses out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from adapter.domains import Caution, Decision, DomainRules, Problem, RuleError
from adapter.errors import InvalidSettings


@dataclass(frozen=True, slots=True)
class Embedded:
    """A session of a panel: the pages around it (the nearest first), whose it is, if it is open."""

    around: tuple[str, ...]
    agent: str
    connected: bool
    seen: datetime


@dataclass(frozen=True, slots=True)
class CutOff:
    """A page that shows the panel now and no longer would, with its agents."""

    origin: str
    agents: tuple[str, ...]
    connected: int
    """How many of its panels are open now."""
    seen: datetime


@dataclass(frozen=True, slots=True)
class Findings:
    """What a text would do; without `problems` it can be saved.

    With problems, `warnings` and `decision` are those of the good lines.
    """

    text: str
    problems: tuple[Problem, ...] = ()
    fault: str = ""
    """What is wrong with the text as a whole."""
    warnings: tuple[Caution, ...] = ()
    header: str = ""
    header_bytes: int = 0
    rules: int = 0
    tried: str = ""
    decision: Decision | None = None
    cut_off: tuple[CutOff, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the text can be saved."""
        return not self.problems and not self.fault


def examine(
    text: str,
    *,
    in_force: DomainRules,
    panels: Iterable[Embedded],
    header_limit: int,
    tried: str = "",
) -> Findings:
    """Examine a text; `tried` is an origin to decide by it."""
    try:
        rules = DomainRules.parse(text)
    except RuleError as error:
        good = _without(text, {each.line for each in error.problems})
        return Findings(
            text,
            problems=error.problems,
            warnings=good.warnings,
            tried=tried,
            decision=good.explain(tried) if tried else None,
        )
    fault = ""
    try:
        rules.require_header_fits(header_limit)
    except InvalidSettings as error:
        fault = str(error)
    return Findings(
        text,
        fault=fault,
        warnings=rules.warnings,
        header=f"frame-ancestors {rules.frame_ancestors()}",
        header_bytes=rules.header_bytes(),
        rules=len(rules),
        tried=tried,
        decision=rules.explain(tried) if tried else None,
        cut_off=cut_off(in_force, rules, panels),
    )


def _without(text: str, bad: set[int]) -> DomainRules:
    """Read the good lines of a text, each at its place."""
    lines = text.split("\n")
    return DomainRules.parse(
        "\n".join("" if number in bad else line for number, line in enumerate(lines, 1))
    )


def cut_off(
    before: DomainRules, after: DomainRules, panels: Iterable[Embedded]
) -> tuple[CutOff, ...]:
    """List the pages that the rules before admit and those after refuse, the busiest first."""
    lost: dict[str, list[Embedded]] = {}
    for panel in panels:
        for origin in panel.around:
            if before.allows(origin) and not after.allows(origin):
                lost.setdefault(origin, []).append(panel)
    found = [
        CutOff(
            origin,
            tuple(sorted({each.agent for each in group})),
            sum(each.connected for each in group),
            max(each.seen for each in group),
        )
        for origin, group in lost.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.connected, each.origin)))
