"""What plain functions say in English is found again, with its values, in the catalogues."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from adapter.domains import DomainRules, RuleError
from adapter.i18n import Texts
from adapter.web.phrases import Phrases
from adapter.web.portal.domain_sentences import PHRASES, UNNAMED_REGIONS
from tests.conftest import ROOT

SAMPLE = ROOT.parent / "shared" / "domain_cases_sample.tsv"
MODULES = ("grammar", "names")

RULES = (
    "https://contoso.crm4.dynamics.com\n*.example.com\nhttp://plain.example\nlocalhost:*\n"
    "*.crm.dynamics.com\n*.com\nhttps://www.example.com\nbücher.example\nxn--bcher-kva.example.org\n"
    "https://odd.example:8443"
)
ORIGINS = [
    "https://contoso.crm4.dynamics.com",
    "https://contoso.crm5.dynamics.com",
    "https://example.com",
    "https://plain.example",
    "https://odd.example",
    "http://odd.example:8443",
    "http://odd.example:81",
    "https://contoso.crm4.dynamics.com:444",
    "https://contoso.crm4.dynamics.com.evil.test",
    "https://sub.contoso.crm4.dynamics.com",
    "https://evilexample.net",
    "https://contoso.crm4.dynamics.com.",
    "https://xcontoso.crm4.dynamics.com",
    "https://192.0.2.1",
    "null",
    "",
    "file:///x",
    "https://a b",
    "https://user@a.example",
    "https://a.example/path",
    "HTTPS://A.example",
]


def _said_by(module: str) -> set[str]:
    """Give the plain sentences that a module of the domain rules can say."""
    tree = ast.parse((ROOT / "adapter" / "domain_rules" / f"{module}.py").read_text("utf-8"))
    told = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "DomainError"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    return {str(each) for each in told}


@pytest.mark.parametrize("module", MODULES)
def test_every_plain_reason_of_the_rules_is_listed(module: str) -> None:
    said = _said_by(module)
    assert len(said) > 1
    assert not [each for each in said if PHRASES.recognised(each) is None]


@pytest.mark.parametrize("origin", ORIGINS)
def test_every_decision_is_known_to_the_catalogues(origin: str) -> None:
    reason = DomainRules.parse(RULES).explain(origin).reason
    assert PHRASES.recognised(reason) is not None, reason


def test_every_warning_is_known_to_the_catalogues() -> None:
    warnings = DomainRules.parse(RULES).warnings
    assert {each.code for each in warnings} >= {"public-suffix", "shared-suffix", "shadowed"}
    assert not [each.detail for each in warnings if PHRASES.recognised(each.detail) is None]
    assert not UNNAMED_REGIONS


@given(st.text(alphabet="aB1-_.*:/ü@?#[];,'\u200b\u00a0\tx%n", min_size=1, max_size=30))
def test_every_fault_of_a_line_is_known_to_the_catalogues(line: str) -> None:
    try:
        DomainRules.parse(line)
    except RuleError as error:
        for problem in error.problems:
            assert PHRASES.recognised(problem.reason) is not None, problem.reason


@given(st.text(max_size=30) | st.from_regex(r"https?://[a-z.:0-9*@%/]{0,20}", fullmatch=True))
def test_every_reason_for_an_origin_is_known_to_the_catalogues(origin: str) -> None:
    reason = DomainRules.parse(RULES).explain(origin).reason
    assert PHRASES.recognised(reason) is not None, reason


@pytest.mark.skipif(not SAMPLE.exists(), reason="the samples are not here")
def test_every_sample_is_explained_in_japanese() -> None:
    texts = Texts("ja")
    with Path(SAMPLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in rows:
        try:
            reason = DomainRules.parse(row["rule"]).explain(row["origin"]).reason
        except RuleError as error:
            reason = error.problems[0].reason
        assert PHRASES.say(texts, reason) != reason, reason


def test_values_that_are_sentences_are_said_too() -> None:
    phrases = Phrases(["no rule matches; near miss: %(why)s", "line %(line)s `%(text)s`"])
    texts = Texts("ja")
    said = phrases.say(texts, "no rule matches; near miss: line 3 `x`")
    assert "3 行目 `x`" in said


def test_the_pattern_with_more_words_of_its_own_wins() -> None:
    phrases = Phrases(["%(a)s is odd", "the label %(b)s is odd"])
    assert phrases.recognised("the label x is odd") == ("the label %(b)s is odd", {"b": "x"})
    assert phrases.recognised("50% is odd") == ("%(a)s is odd", {"a": "50%"})
    assert phrases.recognised("nothing known") is None
