from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from adapter.domains import HEADER_LIMIT, DomainRules, RuleError, suggest
from adapter.errors import InvalidSettings

SAMPLE = Path(__file__).parents[1] / ".." / "shared" / "domain_cases_sample.tsv"

ORG = "https://contoso.crm.dynamics.com"


def verdict(rule: str, origin: str) -> str:
    try:
        return "allow" if DomainRules.parse(rule).allows(origin) else "deny"
    except RuleError:
        return "invalid-rule"


def unescaped(field: str) -> str:
    named = {"t": "\t", "n": "\n", "r": "\r", "0": "\0", "e": "", "\\": "\\"}

    def plain(match: re.Match[str]) -> str:
        code = match[1]
        return named[code] if code in named else chr(int(code[1:], 16))

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", plain, field)


def sample_cases() -> Iterator[tuple[str, str, str, str]]:
    for line in SAMPLE.read_text("utf-8").split("\n")[1:]:
        if line:
            rule, origin, expected, why = line.split("\t")
            yield unescaped(rule), unescaped(origin), expected, why


@pytest.mark.skipif(not SAMPLE.exists(), reason="the samples are not beside this checkout")
def test_every_sample_case_gets_the_verdict_it_names() -> None:
    cases = list(sample_cases())
    wrong = [case for case in cases if verdict(case[0], case[1]) != case[2]]
    assert cases
    assert wrong == []


ALLOWED = [
    ("contoso.crm.dynamics.com", ORG),
    ("contoso.crm.dynamics.com", "http://contoso.crm.dynamics.com"),
    ("https://contoso.crm.dynamics.com", ORG),
    ("\t https://contoso.crm.dynamics.com \t\r\n", ORG),
    ("\r\n\n \t\ncontoso.crm.dynamics.com", ORG),
    ("evil.example\r\ncontoso.crm.dynamics.com", ORG),
    ("hTTpS://CONTOSO.crm.Dynamics.COM", ORG),
    ("*.crm.dynamics.com", ORG),
    ("*.CRM.dynamics.com", "https://a.b.crm.dynamics.com"),
    ("*.com", ORG),
    ("*.dynamics.com:*", "http://contoso.crm.dynamics.com:1"),
    ("https://contoso.crm.dynamics.com:443", ORG),
    ("https://contoso.crm.dynamics.com:00000000000000000443", ORG),
    ("contoso.crm.dynamics.com:80", "http://contoso.crm.dynamics.com"),
    ("contoso.crm.dynamics.com:80", "https://contoso.crm.dynamics.com:80"),
    ("a.example:65535", "http://a.example:65535"),
    ("a.example:*", "https://a.example:65535"),
    ("localhost", "http://localhost"),
    ("http://localhost:*", "http://localhost:8000"),
    ("*.localhost:8000", "http://contoso.localhost:8000"),
    ("none", "https://none"),
    ("https:443", "https://https"),
    ("script-src", "https://script-src"),
    ("hp--uat.sandbox.my.salesforce.com", "https://hp--uat.sandbox.my.salesforce.com"),
    ("*.sandbox.my.salesforce.com", "https://hp--uat.sandbox.my.salesforce.com"),
    ("*.crm.dynamics.com", "https://my_host.crm.dynamics.com"),
    ("*.crm.dynamics.com", "https://x-.crm.dynamics.com"),
    ("1.example", "https://1.example"),
    ("example.0xyz", "https://example.0xyz"),
    ("example.1a", "https://example.1a"),
    ("münchen.example", "https://xn--mnchen-3ya.example"),
    ("MÜNCHEN.example", "https://xn--mnchen-3ya.example"),
    ("mu\u0308nchen.example", "https://xn--mnchen-3ya.example"),
    ("XN--Mnchen-3YA.example", "https://xn--mnchen-3ya.example"),
    ("*.münchen.example", "https://crm.xn--mnchen-3ya.example"),
    ("faß.example", "https://xn--fa-hia.example"),
    ("βόλος.example", "https://xn--nxasmm1c.example"),
    ("日本語。jp", "https://xn--wgv71a119e.jp"),
    ("\uff43\uff4f\uff4e\uff54\uff4f\uff53\uff4f\uff0eexample", "https://contoso.example"),
    ("con\u00adtoso.example", "https://contoso.example"),
    ("אבג.example", "https://xn--4dbcd.example"),
    ("क्\u200dष.example", "https://xn--11b2ezcw70k.example"),
    ("xn--80ak6aa92e.com", "https://xn--80ak6aa92e.com"),
    ("a" * 63 + ".example", "https://" + "a" * 63 + ".example"),
    (
        "*." + ".".join(["a" * 48] * 5) + ".xcom",
        "https://abc." + ".".join(["a" * 48] * 5) + ".xcom",
    ),
]


