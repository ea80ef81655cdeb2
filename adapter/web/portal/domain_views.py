"""Write what was found out about domain rules and refused pages, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from adapter.domain_rules.crm_hosts import DYNAMICS_REGIONS
from adapter.domains import DomainRules, suggest
from adapter.errors import Place
from adapter.i18n import Texts
from adapter.store.refusals import Refusal
from adapter.web.portal.domain_findings import Findings
from adapter.web.portal.domain_sentences import PHRASES

SHOWN_AGENTS = 5
SHOWN_REFUSALS = 50


def places(texts: Texts, found: Findings) -> list[Place]:
    """Name what keeps a text from being saved, at the form's field."""
    if found.fault:
        return [Place("text", PHRASES.say(texts, found.fault))]
    return [
        Place(
            "text",
            texts(
                "Line %(line)s `%(text)s`: %(reason)s",
                line=each.line,
                text=each.text,
                reason=PHRASES.say(texts, each.reason),
            ),
        )
        for each in found.problems
    ]


def refused_lately(
    texts: Texts, rows: Iterable[Refusal], rules: DomainRules, *, trial: bool = False
) -> list[dict[str, Any]]:
    """Give one row for each refused origin, however it was seen, with what the rules say today."""
    grouped: dict[str, list[Refusal]] = {}
    for row in rows:
        grouped.setdefault(row.origin, []).append(row)
    return [
        _refused(texts, origin, group, rules, trial=trial)
        for origin, group in list(grouped.items())[:SHOWN_REFUSALS]
    ]


def _refused(
    texts: Texts, origin: str, group: list[Refusal], rules: DomainRules, *, trial: bool
) -> dict[str, Any]:
    decision = rules.explain(origin)
    line = suggest(origin)
    return {
        "origin": texts("a page that hides its address") if origin == "unknown" else origin,
        "line": line,
        # A page refused by the server runs no script; one on trial is seen in every way at once.
        "count": (max if trial else sum)(each.count for each in group),
        "last": max(each.last for each in group),
        "seen_by": sorted({each.seen_by for each in group}),
        # Where no line could allow it, what was seen then says more than the origin itself.
        "reason": PHRASES.say(texts, decision.reason if line else group[0].reason),
        "allowed": decision.allowed,
    }


def systems(texts: Texts) -> list[tuple[str, str]]:
    """Give the CRMs to choose from: every region of Dynamics, then the others."""
    dynamics = [
        (suffix, f"Dynamics 365, {PHRASES.say(texts, region)} ({suffix})")
        for suffix, region in DYNAMICS_REGIONS.items()
    ]
    others = [("salesforce", "Salesforce"), ("zendesk", "Zendesk"), ("kustomer", "Kustomer")]
    return [*dynamics, *others]


def told(texts: Texts, found: Findings, limit: int) -> dict[str, Any]:
    """Write findings for a page or its script; `limit` is of the header, in bytes."""
    return {
        "problems": [
            {"line": each.line, "text": each.text, "detail": PHRASES.say(texts, each.reason)}
            for each in found.problems
        ],
        "fault": PHRASES.say(texts, found.fault) if found.fault else "",
        "warnings": [
            {
                "line": each.line,
                "text": each.text,
                "detail": PHRASES.say(texts, each.detail),
                "suggestion": each.suggestion or "",
            }
            for each in found.warnings
        ],
        "header": f"Content-Security-Policy: {found.header}" if found.header else "",
        "size": texts("%(size)s of %(limit)s bytes", size=found.header_bytes, limit=limit),
        "tried": _decided(texts, found),
        "cut_off": [
            {"origin": each.origin, "agents": agents(texts, each.agents)} for each in found.cut_off
        ],
    }


def agents(texts: Texts, names: tuple[str, ...]) -> str:
    """Name a few agents, and how many more there are."""
    shown = ", ".join(names[:SHOWN_AGENTS])
    more = len(names) - SHOWN_AGENTS
    if more <= 0:
        return shown
    return texts.many("%(names)s and %(num)d more", "%(names)s and %(num)d more", more, names=shown)


def _decided(texts: Texts, found: Findings) -> dict[str, Any] | None:
    if found.decision is None:
        return None
    allowed = found.decision.allowed
    title = (
        texts("%(origin)s may show the panel", origin=found.tried)
        if allowed
        else texts("%(origin)s may not show the panel", origin=found.tried)
    )
    return {
        "title": title,
        "allowed": allowed,
        "reason": PHRASES.say(texts, found.decision.reason),
        "line": found.decision.rule.line if found.decision.rule else None,
        "add": "" if allowed else suggest(found.tried),
    }
