"""Go wrong on demand: the faults that are asked for, and which request meets which."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

FOREVER = -1


class Kind(StrEnum):
    """What happens. "before" means without effect, "after" with the write applied."""

    STATUS = "status"
    """Answer `status` at once, with `retry_after` where it is given; no effect."""
    SLOW = "slow"
    """Wait `seconds`, then answer as usual."""
    HANG = "hang"
    """Wait `seconds`, then close the connection; no effect."""
    DROP_BEFORE = "drop_before"
    """Close the connection; no effect."""
    DROP_AFTER = "drop_after"
    """Do it, then close the connection without an answer: the answer is lost."""
    SLOW_ANSWER = "slow_answer"
    """Do it at once, answer after `seconds`: a client's time-out comes after the effect."""
    DENY = "deny"
    """Token endpoint alone: answer the AADSTS error with the number `code`."""


@dataclass(slots=True)
class Fault:
    """One planned fault: the next `count` matching requests meet it, each with `probability`."""

    kind: Kind
    count: int = 1
    skip: int = 0
    probability: float = 1.0
    where: str = "dataverse"
    method: str = ""
    path: str = ""
    status: int = 503
    retry_after: int | str | None = None
    """Seconds, or the header as it is sent: a date (RFC 9110, 10.2.3)."""
    seconds: float = 0.0
    code: str = ""
    message: str = ""
    met: int = 0

    def matches(self, where: str, method: str, path: str) -> bool:
        """Say whether a request is of the kind that meets this; `path` is a regular expression."""
        return (
            self.where == where
            and self.method.upper() in ("", method)
            and re.search(self.path, path) is not None
        )


class Faults:
    """The planned faults, in the order in which they were asked for."""

    def __init__(self, seed: int = 0) -> None:
        self._planned: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 - repeatable chaos, no secret

    def plan(self, fault: Fault) -> None:
        """Add a fault."""
        self._planned.append(fault)

    def clear(self, seed: int = 0) -> None:
        """Forget every fault; the same seed gives the same chaos again."""
        self._planned.clear()
        self._random.seed(seed)

    def listed(self) -> list[Fault]:
        """List the faults that are still to come."""
        return list(self._planned)

    def next(self, where: str, method: str, path: str) -> Fault | None:
        """Give the fault that this request meets, and count it."""
        for fault in self._planned:
            if not fault.matches(where, method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if self._random.random() >= fault.probability:
                continue
            fault.met += 1
            if fault.count != FOREVER:
                fault.count -= 1
                if fault.count == 0:
                    self._planned.remove(fault)
            return fault
        return None


def fault_from(body: Mapping[str, object]) -> Fault:
    """Read a fault from JSON. Raises ValueError for a name or type that is none of a fault's."""
    known: dict[str, type | tuple[type, ...]] = {
        "count": int,
        "skip": int,
        "probability": (int, float),
        "where": str,
        "method": str,
        "path": str,
        "status": int,
        "retry_after": (int, str),
        "seconds": (int, float),
        "code": str,
        "message": str,
    }
    values: dict[str, object] = {}
    for name, value in body.items():
        if name == "kind":
            continue
        if name not in known or not isinstance(value, known[name]):
            raise ValueError(f"{name}: no such property of a fault, or a wrong type")
        values[name] = value
    try:
        re.compile(str(values.get("path", "")))
    except re.error as error:
        raise ValueError(f"path: {error}") from error
    fault = Fault(Kind(str(body.get("kind"))))
    for name, value in values.items():
        setattr(fault, name, value)
    return fault