@pytest.mark.parametrize(("rule", "origin"), ALLOWED, ids=ascii)
def test_a_rule_admits_what_it_says(rule: str, origin: str) -> None:
    assert verdict(rule, origin) == "allow"


DENIED = [
    ("", ORG),
    ("\n\r\n \t", ORG),
    ("https://contoso.crm.dynamics.com", "http://contoso.crm.dynamics.com"),
    ("https://contoso.crm.dynamics.com", "http://contoso.crm.dynamics.com:443"),
    ("http://contoso.crm.dynamics.com", ORG),
    ("http://contoso.crm.dynamics.com:443", ORG),
    ("contoso.crm.dynamics.com:80", ORG),
    ("contoso.crm.dynamics.com", "https://contoso.crm.dynamics.com:80"),
    ("contoso.crm.dynamics.com", "http://contoso.crm.dynamics.com:443"),
    ("https://contoso.crm.dynamics.com", "https://contoso.crm.dynamics.com:8443"),
    ("*.crm.dynamics.com", "https://crm.dynamics.com"),
    ("*.crm.dynamics.com", "https://contoso.crm4.dynamics.com"),
    ("*.crm.dynamics.com", "https://contoso.crm11.dynamics.com"),
    ("*.crm.dynamics.com", "https://evilcrm.dynamics.com"),
    ("*.crm.dynamics.com", "https://contoso.crm.dynamics.com.evil.com"),
    ("*.crm.dynamics.com", "https://contoso-crm.dynamics.com"),
    ("*.crm.dynamics.com", "https://contoso.crmXdynamics.com".lower()),
    ("*.force.com", "https://salesforce.com"),
    ("crm.dynamics.com", ORG),
    ("contoso.crm.dynamics.com", "https://a.contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", "https://contoso.crm.dynamics.com."),
    ("*.crm.dynamics.com", "https://.crm.dynamics.com"),
    ("*.crm.dynamics.com", "https://a..crm.dynamics.com"),
    ("*.crm.dynamics.com", "https://*.crm.dynamics.com"),
    ("*.crm.dynamics.com", "https://CONTOSO.crm.dynamics.com"),
    ("*.crm.dynamics.com", "HTTPS://contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", ORG + "/"),
    ("*.crm.dynamics.com", ORG + "?"),
    ("*.crm.dynamics.com", ORG + "#"),
    ("*.crm.dynamics.com", ORG + ":"),
    ("*.crm.dynamics.com", ORG + ":65536"),
    ("*.crm.dynamics.com:*", ORG + ":+443"),
    ("*.crm.dynamics.com:*", ORG + ":4_43"),
    ("*.crm.dynamics.com:*", ORG + ":\uff14\uff14\uff13"),
    ("*.crm.dynamics.com:*", ORG + ":*"),
    ("*.crm.dynamics.com", ORG + "\n"),
    ("*.crm.dynamics.com", " " + ORG),
    ("*.crm.dynamics.com", ORG + " " + ORG),
    ("*.crm.dynamics.com", "https://evil.com@contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", "https://contoso%2ecrm.dynamics.com"),
    ("*.crm.dynamics.com", "https:contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", "https:///contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", "https:\\\\contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", "contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", "//contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", "blob:https://contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", "wss://contoso.crm.dynamics.com"),
    ("*.crm.dynamics.com", ""),
    ("münchen.example", "https://münchen.example"),
    ("münchen.example", "https://munchen.example"),
    ("faß.example", "https://fass.example"),
    ("localhost:*", "http://127.0.0.1:8000"),
    ("localhost:*", "http://[::1]:8000"),
    ("localhost", "file://"),
    ("localhost", "chrome-extension://localhost"),
    ("null", "null"),
]


