"""Say in sentences which steps do not run, and why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapter.steps.definitions import Step

WhyNot = Callable[[str | None], str | None]
"""Says why an account (None: the default) may not be used; None where it may."""


def standstill(steps: Iterable[Step], why_not: WhyNot) -> list[str]:
    """Give a sentence for each reason for which enabled steps do not run."""
    reasons: dict[str, list[int]] = {}
    for step in steps:
        reason = why_not(step.account) if step.enabled else None
        if reason is not None:
            reasons.setdefault(reason, []).append(step.number)
    return [f"{_named(numbers)} not run: {reason}" for reason, numbers in reasons.items()]


def _named(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"step {numbers[0]} does"
    return f"steps {', '.join(map(str, numbers[:-1]))} and {numbers[-1]} do"
