"""Say in the reader's language what accounts, steps and Dynamics say in English sentences."""

from __future__ import annotations

from collections.abc import Callable

from adapter.i18n import Texts
from adapter.web.phrases import Phrases
from adapter.web.portal.dynamics_sentences import SENTENCES

PHRASES = Phrases(SENTENCES)
say = PHRASES.say
recognised = PHRASES.recognised


def speaker(texts: Texts) -> Callable[[str], str]:
    """Give the function that says a sentence in the language of `texts`."""
    return lambda sentence: say(texts, sentence)