@pytest.mark.parametrize(("rule", "origin"), DENIED, ids=ascii)
def test_a_rule_admits_nothing_else(rule: str, origin: str) -> None:
    assert verdict(rule, origin) == "deny"


EXPLAINED = [
    ("*.example\nhttps://a.example", "https://a.example", "line 1 `*.example` admits it"),
    ("*.crm.dynamics.com", "https://crm.dynamics.com",
     "line 1 `*.crm.dynamics.com` does not match the apex"),
    ("*.crm.dynamics.com", "https://contoso.crm4.dynamics.com",
     "near miss: crm4 is another region: line 1 `*.crm.dynamics.com` is for crm"),
    ("https://contoso.crm.dynamics.com", "https://contoso.crm4.dynamics.com",
     "crm4 is another region"),
    ("https://a.example", "http://a.example", "http, line 1 `https://a.example` wants https"),
    ("http://a.example", "https://a.example", "https, line 1 `http://a.example` wants http"),
    ("https://a.example:*", "http://a.example:81", "scheme http"),
    ("https://a.example", "https://a.example:8443", "wants the default port 443"),
    ("https://a.example:8443", "https://a.example", "wants port 8443"),
    ("https://a.example:8443", "http://a.example", "wants port 8443 and scheme https"),
    ("a.example", "https://a.example.", "trailing dot"),
    ("b.example.test", "https://a.b.example.test", "need `*.b.example.test`"),
    ("https://a.b.example.test", "https://c.example.test", "another host under `example.test`"),
    ("*.mycompany.com", "https://notmycompany.com", "ends in the letters of line 1"),
    ("*.mycompany.com", "https://mycompany.com.evil.test", "look-alike"),
    ("*.mycompany.com", "https://a.mycompany.com.evil.test", "look-alike"),
    ("a.example", "null", "opaque origin"),
    ("a.example", "", "empty"),
    ("a.example", "file:///C:/x y.html", "only http and https"),
    ("a.example", "chrome-extension://abc", "only http and https"),
    ("a.example", "about:srcdoc", "only http and https"),
    ("a.example", "localhost:8000", "an origin is written"),
    ("a.example", "https://a.example/", "no path"),
    ("a.example", "https://u@a.example", "no user name"),
    ("a.example", "https://A.example", "lower case"),
    ("a.example", "https://ä.example", "punycode"),
    ("a.example", "https://*.example", "wildcard"),
    ("a.example", "https://a%2eexample", "percent"),
    ("a.example", "https://a.example:", "no port"),
    ("a.example", "https://a.example:70000", "up to 65535"),
    ("a.example", "https://a..example", "empty label"),
    ("a.example", "https://:80", "no host"),
    ("a.example", "https://a.example, https://b.example", "more than one"),
    ("a.example", "https://a.example\n", "control"),
    ("a.example", "https://a!b", "not an origin"),
    ("a.example", "https://127.0.0.1", "IP address"),
    ("a.example", "https://[::1]:8443", "IP address"),
    ("", "https://a.example", "no rules: nobody"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "origin", "reason"), EXPLAINED, ids=ascii)
def test_a_decision_says_why_in_plain_words(rules: str, origin: str, reason: str) -> None:
    assert reason in DomainRules.parse(rules).explain(origin).reason


@pytest.mark.parametrize(
    "origin", ["https://evil.test", "https://other.co.uk", "https://com", "https://e.test."]
)
def test_a_stranger_is_no_near_miss(origin: str) -> None:
    decision = DomainRules.parse("*.crm.dynamics.com\nhttps://contoso.co.uk").explain(origin)
    assert (decision.allowed, decision.rule, decision.near_miss) == (False, None, None)


