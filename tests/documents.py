"""Read the documentation as the tests compare it: tables, code blocks, headings, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """Give every page that a reader may open."""
    return sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])


def named(path: Path) -> str:
    """Give the id of a test about this file."""
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def rows(text: str) -> Iterator[list[str]]:
    """Give the cells of each row of each table, headings and rulers left out."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("|") or set(line) <= set("|- :"):
            continue
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if below.startswith("|") and set(below) <= set("|- :"):
            continue
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def first_cells(text: str) -> list[str]:
    """Give the code in the first cell of each row that begins with code."""
    return [code for row in rows(text) for code in re.findall(r"^`([^`]+)`", row[0])]


def section(text: str, heading: str) -> str:
    """Give what stands below a heading, down to the next one of its level or above."""
    level = heading.count("#", 0, heading.index(" "))
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"there is no {heading!r}"
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    """Give the code blocks of one language."""
    return [body for named, body in _BLOCK.findall(text) if named == language]


def without_blocks(text: str) -> str:
    return _BLOCK.sub("", text)


def links(text: str) -> list[str]:
    """Give the targets of a page's links to other pages of ours."""
    targets = re.findall(r"\]\(([^)\s]+)\)", without_blocks(text))
    return [each for each in targets if not re.match(r"[a-z]+:", each)]


def anchors(text: str) -> set[str]:
    """Give the names that links to the headings of a page use."""
    headings = re.findall(r"^#{1,6} (.+)$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def commands(shell: str) -> Iterator[list[str]]:
    """Give the words of each command of a shell block; a quote may go over several lines."""
    pending = ""
    for line in shell.replace("\\\n", " ").splitlines():
        pending += line + "\n"
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # a quote is still open
            continue
        pending = ""
        if words:
            yield words
    assert not pending, f"an open quote: {pending}"
