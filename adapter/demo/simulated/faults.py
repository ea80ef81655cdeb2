"""Go wrong on demand: the faults that are asked for, and which request meets which."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from adapter.demo.simulated.entra import aadsts

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
    """Token endpoint alone: answer the AADSTS error `code`."""


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


_PROPERTIES: Mapping[str, type | tuple[type, ...]] = {
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
"""What a fault has beside its kind."""


def fault_from(body: Mapping[str, object]) -> Fault:
    """Read a fault from JSON. Raises ValueError for a name or value that is none of a fault's."""
    values = {name: _value(name, value) for name, value in body.items() if name != "kind"}
    try:
        re.compile(str(values.get("path", "")))
    except re.error as error:
        raise ValueError(f"path: {error}") from error
    try:
        fault = Fault(Kind(str(body.get("kind"))))
    except ValueError as error:
        raise ValueError(f"kind: one of {', '.join(Kind)} is expected") from error
    for name, value in values.items():
        setattr(fault, name, value)
    if fault.kind is Kind.DENY:
        _check_denial(fault)
    return fault


def _value(name: str, value: object) -> object:
    wanted = _PROPERTIES.get(name)
    if wanted is None:
        listed = ", ".join(("kind", *_PROPERTIES))
        raise ValueError(f"{name}: a fault has no such property, only {listed}")
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise ValueError(f"{name}: {_expected(wanted)} is expected")  # noqa: TRY004 - malformed
    return value


def _expected(wanted: type | tuple[type, ...]) -> str:
    if isinstance(wanted, tuple):
        return "a number, or a date as text" if str in wanted else "a number"
    return "a whole number" if wanted is int else "text"


def _check_denial(fault: Fault) -> None:
    """Refuse a denial that no request would meet, and a code that the directory cannot answer."""
    if fault.where != "token":
        raise ValueError('where: a denial needs "token"')
    if aadsts.named(fault.code) is None:
        raise ValueError(f"code: one of {', '.join(f'AADSTS{each}' for each in aadsts.NAMED)}")