def test_another_region_is_no_near_miss_without_a_rule_for_dynamics() -> None:
    rules = DomainRules.parse("https://*.zendesk.com\nhttps://fabrikam.crm4.dynamics.com")
    assert rules.explain("https://x.crm5.dynamics.com").near_miss == rules.rules[1]
    assert DomainRules.parse("a.test").explain("https://x.crm5.dynamics.com").near_miss is None


def test_a_near_miss_is_the_rule_itself() -> None:
    rules = DomainRules.parse("https://a.example\n*.crm.dynamics.com")
    near = rules.explain("https://contoso.crm4.dynamics.com").near_miss
    assert near is not None
    assert (near.line, near.text) == (2, "*.crm.dynamics.com")


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        ("", "'none'"),
        ("https://a.example", "'self' https://a.example"),
        ("a.example", "'self' https://a.example http://a.example"),
        ("*.b.example:*", "'self' https://*.b.example:* http://*.b.example:*"),
        ("HTTPS://A.example:0443", "'self' https://a.example:443"),
        ("münchen.example:81\nhttps://xn--mnchen-3ya.example:81",
         "'self' https://xn--mnchen-3ya.example:81 http://xn--mnchen-3ya.example:81"),
    ],
    ids=ascii,
)  # fmt: skip
def test_the_header_says_what_the_rules_say(rules: str, value: str) -> None:
    parsed = DomainRules.parse(rules)
    assert parsed.frame_ancestors() == value
    assert parsed.header_bytes() == len("frame-ancestors ") + len(value)
    assert parsed.header_fault is None


def test_a_value_that_browsers_would_drop_is_never_sent() -> None:
    (rule,) = DomainRules.parse("a.example").rules
    forged = type(rule)(1, "ä", "https", wildcard=False, host="ä.example", port=None)
    rules = DomainRules("ä", (forged,))
    assert rules.frame_ancestors() == "'none'"
    assert rules.header_fault is not None


def test_a_list_too_long_for_a_header_is_refused_clearly() -> None:
    rules = DomainRules.parse("\n".join(f"https://host-{n}.example" for n in range(400)))
    with pytest.raises(InvalidSettings, match="400 rules make a header of"):
        rules.require_header_fits()
    rules.require_header_fits(limit=HEADER_LIMIT * 4)


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (ORG, ORG),
        ("https://contoso.crm.dynamics.com:443", ORG),
        ("http://contoso.localhost:8000", "http://contoso.localhost:8000"),
        ("null", ""),
        ("https://127.0.0.1", ""),
        ("https://[::1]", ""),
        ("https://a.example.", ""),
        ("https://a_b.example", ""),
        ("https://a.example:0", ""),
        ("<script>", ""),
    ],
)
def test_the_suggested_line_is_what_an_admin_would_add(origin: str, line: str) -> None:
    assert suggest(origin) == line


LABELS = st.sampled_from(["a", "b", "crm", "xcrm", "a-b", "1", "xn--mnchen-3ya", "test"])
HOSTS = st.lists(LABELS, min_size=1, max_size=5).map(lambda labels: ".".join([*labels, "test"]))
SCHEMES = st.sampled_from(["http", "https"])
PORTS = st.sampled_from([80, 443, 8443])
RULES = st.tuples(
    st.none() | SCHEMES, st.booleans(), HOSTS, st.none() | st.just("*") | PORTS.map(str)
)
ORIGINS = st.tuples(SCHEMES, HOSTS, st.none() | PORTS)

RuleParts = tuple[str | None, bool, str, str | None]


def written(rule: RuleParts) -> str:
    scheme, wildcard, host, port = rule
    head = f"{scheme}://" if scheme else ""
    return f"{head}{'*.' if wildcard else ''}{host}{f':{port}' if port else ''}"


