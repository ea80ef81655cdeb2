from __future__ import annotations

import base64
import hashlib

import pytest

from adapter import framing
from adapter.domains import DomainRules
from adapter.framing import Framing, Refuse, Serve

A = "https://contoso.crm.dynamics.com"
B = "https://forms.powerapps.test"
OWN = "https://adapter.ccaip.test"
RULES = DomainRules.parse("https://*.crm.dynamics.com\nhttp://plain.test")


def decided(
    dest: str | None = "iframe", referer: str | None = None, embedder: str | None = None
) -> Framing:
    return framing.decide(
        dest=dest,
        referer=referer,
        embedder_param=embedder,
        own_origins={OWN, "http://127.0.0.1:8000"},
        rules=RULES,
    )


def refused(found: Framing) -> str | None:
    return found.origin if isinstance(found, Refuse) else None


@pytest.mark.parametrize("dest", ["iframe", "frame", "object", "embed"])
def test_a_frame_in_a_foreign_page_is_refused_however_it_is_framed(dest: str) -> None:
    assert refused(decided(dest, f"{B}/")) == B


@pytest.mark.parametrize("dest", ["document", "empty", "image", "", None])
def test_what_is_not_known_to_be_framed_is_served(dest: str | None) -> None:
    assert decided(dest, f"{B}/", B) == Serve()


@pytest.mark.parametrize(
    "referer", [f"{A}/", A, f"{A}/main.aspx?id={{1}}#x", f"{A}:443/", f"{A}?x", f"{A}/a\nb"]
)
def test_a_frame_in_an_allowed_page_is_served_and_its_embedder_known(referer: str) -> None:
    assert decided(referer=referer) == Serve(A)


@pytest.mark.parametrize(
    "referer",
    [
        None,
        "",
        "about:client",
        f"{OWN}/",
        f"{OWN}:443/?embedder=x",
        "http://127.0.0.1:8000/",
        "null",
        "https://user@evil.test/",
        "https://EVIL.test/",
        "https://evil.test:99999/",
        "not a url",
        "file:///etc/passwd",
        "https://\x00.test/",
    ],
)
def test_a_missing_own_or_unreadable_referer_lets_the_header_decide(referer: str | None) -> None:
    assert decided(referer=referer) == Serve()


def test_a_scheme_that_the_header_cannot_tell_apart_is_refused_here() -> None:
    assert decided(referer="http://plain.test/") == Serve("http://plain.test")
    assert refused(decided(referer="https://plain.test/")) == "https://plain.test"


@pytest.mark.parametrize("origin", ["https://127.0.0.1", "https://[::1]:8443", f"{A}."])
def test_an_origin_that_no_rule_can_match_is_refused(origin: str) -> None:
    assert refused(decided(referer=f"{origin}/")) == origin


def test_a_refusal_brings_the_near_miss() -> None:
    found = decided(referer="https://contoso.crm4.dynamics.com/")
    assert isinstance(found, Refuse)
    assert "crm4 is another region" in found.decision.reason


def test_the_retry_link_is_refused_again_while_the_rule_is_missing() -> None:
    assert refused(decided(referer=f"{OWN}/", embedder=B)) == B
    assert refused(decided(referer=None, embedder=B)) == B


def test_the_embedder_parameter_only_makes_the_answer_stricter() -> None:
    assert refused(decided(referer=f"{B}/", embedder=A)) == B
    assert refused(decided(referer=f"{A}/", embedder=B)) == B
    assert decided(referer=f"{A}/", embedder="nonsense") == Serve(A)
    assert decided(referer=f"{A}/", embedder=OWN) == Serve(A)


def test_the_embedder_parameter_vouches_for_nobody() -> None:
    assert decided(referer=None, embedder=A) == Serve()
    assert decided(referer=f"{OWN}/", embedder=A) == Serve()


