"""Show line by line what applying a draft would change of the steps in force."""

from __future__ import annotations

import difflib
import json
from typing import Literal

import msgspec

from adapter import steps
from adapter.steps import Steps
from adapter.steps.definitions import Step

Kind = Literal["same", "added", "removed"]
What = Literal["new", "changed", "gone", "same"]
_CONTEXT = 3


class Line(msgspec.Struct, frozen=True):
    """One line of a comparison."""

    kind: Kind
    text: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one step, or of the rules between them (`number` 0)."""

    number: int
    what: What
    lines: tuple[Line, ...]


def changes(old: Steps, new: Steps) -> list[Change]:
    """Compare step by step, then the rules between them; what stays the same is left out."""
    before = {each.number: each for each in old.steps}
    after = {each.number: each for each in new.steps}
    found = [
        _change(number, _written(before.get(number)), _written(after.get(number)))
        for number in sorted(before.keys() | after.keys())
    ]
    found.append(_change(0, _rules(old), _rules(new)))
    return [each for each in found if each.what != "same"]


def _change(number: int, old: list[str], new: list[str]) -> Change:
    what: What = "same" if old == new else "new" if not old else "gone" if not new else "changed"
    lines: list[Line] = []
    for group in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_grouped_opcodes(
        _CONTEXT
    ):
        for tag, first, last, start, end in group:
            if tag == "equal":
                lines += [Line("same", each) for each in old[first:last]]
                continue
            lines += [Line("removed", each) for each in old[first:last]]
            lines += [Line("added", each) for each in new[start:end]]
    return Change(number=number, what=what, lines=tuple(lines))


def _written(step: Step | None) -> list[str]:
    if step is None:
        return []
    (written,) = json.loads(steps.dump(Steps(steps=(step,))))["steps"]
    lines: list[str] = []
    for name, value in written.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        first, *rest = _unfolded(name, text).split("\n")
        lines += [f"{name}: {first}", *(f"    {line}" for line in rest)]
    return lines


def _unfolded(name: str, text: str) -> str:
    """Write a JSON template one member a line, so that one changed member is one changed line."""
    if name not in ("body", "query_string") or not text.lstrip().startswith("{"):
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text  # a placeholder without quotes: shown as it was written


def _rules(known: Steps) -> list[str]:
    document = json.loads(steps.dump(known))
    return [f"{name}: {value}" for name, value in document.items() if name != "steps"]
