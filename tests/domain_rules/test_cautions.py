from __future__ import annotations

import pytest

from adapter.domains import PRESETS, DomainRules

CAUTIONED = [
    ("https://*.com", ["public-suffix"]),
    ("https://*.github.io", ["public-suffix"]),
    ("https://*.co.uk", ["public-suffix"]),
    ("https://*.crm4.dynamics.com", ["shared-suffix"]),
    ("https://*.api.crm22.dynamics.com", ["shared-suffix"]),
    ("https://*.crm99.dynamics.com", ["shared-suffix"]),
    ("https://*.dynamics.com", ["shared-suffix"]),
    ("https://*.crm.microsoftdynamics.us", ["shared-suffix"]),
    ("https://*.zendesk.com", ["shared-suffix"]),
    ("https://*.my.salesforce.com", ["shared-suffix"]),
    ("https://*.mycompany.com", ["apex"]),
    ("https://*.mycompany.com\nhttps://mycompany.com", []),
    ("https://*.mycompany.com\nhttps://mycompany.com:8443", ["apex"]),
    ("https://*.mycompany.com\nhttps://mycompany.com:*", []),
    ("https://*.a.test\nhttps://*.b.a.test\nhttps://a.test", ["shadowed"]),
    ("https://contoso.crm.dynamics.com", []),
    ("contoso.crm.dynamics.com", ["any-scheme"]),
    ("http://a.example", ["http"]),
    ("https://münchen.example", ["punycode"]),
    ("https://xn--mnchen-3ya.example", ["punycode"]),
    ("https://a.example\nhttps://a.example", ["shadowed"]),
    ("https://a.example\nhttps://a.example:443", ["shadowed"]),
    ("https://a.example:8443\nhttps://a.example:*", ["shadowed"]),
    ("https://b.a.test\nhttps://*.a.test\nhttps://a.test", ["shadowed"]),
    ("https://*.b.a.test\nhttps://b.a.test\nhttps://*.a.test\nhttps://a.test", ["shadowed"] * 2),
    ("https://a.test\na.test", ["any-scheme"]),
    ("a.test\nhttps://a.test", ["any-scheme", "shadowed"]),
    ("https://a.test\nhttp://a.test\na.test", ["http", "shadowed", "any-scheme"]),
]


@pytest.mark.parametrize(("rules", "codes"), CAUTIONED, ids=ascii)
def test_rules_that_may_not_be_meant_are_warned_about(rules: str, codes: list[str]) -> None:
    assert [caution.code for caution in DomainRules.parse(rules).warnings] == codes


def test_the_warning_about_shared_hosts_names_the_region_and_the_better_rule() -> None:
    (caution,) = DomainRules.parse("https://*.crm7.dynamics.com").warnings
    assert "Dynamics 365 (Japan)" in caution.detail
    assert "https://contoso.crm7.dynamics.com" in caution.detail


def test_no_line_is_suggested_that_another_warning_is_against() -> None:
    text = "*.com\n*.crm4.dynamics.com\n*.co.jp\nnull\ncontoso.example"
    found = DomainRules.parse(text).warnings
    assert [each.suggestion for each in found if each.code == "any-scheme"] == [
        *(None, None, None, None),
        "https://contoso.example",
    ]


def test_the_warning_about_http_says_that_nobody_can_sign_in_there() -> None:
    (caution,) = DomainRules.parse("http://a.example").warnings
    assert "people cannot sign in to the panel on an http page" in caution.detail


def test_the_warning_about_a_shadowed_rule_names_the_line() -> None:
    (caution,) = DomainRules.parse("https://a.example\nhttps://a.example:443").warnings
    assert caution.line == 2
    assert "line 1 `https://a.example`" in caution.detail


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_line_parses_and_matches_a_host(preset: str) -> None:
    for line in PRESETS[preset]:
        rules = DomainRules.parse(line)
        assert rules.allows("https://contoso." + line.removeprefix("https://*."))
        assert [caution.code for caution in rules.warnings] == ["shared-suffix"]
