from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


def test_a_host_that_is_longer_than_a_name_can_be_is_admitted_by_no_rule() -> None:
    rules = DomainRules.parse("*.example.test\nhttps://b.test")
    longest = "a." * 119 + "ab.example.test"
    assert len(longest) == 253
    assert rules.allows(f"https://{longest}")
    assert rules.explain(f"https://{longest}.").reason.startswith("no rule matches; near miss")
    for origin in (f"https://a{longest}", "https://" + "a." * 100_000 + "example.test"):
        assert not rules.allows(origin)
        assert rules.explain(origin).reason == "the host is longer than 253 octets"


@pytest.mark.parametrize(
    ("rule", "origin", "reason"),
    [
        ("c.d", "http://c.d:443", "port 443, line 1 `c.d` wants the default port 80"),
        ("c.d", "https://c.d:80", "port 80, line 1 `c.d` wants the default port 443"),
        ("c.d", "http://c.d:8080", "port 8080, line 1 `c.d` wants the default port 80"),
        ("https://c.d", "http://c.d", "scheme http, line 1 `https://c.d` wants https"),
        ("https://c.d:443", "http://c.d:443", "scheme http, line 1 `https://c.d:443` wants https"),
    ],
)
def test_of_scheme_and_port_the_one_at_fault_is_named(rule: str, origin: str, reason: str) -> None:
    found = DomainRules.parse(rule).explain(origin)
    assert found.reason == f"no rule matches; near miss: {reason}"


def test_what_is_no_text_is_no_origin() -> None:
    rules = DomainRules.parse("example.test")
    nothing: Any = None
    assert rules.allows(nothing) is False
    assert rules.explain(nothing).reason == "an origin is a text, not a value of type NoneType"
