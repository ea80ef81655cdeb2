from __future__ import annotations

import pytest

from adapter.domains import DomainRules, RuleError
from adapter.errors import InvalidSettings

INVALID = [
    ("*", "domain after it"),
    ("*.", "domain after it"),
    ("*:443", "domain after it"),
    ("https://*", "domain after it"),
    ("*://contoso.example", "never a wildcard"),
    ("h*://contoso.example", "never a wildcard"),
    ("a.*.example", "whole first label"),
    ("*a.example", "whole first label"),
    ("*.*.example", "whole first label"),
    ("**.example", "whole first label"),
    ("a.example.*", "whole first label"),
    ("\uff0a.example", "U+FF0A"),
    ("*。example", "whole first label"),
    ("mail://a.example", "no page has the protocol `mail`"),
    ("ws://a.example", "no page has the protocol `ws`"),
    ("://a.example", "before `://`"),
    ("\uff48ttps://a.example", "before `://`"),
    ("https:// a.example", "white space"),
    ("https:a.example", "a port from"),
    ("https:", "no port"),
    ("https://", "no domain"),
    ("https:///a.example", "no path"),
    ("//a.example", "no path"),
    ("a.example/", "no path"),
    ("a.example:443/", "no path"),
    ("a.example/*", "no path"),
    ("a.example?x", "no query"),
    ("a.example#x", "no fragment"),
    ("# a comment", "no comments"),
    ("u@a.example", "no user name"),
    ("u:p@a.example", "no user name"),
    ("'self'", "keywords"),
    ('"a.example"', "keywords"),
    ("a.example; script-src *", "directive"),
    ("a.example,b.example", "policy"),
    ("a.example b.example", "white space"),
    ("a.example\tb.example", "white space"),
    ("a.example\rb.example", "white space"),
    ("a.example\r\r\n", "white space"),
    ("a.example\x0b", "white space"),
    ("a.example\x0c", "white space"),
    ("a.example\x1c", "white space"),
    ("a.example\x85b.example", "white space"),
    ("a.example\u2029b.example", "white space"),
    ("a.example\x01", "control character"),
    ("a.example\x7f", "control character"),
    ("a.example:", "no port"),
    ("a.example:0", "a port from 1"),
    ("a.example:000", "a port from 1"),
    ("a.example:65536", "a port from 1"),
    ("a.example:4294967739", "a port from 1"),
    ("a.example:" + "9" * 5000, "a port from 1"),
    ("a.example:+443", "a port from 1"),
    ("a.example:-1", "a port from 1"),
    ("a.example:4_43", "`_`"),
    ("a.example:44*", "a port from 1"),
    ("a.example:\uff14\uff14\uff13", "a port from 1"),
    ("a.example:²", "a port from 1"),
    ("a.example: 443", "white space"),
    ("a.example:443:443", "a port from 1"),
    ("a.example.", "trailing dot"),
    ("*.a.example.", "trailing dot"),
    ("a.example。", "trailing dot"),
    (".", "no domain"),
    (".a.example", "empty label"),
    ("a..example", "empty label"),
    ("\u00ad.example", "empty label"),
    ("\ufeffa.example", "invisible character (U+FEFF)"),
    ("\ufeffhttps://a.example", "invisible character (U+FEFF)"),
    ("a\u200b.example", "invisible character (U+200B)"),
    ("a\u2060b.example", "invisible character (U+2060)"),
    ("a.example\ufe0f:443", "invisible character (U+FE0F)"),
    ("a_b.example", "`_`"),
    ("-a.example", "hyphen"),
    ("a-.example", "hyphen"),
    ("*.-a.example", "hyphen"),
    ("a\\b.example", "only letters"),
    ("a" * 64 + ".example", "longer than 63"),
    ("ü" * 60 + ".example", "longer than 63"),
    (".".join(["a" * 49] * 5) + ".comm", "longer than 253"),
    ("a." * 10_000 + "example", "longer than 253"),
    ("127.0.0.1", "IP address"),
    ("*.0.0.1", "IP address"),
    ("*.168.7.7", "IP address"),
    ("2130706433", "IP address"),
    ("0x7f.1", "IP address"),
    ("127.1", "IP address"),
    ("a.example.0x", "IP address"),
    ("a.example.0xFF", "IP address"),
    ("\uff11\uff12\uff17.0.0.\uff11", "IP address"),
    ("[::1]", "IPv6"),
    ("https://[::1]:8443", "IPv6"),
    ("::1", "a port from 1"),
    ("i❤.example", "U+2764"),
    ("\u2018a\u2019.example", "U+2018"),
    ("a\u2024example", "U+2024"),
    ("a\u180eb.example", "U+180E"),
    ("stra\u1e9ee.example", "U+1E9E"),
    ("a\u200db.example", "U+200D"),
    ("a\ud800.example", "U+D800"),
    ("\u0301a.example", "combining mark"),
    ("ab--ü.example", "third and fourth"),
    ("1a.אבג.example", "right-to-left"),
    ("xn--a.example", "punycode"),
    ("xn--abc-.example", "hyphen"),
    ("xn--99999999.example", "punycode"),
    ("xn--" + "Ü".encode("punycode").decode() + ".example", "punycode"),
    ("xn--" + "a\u200dbü".encode("punycode").decode() + ".example", "punycode"),
    ("xn--" + "\u0301ü".encode("punycode").decode() + ".example", "punycode"),
    ("xn--a-b.example", "punycode"),
    ("xn--0.example", "punycode"),
    ("xn---bbk.example", "punycode"),
    ("+.example", "only letters"),
    ("contoso%2eexample", "percent"),
    ("https://https://a.example", "`://`"),
    ("data:", "no port"),
]


@pytest.mark.parametrize(("rule", "reason"), INVALID, ids=lambda value: ascii(value)[:40])
def test_a_bad_rule_is_refused_with_its_reason(rule: str, reason: str) -> None:
    with pytest.raises(RuleError) as caught:
        DomainRules.parse(rule)
    assert reason in caught.value.problems[0].reason


def test_one_bad_line_refuses_the_text_and_every_bad_line_is_named() -> None:
    with pytest.raises(RuleError) as caught:
        DomainRules.parse("a.example\n\n*\r\n \tb_c.example \nd.example")
    assert isinstance(caught.value, InvalidSettings)
    assert [(problem.line, problem.text) for problem in caught.value.problems] == [
        (3, "*"),
        (4, "b_c.example"),
    ]
    assert [place.at for place in caught.value.places] == ["line 3", "line 4"]
    assert "line 3: a wildcard" in str(caught.value)


def test_rules_keep_their_line_and_their_text() -> None:
    rules = DomainRules.parse("\n https://a.example\n\n*.b.example:0443")
    assert len(rules) == 2
    assert [(rule.line, rule.text, rule.port) for rule in rules] == [
        (2, "https://a.example", None),
        (4, "*.b.example:0443", 443),
    ]
    assert rules.text == "\n https://a.example\n\n*.b.example:0443"
    assert bool(DomainRules.parse("")) is True
