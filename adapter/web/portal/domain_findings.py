"""Examine a text of domain rules before it is saved: what is wrong, what is odd, who loses out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from adapter.domains import Caution, Decision, DomainRules, Problem, RuleError
from adapter.embedders import Embedder
from adapter.errors import InvalidSettings


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
    cut_off: tuple[Embedder, ...] = ()
    """The pages that show the panel now and no longer would."""

    @property
    def good(self) -> bool:
        """Whether the text can be saved."""
        return not self.problems and not self.fault


def examine(
    text: str,
    *,
    in_force: DomainRules,
    embedders: Iterable[Embedder],
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
        cut_off=cut_off(in_force, rules, embedders),
    )


def _without(text: str, bad: set[int]) -> DomainRules:
    """Read the good lines of a text, each at its place."""
    lines = text.split("\n")
    return DomainRules.parse(
        "\n".join("" if number in bad else line for number, line in enumerate(lines, 1))
    )


def cut_off(
    before: DomainRules, after: DomainRules, pages: Iterable[Embedder]
) -> tuple[Embedder, ...]:
    """List the pages that the rules before admit and those after refuse, the busiest first."""
    lost = [page for page in pages if before.allows(page.origin) and not after.allows(page.origin)]
    return tuple(sorted(lost, key=lambda each: (-each.connected, each.origin)))
