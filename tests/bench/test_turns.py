from __future__ import annotations

from typing import Any

from bench import sections, turns

FOUND: dict[str, Any] = {
    "reference": {
        "p50": [100, 300, 200],
        "p99": [400] * 3,
        "cpu_per_10k": [0.8] * 3,
        "rate": [20_000] * 3,
    },
    "screenpop-normal": {
        "p50": [120, 270, 400],
        "p99": [800] * 3,
        "cpu_per_10k": [1.2] * 3,
        "rate": [15_000] * 3,
    },
}


def test_a_turn_is_compared_with_the_references_turn_beside_it() -> None:
    assert turns.ratios(FOUND, "screenpop-normal", "p50") == [0.9, 1.2, 2.0]


def test_quartiles_are_the_values_at_a_quarter_half_and_three_quarters() -> None:
    assert turns.quartiles([1, 2, 3, 4, 5]) == (2, 3, 4)


def test_the_page_shows_the_median_of_the_ratios_and_how_far_they_spread() -> None:
    text = "\n".join(sections.of_ours({"turns": FOUND}))
    assert "| reference | 200 (150..250) |" in text
    assert "| screenpop-normal | 270 (195..335) **1.20** (1.05..1.60) |" in text
    assert "| 15,000 (15,000..15,000) **0.75** (0.75..0.75) |" in text


def test_a_run_without_turns_has_no_such_section() -> None:
    assert sections.of_ours({}) == []
