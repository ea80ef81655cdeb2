"""What is left of a script without its comments is the same program, line by line."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from adapter.web import comments
from adapter.web.assets import OURS, Assets

STATIC = resources.files("adapter") / "static"
SCRIPTS = sorted(
    path for path in Assets.load().files if path.endswith(".js") and path.startswith(OURS)
)


def test_lines_that_are_only_comment_are_emptied_and_others_keep_their_number() -> None:
    script = (
        b"// @ts-check\n/** What it does.\n * @param {string} a\n */\nfunction f(a) {\n"
        b"  // why\n  return `${a} // no comment`; // of this line\n}\n"
        b"/** @type {A} */ (b).c(\n  d, // e\n);\n/* f */\n"
    )
    assert comments.without(script) == (
        b"\n\n\n\nfunction f(a) {\n\n  return `${a} // no comment`; // of this line\n}\n"
        b"/** @type {A} */ (b).c(\n  d, // e\n);\n\n"
    )


@pytest.mark.parametrize("path", SCRIPTS)
def test_our_scripts_lose_nothing_but_comments(path: str) -> None:
    source = (STATIC / path).read_text(encoding="utf-8")
    before, after = source.split("\n"), comments.without(source.encode()).decode().split("\n")
    assert len(before) == len(after)
    changed = [line for line, left in zip(before, after, strict=True) if line != left]
    assert changed[0].startswith("// ")
    assert [line for line in changed if not line.lstrip().startswith(("//", "/*", "*"))] == []
    # A text over several lines could hold what looks like a comment.
    assert not [line for line in _in_templates(source) if line.lstrip().startswith(("//", "/*"))]


def _in_templates(script: str) -> list[str]:
    """Give the lines after the first of every template literal (ours have no nested one)."""
    others = re.compile(r"""^\s*(//|/\*|\*).*$|"[^"\n]*\"""", re.MULTILINE)
    plain = others.sub(lambda found: found[0].replace("`", "'"), script)
    return [line for text in plain.split("`")[1::2] for line in text.split("\n")[1:]]
