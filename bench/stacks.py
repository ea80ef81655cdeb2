"""Add up folded stacks (Brendan Gregg's form: `frame;frame;frame count`) by module."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass

_FRAME = re.compile(r"^(?P<function>.*) \((?P<place>[^()]*?)(?::\d+)?\)$")
"""As py-spy writes it: `function (path:line)`, the path beginning at a folder of `sys.path`."""

_IDLE = "_worker (concurrent/futures/thread.py:"
"""A thread that waits for work, which py-spy takes for a busy one where this is innermost."""


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
        frames = stack.split(";")
        if frames[-1].startswith(_IDLE):
            continue
        modules = [module(frame) for frame in frames]
        total += int(count)
        own[modules[-1]] += int(count)
        inclusive.update(dict.fromkeys(modules, int(count)))
    found = [Share(name, own[name] / total, inclusive[name] / total) for name in inclusive]
    return sorted(
        (each for each in found if max(each.own, each.inclusive) >= least),
        key=lambda each: (-each.own, -each.inclusive, each.name),
    )


def module(frame: str) -> str:
    """Name whose code a frame is: our module, another package, or `python` and what it brings."""
    found = _FRAME.match(frame)
    place = found["place"] if found else ""
    if "/adapter/" in f"/{place}":
        inner = f"/{place}".rpartition("/adapter/")[2].removesuffix(".py").removesuffix("/__init__")
        return "adapter." + inner.replace("/", ".")
    package = place.partition("/")[0].removesuffix(".py")
    if not package or place.startswith("<") or package in sys.stdlib_module_names:
        return "python"
    return package
