"""Add up folded stacks (Brendan Gregg's form: `frame;frame;frame count`) by module."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_FRAME = re.compile(r"^(?P<function>.*) \((?P<place>[^()]*?)(?::\d+)?\)$")
"""As py-spy writes it: `function (path:line)`."""
_PACKAGE = re.compile(r"(?:^|/)site-packages/([^/]+)")
_STANDARD = re.compile(r"(?:^|/)python3\.\d+/")


@dataclass(frozen=True, slots=True)
class Share:
    """What a module took of all samples, from 0 to 1."""

    name: str
    own: float
    inclusive: float
    """With what it calls; a stack that passes through it twice counts once."""


def shares(folded: str, least: float = 0.005) -> list[Share]:
    """Give the modules by their own time, without those below `least` in both figures."""
    own: Counter[str] = Counter()
    inclusive: Counter[str] = Counter()
    total = 0
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        if not stack or not count.isdigit():
            continue
        modules = [module(frame) for frame in stack.split(";")]
        total += int(count)
        own[modules[-1]] += int(count)
        inclusive.update(dict.fromkeys(modules, int(count)))
    found = [Share(name, own[name] / total, inclusive[name] / total) for name in inclusive]
    return sorted(
        (each for each in found if max(each.own, each.inclusive) >= least),
        key=lambda each: (-each.own, -each.inclusive, each.name),
    )


def module(frame: str) -> str:
    """Name whose code a frame is: our module by its path, a package, or `python`."""
    found = _FRAME.match(frame)
    if found is None:
        return "python" if not frame.startswith("process ") else "process"
    place = found["place"]
    package = _PACKAGE.search(place)
    if package:
        return package[1].removesuffix(".py")
    _, ours, inner = place.rpartition("adapter/")
    if ours:
        return "adapter." + inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if _STANDARD.search(place) or place.startswith("<"):
        return "python"
    return place.rpartition("/")[2].removesuffix(".py") or "python"
