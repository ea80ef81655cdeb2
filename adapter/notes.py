"""Merge what an agent wrote about a contact: the last writer wins, and no words are lost."""

from __future__ import annotations

from datetime import datetime

import msgspec

from adapter.errors import MalformedInput, PayloadTooLarge

MOST = 10_000
"""Characters of one note: some pages."""

MOST_REPLACED = 2 * MOST
"""Characters kept of what other windows wrote and this one replaced."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's note on a contact."""

    text: str
    version: int
    saved: datetime
    replaced: str = ""
    """What another window wrote and a later save replaced; the agent decides what becomes of it."""


class Draft(msgspec.Struct, frozen=True):
    """What a panel wants to save. `base` is the version that it was written on, 0 for none."""

    text: str
    base: int
    settled: bool = False
    """Whether the agent has dealt with `Note.replaced` as of `base`."""


def read(body: dict[str, object]) -> Draft:
    """Read a draft from a request's JSON; members that are not its own are left alone.

    Raises:
        MalformedInput: a member is missing or of another type.
        PayloadTooLarge: the text is longer than `MOST`.
    """
    text, base, settled = body.get("text"), body.get("base", 0), body.get("settled", False)
    if not isinstance(text, str):
        raise MalformedInput("/text: expected a text")
    if not isinstance(base, int) or isinstance(base, bool) or base < 0:
        raise MalformedInput("/base: expected the version that the text was written on, or 0")
    if not isinstance(settled, bool):
        raise MalformedInput("/settled: expected true or false")
    if len(text) > MOST:
        raise PayloadTooLarge(f"/text: a note has at most {MOST} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedInput("/text: half a character (a lone surrogate)") from error
    return Draft(text, base, settled)


def merge(known: Note | None, draft: Draft, now: datetime) -> Note:
    """Give the note after a save. The same draft saved twice changes nothing.

    Where another window saved since `draft.base`, its words that the draft does not have stay in
    `replaced`.
    """
    if known is None:
        return Note(text=draft.text, version=1, saved=now)
    behind = draft.base != known.version
    if draft.text == known.text and (behind or not draft.settled or not known.replaced):
        return known
    left = [] if draft.settled and not behind else [known.replaced]
    if behind:
        left.append(known.text)
    return Note(
        text=draft.text,
        version=known.version + 1,
        saved=now,
        replaced=_without(draft.text, left),
    )


def _without(text: str, left: list[str]) -> str:
    """Join what is not in `text`; the newest stays where it is too long."""
    kept: list[str] = []
    for each in left:
        words = each.strip()
        if words and words not in text and not any(words in other for other in kept):
            kept = [other for other in kept if other not in words]
            kept.append(words)
    return "\n\n".join(kept)[-MOST_REPLACED:]
