r"""Write strangers' text on one line, so that it can neither move the cursor nor fake a line."""

from __future__ import annotations

_SHORT = {"\0": r"\0", "\\": r"\\"}
"""Where Python's own escapes differ from ours."""


def visible(text: str) -> str:
    r"""Escape with a backslash what does not print: `\t \n \r \0 \xNN \uNNNN \UNNNNNNNN`.

    Text that prints, in whatever script, stays as it is; lone surrogates (undecodable bytes
    of a command line) do not print.
    """
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
