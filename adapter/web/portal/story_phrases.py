"""Say a contact's story, and why a request failed, in the reader's language.

What Dynamics itself said stays in its own words: they are set apart and marked as such, because an
admin searches for them.
"""

from __future__ import annotations

import re

import msgspec

from adapter.i18n import Texts
from adapter.web.phrases import Phrases
from adapter.web.portal.dynamics_sentences import SENTENCES as OF_DYNAMICS
from adapter.web.portal.story_sentences import SENTENCES

PHRASES = Phrases((*SENTENCES, *OF_DYNAMICS))

_ADVICE = sorted((each for each in OF_DYNAMICS if "%(" not in each), key=len, reverse=True)
"""What may stand behind Dynamics' words: whole sentences of ours."""
_AGAIN = re.compile(r"^(.*) (\(tried again in [\d.]+ s\))$", re.DOTALL)
_REQUEST = re.compile(r"^(step \d+)((?: \(\w+\))? [A-Z]+ [\w$]+): (.*)$", re.DOTALL)
_POP = re.compile(r"^(?P<reason>.*) \((?P<made>popped before|pop (?P<id>[^\s()]+))\)$", re.DOTALL)
_AT = re.compile(r"^(?P<stage>[a-z]+) at (?P<agent>.+?): (?P<reason>.*)$", re.DOTALL)
_OFF = re.compile(r"^(steps? \d.*) (\(see to the account: [^()]*\))$", re.DOTALL)
_NEXT_OFF = re.compile(r"; (?=steps? \d[^:;]* not run: )")
_PUSHED = re.compile(r"^(?P<what>\S+) to (?P<agents>.*): (?P<count>\d{1,6}) sockets?$", re.DOTALL)
_STEP = re.compile(r"^(step \d+): (.*)$", re.DOTALL)


class Part(msgspec.Struct, frozen=True):
    """A piece of a line."""

    text: str
    quoted: bool = False
    """Whether these are Dynamics' own words, in whatever language it answers."""
    english: bool = False
    """Whether it could not be translated."""


def tell(_: Texts, detail: str) -> list[Part]:
    """Give the pieces of a line of a story, or of the cause of a failed request."""
    if (pushed := _PUSHED.match(detail)) is not None:
        return [Part(_pushed(_, pushed["what"], pushed["agents"], int(pushed["count"])))]
    parts: list[Part] = []
    again = _AGAIN.match(detail)
    if again is not None:
        detail = again[1]
    if (off := _OFF.match(detail)) is not None:
        told = [each for piece in _NEXT_OFF.split(off[1]) for each in (Part("; "), *_own(_, piece))]
        return [*told[1:], Part(" " + PHRASES.say(_, off[2]))]
    if (request := _REQUEST.match(detail)) is not None:
        parts.append(Part(f"{PHRASES.say(_, request[1])}{request[2]}: "))
        parts += _became(_, request[3])
    elif (step := _STEP.match(detail)) is not None and not _is_whole(detail):
        parts.append(Part(f"{PHRASES.say(_, step[1])}: "))
        parts += _with_advice(_, step[2])
    else:
        parts += _several(_, detail)
    if again is not None:
        parts.append(Part(" " + PHRASES.say(_, again[2])))
    return parts


def _pushed(_: Texts, what: str, agents: str, count: int) -> str:
    """Say to whom a message went; the story counts sockets, of panels and of other readers."""
    if not count:
        return _("%(what)s to %(agents)s: no panel was connected", what=what, agents=agents)
    return _.many(
        "%(what)s to %(agents)s: %(num)d socket",
        "%(what)s to %(agents)s: %(num)d sockets",
        count,
        what=what,
        agents=agents,
    )


def _became(_: Texts, told: str) -> list[Part]:
    """Say what became of a request that was sent: done, with notes, or refused."""
    if told.startswith("done in "):
        return _several(_, told)
    if PHRASES.recognised(told) is not None:
        return _own(_, told)
    for advice in _ADVICE:
        if told.endswith(f" {advice}"):
            words = told.removesuffix(advice).rstrip()
            own = PHRASES.recognised(words) is not None
            first = _own(_, words) if own else [Part(words, quoted=True)]
            return [*first, Part((_.gap if own else " ") + PHRASES.say(_, advice))]
    return [Part(told, quoted=True)]


def _is_whole(detail: str) -> bool:
    """Whether a line that begins with a step is one sentence, not a step and what is said of it."""
    found = PHRASES.recognised(detail)
    return found is not None and found[0] != "step %(number)s"


def _with_advice(_: Texts, told: str) -> list[Part]:
    """Say why a request could not be made ready, and what to do about it where that is said."""
    for advice in _ADVICE:
        if told.endswith(f". {advice}"):
            return [
                *_own(_, told.removesuffix(f". {advice}")),
                Part(_.stop + PHRASES.say(_, advice)),
            ]
    return _own(_, told)


def _own(_: Texts, sentence: str) -> list[Part]:
    said = _matched(_, sentence)
    return [Part(PHRASES.say(_, sentence), english=True)] if said is None else [Part(said)]


def _matched(_: Texts, sentence: str) -> str | None:
    """Say one sentence of ours; None where it is not listed.

    What stands around a reason is taken off first: a pattern with a place at its end would take it
    for a part of the value.
    """
    if (pop := _POP.match(sentence)) is not None:
        pattern = "%(reason)s (popped before)" if pop["id"] is None else "%(reason)s (pop %(id)s)"
        reason = _matched(_, pop["reason"])
        return None if reason is None else _(pattern, reason=reason, id=pop["id"])
    if (at := _AT.match(sentence)) is not None:
        reason = _matched(_, at["reason"])
        stage = PHRASES.say(_, at["stage"])
        pattern = "%(stage)s at %(agent)s: %(reason)s"
        return None if reason is None else _(pattern, stage=stage, agent=at["agent"], reason=reason)
    return None if PHRASES.recognised(sentence) is None else PHRASES.say(_, sentence)


def _several(_: Texts, told: str) -> list[Part]:
    """Say what is told of several things at once."""
    if "; " not in told or _matched(_, told) is not None:
        return _own(_, told)
    parts = [each for piece in told.split("; ") for each in (Part("; "), *_own(_, piece))]
    return parts[1:]
