"""Say what may not stand for an agent, the same at every door that takes one."""

from __future__ import annotations

import re

EVERYBODY = "*"
"""What a feed asks for to see the whole tenant, so no agent can have it as an id."""

# Unicode's Bidi_Control: with them an id can look like another one.
_TURNS_TEXT = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def fault(agent_id: str) -> str | None:
    """Say what is wrong with an agent's id, or None where it may be one."""
    if agent_id.strip() == EVERYBODY:
        return "* means every agent: name one"
    if not agent_id.isascii() and (found := _TURNS_TEXT.search(agent_id)):
        return f"may not hold U+{ord(found[0]):04X}, which turns the direction of text"
    return None
