"""Say what a check found: its verdict, what it saw, and what to do."""

from __future__ import annotations

from typing import Literal, NamedTuple

Status = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """One line of `screenpop doctor`."""

    check: str
    status: Status
    detail: str
    do: str = ""
    """What to do, empty where nothing is to be done."""


def ok(check: str, detail: str) -> Finding:
    """Say that all is well."""
    return Finding(check, "ok", detail)


def warning(check: str, detail: str, do: str) -> Finding:
    """Say that it works, but not for long or not as most people mean it."""
    return Finding(check, "warning", detail, do)


def problem(check: str, detail: str, do: str) -> Finding:
    """Say that something does not work."""
    return Finding(check, "problem", detail, do)


def worst(findings: list[Finding]) -> Status:
    """Give the verdict on the whole."""
    found = {each.status for each in findings}
    return "problem" if "problem" in found else "warning" if "warning" in found else "ok"
