from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import readme
from tests.conftest import ROOT


def results(**about: Any) -> dict[str, Any]:
    def figures(rate: float, p50: float) -> dict[str, Any]:
        latency = {"p50": p50, "p90": 1, "p99": 2, "max": 3, "cpu_per_10k": 0.5}
        return {
            "saturation": {"rate": rate, "cpu_per_10k": 0.5},
            "open_1000": latency,
            "noise": [about.get("noise", 0.0)],
        }

    reference = [figures(9_000, 200), figures(11_000, 200)]
    return {
        "at": "2026-11-22 10:00:00+00:00",
        "plan": {"panels": 10_000, "rates": [200, 1000]},
        "contenders": ["reference", "screenpop-normal"],
        "rounds": [{"reference": reference, "screenpop-normal": [figures(15_000, 160)]}],
        "extras": about.get("extras", {}),
        "about": {"machine": {"cpu": "Testron 9"}},
    }


def test_the_table_shows_the_median_and_the_ratio_to_the_reference() -> None:
    text = readme.block(results(), Path("2026-11-22-1000.md"))
    assert "| saturation, events/s | 15,000 **1.50** | 10,000 **1.00** |" in text
    assert "| p50 at 1000/s, µs | 160 **0.80** | 200 **1.00** |" in text
    assert "Testron 9, 2026-11-22" in text
    assert "bench/results/2026-11-22-1000.md" in text


def test_latency_by_turns_is_the_median_of_the_ratios_of_each_turn() -> None:
    by_turns = {
        "reference": {"p50": [100, 200, 300], "noise": [0.0] * 3},
        "screenpop-normal": {"p50": [110, 240, 270], "noise": [0.0] * 3},
    }
    text = readme.block(results(extras={"turns": by_turns}), Path("x.md"))
    assert "| p50 at 1000/s by turns, µs | 240 **1.10** | 200 **1.00** |" in text


def test_what_was_not_measured_has_no_row() -> None:
    assert "memory per idle panel" not in readme.block(results(), Path("x.md"))


def test_a_run_on_a_busy_machine_says_so_in_the_readme_too() -> None:
    assert "WORTHLESS" not in readme.block(results(), Path("x.md"))
    assert "WORTHLESS" in readme.block(results(noise=1.5), Path("x.md"))


def test_the_newest_whole_result_is_taken_and_no_quick_one(tmp_path: Path) -> None:
    names = ("2026-11-20-1000", "2026-11-21-0900", "2026-11-22-0048-quick")
    for name in names:
        (tmp_path / f"{name}.json").write_text("{}")
    newest = readme.newest(tmp_path)
    assert newest is not None
    assert newest.stem == "2026-11-21-0900"


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    before = f"# Title\n\n{readme.BEGIN}\n\nold\n\n{readme.END}\n\n## More\n"
    after = readme.between(before, "| new |")
    assert after == f"# Title\n\n{readme.BEGIN}\n\n| new |\n\n{readme.END}\n\n## More\n"
    assert readme.between(after, "| new |") == after


def test_a_readme_without_markers_is_left_alone() -> None:
    with pytest.raises(ValueError, match="bench: begin"):
        readme.between("# Title\n", "| new |")


def test_our_readme_has_the_markers() -> None:
    readme.between((ROOT / "README.md").read_text(), "")
