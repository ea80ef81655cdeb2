"""Say in the reader's language what modules that know no language say in English sentences.

Rules, checks and errors are decided by plain functions whose reasons are English. Each sentence
that a person may read is listed as a pattern (`the label `%(label)s` is not valid punycode`) and
stands in the catalogues by the same text; one that is not listed stays English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from adapter.i18n import Texts

LONGEST = 4000
"""Characters of a sentence that is looked up: what strangers wrote may be quoted in it."""
_PLACE = re.compile(r"%\((\w+)\)s")


class Phrases:
    """A list of sentences, with `%(name)s` where a value stands."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self._sentences = tuple(sentences)

    def say(self, texts: Texts, sentence: str) -> str:
        """Give a sentence in the language of `texts`; one that is not listed stays as it is.

        A value may be such a sentence itself.
        """
        found = self.recognised(sentence)
        if found is None:
            return sentence
        pattern, values = found
        return texts(pattern, **{name: self.say(texts, value) for name, value in values.items()})

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
