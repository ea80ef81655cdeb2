from __future__ import annotations

import pytest

from bench import noise


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ([0.0, 0.1, 0.3], "quiet"),
        ([0.0] * 9 + [1.9], "quiet"),
        ([0.0] * 8 + [0.5, 0.5], "ratios only"),
        ([0.2] * 8 + [1.2, 1.4], "worthless"),
        ([], "worthless"),
    ],
    ids=["all below", "one outlier of ten", "busy", "another had our core", "nothing measured"],
)
def test_a_run_is_judged_by_its_ninth_phase_of_ten(used: list[float], expected: str) -> None:
    assert noise.worth(used) == expected


def test_worthless_figures_are_called_so_on_the_page() -> None:
    assert "WORTHLESS" in noise.sentence([1.5] * 4)
    assert "ratios alone" in noise.sentence([0.5] * 4)
    assert "quiet" in noise.sentence([0.05] * 4)