@pytest.mark.parametrize(
    ("ancestors", "wrong"),
    [
        ([A], None),
        ([A, OWN, A], None),
        ([B, A], B),
        ([A, B], B),
        ([], None),
        (["null"], None),
        (["null", B], B),
        (["file:///home/a/b.html", "file://", "chrome-extension://abc", ""], None),
        (["https://plain.test"], "https://plain.test"),
        (["HTTPS://contoso.crm.dynamics.com"], "HTTPS://contoso.crm.dynamics.com"),
        (["https://a b"], "https://a b"),
        (["https://127.0.0.1"], "https://127.0.0.1"),
    ],
    ids=str,
)
def test_every_real_ancestor_must_be_allowed(ancestors: list[str], wrong: str | None) -> None:
    assert refused(framing.check_ancestors(ancestors, OWN, RULES)) == wrong


def test_an_unreadable_own_origin_lets_nobody_in() -> None:
    assert refused(framing.check_ancestors(["https://a b"], "?", RULES)) == "https://a b"


def test_the_nearest_foreign_ancestor_is_the_embedder() -> None:
    ancestors = [OWN, A, "https://fabrikam.crm.dynamics.com"]
    assert framing.check_ancestors(ancestors, OWN, RULES) == Serve(A)


def directives(headers: dict[str, str]) -> dict[str, str]:
    parts = (part.partition(" ") for part in headers["Content-Security-Policy"].split("; "))
    return {name: value for name, _, value in parts}


def test_the_adapter_page_names_who_may_embed_first_and_is_never_cached() -> None:
    headers = framing.security_headers(RULES)
    assert headers["Content-Security-Policy"].startswith(
        "frame-ancestors 'self' https://*.crm.dynamics.com http://plain.test; default-src 'none'; "
    )
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin"
    assert "report-uri" not in headers["Content-Security-Policy"]


def test_the_adapter_page_runs_nothing_inline_unless_it_has_the_nonce() -> None:
    plain = directives(framing.security_headers(RULES))
    assert plain["script-src"] == "'self'"
    assert plain["frame-src"] == "'none'"
    nonced = directives(
        framing.security_headers(
            RULES,
            nonce="c29tZXRoaW5nIHJhbmRvbQ==",
            report_uri="/v1/csp-reports",
            frame_sources=[A],
            connect_sources=["wss://adapter.ccaip.test", "ws://127.0.0.1:8000"],
        )
    )
    assert nonced["script-src"] == "'self' 'nonce-c29tZXRoaW5nIHJhbmRvbQ=='"
    assert nonced["frame-src"] == A
    assert nonced["connect-src"] == "'self' wss://adapter.ccaip.test ws://127.0.0.1:8000"
    assert nonced["report-uri"] == "/v1/csp-reports"
    assert "unsafe" not in str(nonced)


def test_no_rules_means_nobody() -> None:
    headers = framing.security_headers(DomainRules.parse(""))
    assert directives(headers)["frame-ancestors"] == "'none'"


@pytest.mark.parametrize(
    "value", ["", "x; script-src *", "a,b", "a b", "ä", "a\n", "'unsafe-inline'"]
)
def test_a_value_that_could_end_a_directive_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not safe"):
        framing.security_headers(RULES, nonce=value)
    with pytest.raises(ValueError, match="not safe"):
        framing.security_headers(RULES, report_uri=value)
    with pytest.raises(ValueError, match="not safe"):
        framing.security_headers(RULES, frame_sources=[value])
    with pytest.raises(ValueError, match="not safe"):
        framing.security_headers(RULES, connect_sources=[value])


def test_the_refusal_card_may_be_shown_anywhere_and_runs_no_script() -> None:
    headers = framing.refusal_headers("p { margin: 0 }")
    digest = base64.b64encode(hashlib.sha256(b"p { margin: 0 }").digest()).decode()
    assert directives(headers) == {
        "frame-ancestors": "*",
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert "X-Frame-Options" not in headers
    assert headers["Cache-Control"] == "no-store"
