"""Keep docs/reference/events-in.md true to the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.events import Stage
from adapter.telephony import (
    amazon_agents,
    cloudevents,
    contact_data,
    identifiers,
    json_limits,
    standard_webhooks,
)

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "events-in.md").read_text()


@pytest.mark.parametrize(
    "words",
    [
        f"at most {json_limits.MAX_DEPTH} levels deep",
        f"at most {cloudevents.MAX_BATCH} events",
        f"| `id` | yes | at most {identifiers.MAX_EVENT} bytes |",
        f"| `source` | yes | at most {identifiers.MAX_SOURCE} bytes |",
        f"at most {identifiers.MAX_CONTACT} characters",
        f"at most {contact_data.MAX_ATTRIBUTES} bytes",
        f"… at most {contact_data.MAX_CUSTOMER_FIELDS} |",
        f"at most {standard_webhooks.TOLERANCE} s off",
        cloudevents.STRUCTURED,
        cloudevents.BATCH,
    ],
)
def test_every_limit_is_documented(words: str) -> None:
    assert words in TEXT


@pytest.mark.parametrize("word", [*Stage, *sorted(amazon_agents.KINDS)])
def test_every_stage_and_kind_is_documented(word: str) -> None:
    assert f"`{word}`" in TEXT
