"""Refuse ids that no agent may have, at every door with the same words."""

from __future__ import annotations

import pytest

from adapter import agent_ids, saving
from adapter.errors import MalformedInput
from adapter.tenants import DEFAULT

REVERSED = "ali\u202ece"


@pytest.mark.parametrize(
    "good", ["alice", "a*", "**", "Zoë", "山田", "سارة", "a\u200db", "arn:a/*"]
)
def test_a_name_in_any_script_may_be_an_agents(good: str) -> None:
    assert agent_ids.fault(good) is None


@pytest.mark.parametrize("everybody", ["*", " * "])
def test_the_sign_for_every_agent_is_no_agents(everybody: str) -> None:
    assert agent_ids.fault(everybody) == "* means every agent: name one"


@pytest.mark.parametrize("mark", "\u061c\u200e\u200f\u202a\u202e\u2066\u2069")
def test_a_mark_that_turns_the_direction_of_text_is_named(mark: str) -> None:
    assert agent_ids.fault(f"a{mark}b") == (
        f"may not hold U+{ord(mark):04X}, which turns the direction of text"
    )


@pytest.mark.parametrize(("agent", "source"), [("*", "x"), ("x", "*"), (REVERSED, "x")])
def test_no_alias_is_saved_for_it(agent: str, source: str) -> None:
    with pytest.raises(MalformedInput):
        saving.alias(DEFAULT, agent, source)
