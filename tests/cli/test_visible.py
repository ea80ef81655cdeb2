from __future__ import annotations

import re

from hypothesis import given, strategies

from adapter.cli.visible import visible


@given(strategies.text(strategies.characters(codec=None)))
def test_any_text_fits_on_one_line_and_can_be_taken_apart_again(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()

    def back(found: re.Match[str]) -> str:
        return {"0": "\0", "t": "\t", "n": "\n", "r": "\r", "\\": "\\"}.get(
            found[1], chr(int(found[1][1:] or "0", 16)) if found[1][0] in "xuU" else ""
        )

    escapes = r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)"
    assert re.sub(escapes, back, shown) == text


def test_other_scripts_stay_readable() -> None:
    assert visible("例え.jp\x1b[2J") == "例え.jp\\x1b[2J"
