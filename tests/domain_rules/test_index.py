from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapter.domain_rules.grammar import parse_origin
from adapter.domain_rules.index import Admitted, NearMisses, RuleIndex
from adapter.domains import DomainRules


class CountingDict(dict[str, Admitted]):
    """Count how often somebody looks something up."""

    probes = 0

    def get(self, key: str, default: object = None) -> Admitted | None:  # type: ignore[override]
        self.probes += 1
        return super().get(key)

    def __getitem__(self, key: str) -> Admitted:
        self.probes += 1
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.probes += 1
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the rules were walked")

    values = items = keys = __iter__  # type: ignore[assignment]


def probes(count: int, origin: str) -> tuple[int, int]:
    lines = [f"https://host-{n}.crm{n % 7}.dynamics.com:{n % 5 + 1}" for n in range(count)]
    rules = DomainRules.parse("\n".join([*lines, "https://*.example.test"])).rules
    built = RuleIndex.build(rules)
    exact, wild = CountingDict(built.exact), CountingDict(built.wild)
    index = RuleIndex(exact, wild)
    hints = NearMisses.build(built, rules)
    near = NearMisses(index, dict(hints.below), dict(hints.regions))
    read = parse_origin(origin)
    assert read is not None
    index.find(read)
    matching = exact.probes + wild.probes
    near.find(read)
    return matching, exact.probes + wild.probes - matching


@pytest.mark.parametrize(
    "origin", ["https://a.b.c.example.test", "https://host-3.crm9.dynamics.com", "https://evil.org"]
)
def test_matching_and_explaining_probe_by_label_whatever_the_number_of_rules(origin: str) -> None:
    matching, explaining = probes(10_000, origin)
    assert (matching, explaining) == probes(10, origin)
    labels = origin.count(".") + 1
    assert matching <= 2 * labels + 1
    assert explaining < 200


def test_a_very_long_origin_costs_no_more_than_a_name_can_be_long() -> None:
    origin = "https://" + "a." * 30_000 + "example.test"
    rules = DomainRules.parse("*.example.test\nhttps://b.test")
    assert rules.allows(origin)
    assert not rules.allows(origin.replace("example", "evil"))
    assert not rules.explain(origin.replace("example", "evil")).allowed
