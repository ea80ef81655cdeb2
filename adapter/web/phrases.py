"""Say in the reader's language what modules that know no language say in English sentences.

Rules, checks and errors are decided by plain functions whose reasons are English. Each sentence
that a person may read is listed as a pattern (`the label `%(label)s` is not valid punycode`) and
stands in the catalogues by the same text; one that is not listed stays English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from adapter.i18n import DEFAULT, Texts

LONGEST = 4000
"""Characters of a sentence that is looked up: what strangers wrote may be quoted in it."""
_PLACE = re.compile(r"%\((\w+)\)s")
_AT = re.compile(r"^(/\S*|[A-Za-z][\w-]*): (.+)$", re.DOTALL)


class Said(NamedTuple):
    """What is shown for a sentence."""

    text: str
    english: bool
    """Whether it stays English on a page of another language, which marks it then."""


class Phrases:
    """A list of sentences, with `%(name)s` where a value stands."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self._sentences = tuple(sentences)

    def say(self, texts: Texts, sentence: str) -> str:
        """Give a sentence in the language of `texts`; one that is not listed stays as it is.

        A value may be such a sentence itself, and a place may stand in front (`/agent: is …`).
        """
        found = self.recognised(sentence)
        if found is None:
            at = _AT.match(sentence)
            return sentence if at is None else f"{at[1]}: {self.say(texts, at[2])}"
        pattern, values = found
        return texts(pattern, **{name: self.say(texts, value) for name, value in values.items()})

    def tell(self, texts: Texts, sentence: str) -> Said:
        """Say a sentence, and whether it is to be marked as English.

        What a page has said in its own language already stays as it is, and unmarked.
        """
        stays = texts.locale != DEFAULT and sentence.isascii() and not self._is_said(sentence)
        return Said(self.say(texts, sentence), stays)

    def _is_said(self, sentence: str) -> bool:
        """Whether the words that matter of a sentence are listed."""
        found = self.recognised(sentence)
        if found is None:
            at = _AT.match(sentence)
            return at is not None and self._is_said(at[2])
        pattern, values = found
        if any(letter.isalpha() for letter in _PLACE.sub("", pattern)):
            return True
        # Of `%(place)s: %(fault)s` the fault.
        return self._is_said(list(values.values())[-1])

    def recognised(self, sentence: str) -> tuple[str, dict[str, str]] | None:
        """Find the pattern of a sentence, and what stands in its places."""
        if len(sentence) > LONGEST:
            return None
        for pattern, expression in self._patterns:
            match = expression.fullmatch(sentence)
            if match is not None:
                return pattern, match.groupdict()
        return None

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        """Compile the sentences when the first is asked for: eight hundred delay a start."""
        # Those with the most words of their own first: `%(rule)s admits it` fits much.
        ordered = sorted(self._sentences, key=lambda each: (-len(_PLACE.sub("", each)), each))
        return [(each, _expression(each)) for each in ordered]


def _expression(pattern: str) -> re.Pattern[str]:
    pieces = _PLACE.split(pattern)
    written = [
        f"(?P<{piece}>.+?)" if number % 2 else re.escape(piece.replace("%%", "%"))
        for number, piece in enumerate(pieces)
    ]
    return re.compile("".join(written), re.DOTALL)