def admits(rule: RuleParts, scheme: str, host: str, port: int | None) -> bool:
    """Match one rule naively, by the sentences of the specification."""
    wanted_scheme, wildcard, domain, wanted_port = rule
    default = 443 if scheme == "https" else 80
    actual = port or default
    same_host = host.endswith("." + domain) if wildcard else host == domain
    same_scheme = wanted_scheme in {None, scheme}
    same_port = wanted_port == "*" or actual == int(wanted_port or default)
    return same_host and same_scheme and same_port


@settings(deadline=None, max_examples=300)
@given(st.lists(RULES, max_size=12), ORIGINS)
def test_the_matcher_agrees_with_a_naive_one(
    lines: list[RuleParts], origin: tuple[str, str, int | None]
) -> None:
    scheme, host, port = origin
    text = f"{scheme}://{host}{f':{port}' if port else ''}"
    matching = [at for at, rule in enumerate(lines, 1) if admits(rule, scheme, host, port)]
    rules = DomainRules.parse("\n".join(written(rule) for rule in lines))
    decision = rules.explain(text)
    assert rules.allows(text) is bool(matching) is decision.allowed
    assert (decision.rule.line if decision.rule else None) == (matching[0] if matching else None)


@settings(deadline=None, max_examples=200)
@given(st.lists(RULES, min_size=1, max_size=8))
def test_dropping_the_shadowed_rules_changes_nothing(lines: list[RuleParts]) -> None:
    rules = DomainRules.parse("\n".join(written(rule) for rule in lines))
    shadowed = {caution.line for caution in rules.warnings if caution.code == "shadowed"}
    kept = DomainRules("", tuple(rule for rule in rules if rule.line not in shadowed))
    for scheme in ("http", "https"):
        for host in {f"{prefix}{rule.host}" for rule in rules for prefix in ("", "x.", "x.a.")}:
            for port in ("", ":80", ":443", ":8443", ":9"):
                origin = f"{scheme}://{host}{port}"
                assert kept.allows(origin) == rules.allows(origin)


WILD_TEXT = st.text() | st.text(
    alphabet="*.:/ahtps0189-_[]%@'\",;# \t\r\n\x00\x7f\xa0\u2028ßü❤א。\uff0axn"
)


@settings(deadline=None, max_examples=500)
@given(WILD_TEXT)
def test_parsing_any_text_gives_rules_or_a_rule_error(text: str) -> None:
    try:
        rules = DomainRules.parse(text)
    except RuleError as error:
        problems = error.problems
    else:
        problems = ()
        hold_together(rules)
    lines = text.split("\n")
    assert all(problem.reason and problem.text in lines[problem.line - 1] for problem in problems)


def hold_together(rules: DomainRules) -> None:
    assert re.fullmatch(r"[a-z0-9.:/*' -]+", rules.frame_ancestors())
    for rule in rules:
        host = f"x.{rule.host}" if rule.wildcard else rule.host
        port = "9" if rule.port == "*" else rule.port
        origin = f"{rule.schemes[0]}://{host}{f':{port}' if port else ''}"
        assert rules.allows(origin)
    assert [caution for caution in rules.warnings if not caution.detail] == []


@settings(deadline=None, max_examples=500)
@given(WILD_TEXT | WILD_TEXT.map(lambda text: f"https://{text}"))
def test_asking_about_any_text_never_raises_and_the_answers_agree(origin: str) -> None:
    rules = DomainRules.parse("*.a.test:*\nhttps://*.com\nlocalhost\n*.crm.dynamics.com")
    decision = rules.explain(origin)
    assert rules.allows(origin) == decision.allowed == (decision.rule is not None)
    assert decision.reason
    line = suggest(origin)
    assert line == "" or DomainRules.parse(line).allows(origin)


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.characters(min_codepoint=0x80), min_size=1, max_size=6))
def test_an_international_rule_is_emitted_in_punycode(label: str) -> None:
    try:
        rules = DomainRules.parse(f"https://{label}.test")
    except RuleError:
        return
    (rule,) = rules
    assert rule.host.isascii()
    assert rules.frame_ancestors() == f"'self' https://{rule.host}"
    assert DomainRules.parse(f"https://{rule.host}").rules[0].host == rule.host
