"""Whatever two windows write in whatever order, the last writer wins and no words are lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from adapter import notes
from adapter.errors import MalformedInput, PayloadTooLarge
from adapter.notes import Draft, Note

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def saved(text: str, version: int = 1, replaced: str = "") -> Note:
    return Note(text=text, version=version, saved=NOW, replaced=replaced)


def test_the_first_save_makes_the_note() -> None:
    assert notes.merge(None, Draft("Hello", 0), NOW) == saved("Hello")


def test_a_save_on_the_latest_version_replaces_quietly() -> None:
    assert notes.merge(saved("Hello"), Draft("Bye", 1), NOW) == saved("Bye", 2)


def test_a_save_on_an_older_version_wins_and_keeps_the_others_words() -> None:
    assert notes.merge(saved("Hello", 4), Draft("Bye", 3), NOW) == saved("Bye", 5, "Hello")


def test_words_that_the_new_text_holds_are_not_kept_beside_it() -> None:
    # The same window again, whose answer got lost: it typed on meanwhile.
    assert notes.merge(saved("Hel", 2), Draft("Hello", 1), NOW) == saved("Hello", 3)


def test_the_same_save_again_changes_nothing() -> None:
    known = saved("Hello", 5, "Bye")
    assert notes.merge(known, Draft("Hello", 4), NOW) is known


def test_what_was_replaced_goes_when_the_agent_has_dealt_with_it() -> None:
    known = saved("Bye", 5, "Hello")
    assert notes.merge(known, Draft("Bye", 5, settled=True), NOW) == saved("Bye", 6)
    assert notes.merge(known, Draft("Bye!", 5), NOW) == saved("Bye!", 6, "Hello")


def test_what_came_after_the_agent_looked_is_not_dealt_with() -> None:
    known = saved("Bye", 5, "Hello")
    assert notes.merge(known, Draft("Ciao", 4, settled=True), NOW) == saved(
        "Ciao", 6, "Hello\n\nBye"
    )


@given(
    st.lists(
        st.tuples(st.text("ab ", max_size=4), st.integers(0, 12)),
        min_size=1,
        max_size=12,
    )
)
def test_no_word_that_a_foreign_save_replaced_is_lost(saves: list[tuple[str, int]]) -> None:
    known: Note | None = None
    for text, base in saves:
        before = known
        known = notes.merge(known, Draft(text, base), NOW)
        assert known.text == text
        if before is not None and base != before.version:
            assert before.text.strip() in text + known.replaced
        if before is not None:
            assert all(
                part in text + known.replaced for part in before.replaced.split("\n\n") if part
            )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": 7},
        {"text": "x", "base": -1},
        {"text": "x", "base": True},
        {"text": "x", "base": "1"},
        {"text": "x", "settled": 1},
        {"text": "\ud800"},
    ],
)
def test_a_draft_that_is_none_is_named(body: dict[str, object]) -> None:
    with pytest.raises(MalformedInput, match=r"/(text|base|settled)"):
        notes.read(body)


def test_a_note_has_an_end() -> None:
    assert notes.read({"text": "x" * notes.MOST}).base == 0
    with pytest.raises(PayloadTooLarge, match="10000 characters"):
        notes.read({"text": "x" * (notes.MOST + 1)})
