"""Warn about rules that are valid and still may not do what their author meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from adapter.domain_rules import crm_hosts, names, public_suffixes
from adapter.domain_rules.grammar import Rule
from adapter.domain_rules.index import Key, RuleIndex, names_above

Code = Literal[
    "public-suffix", "shared-suffix", "apex", "shadowed", "any-scheme", "http", "punycode"
]


@dataclass(frozen=True, slots=True)
class Caution:
    """One warning about one line; `suggestion` is a line to add or to write instead, if any."""

    line: int
    text: str
    code: Code
    detail: str
    suggestion: str | None = None


def cautions(rules: Iterable[Rule], index: RuleIndex) -> Iterator[Caution]:
    """Give every warning, line by line."""
    for rule in rules:
        for found in (
            _too_wide(rule, index),
            _shadowed(rule, index),
            _scheme(rule),
            _punycode(rule),
        ):
            if found:
                yield found


def _is_too_wide(rule: Rule) -> bool:
    shared = public_suffixes.is_public_suffix(rule.host) or crm_hosts.shared_by(rule.host)
    return rule.wildcard and bool(shared)


def _too_wide(rule: Rule, index: RuleIndex) -> Caution | None:
    if not rule.wildcard:
        return None
    if public_suffixes.is_public_suffix(rule.host):
        detail = f"anyone can register a name under `{rule.host}`: every such site may embed"
        return _caution(rule, "public-suffix", detail)
    vendor = crm_hosts.shared_by(rule.host)
    if vendor:
        detail = (
            f"every customer of {vendor} has a host under `{rule.host}` and could show the "
            f"panel, a free trial is enough: name your own organisation's host instead, such as "
            f"`https://contoso.{rule.host}`"
        )
        return _caution(rule, "shared-suffix", detail)
    return _apex(rule, index)


def _apex(rule: Rule, index: RuleIndex) -> Caution | None:
    for admitted in index.places(rule.host):
        if any(key in admitted or (key[0], None) in admitted for key in rule.admitted):
            return None
    detail = f"`{rule.host}` itself is not matched, only names below it"
    return _caution(rule, "apex", detail, rule.text.replace("*.", "", 1))


def _shadowed(rule: Rule, index: RuleIndex) -> Caution | None:
    wider = [_wider(rule, key, index) for key in rule.admitted]
    if None in wider:
        return None
    lines = " and ".join(dict.fromkeys(str(found) for found in wider))
    return _caution(rule, "shadowed", f"everything it admits is admitted by {lines} already")


def _wider(rule: Rule, key: Key, index: RuleIndex) -> Rule | None:
    """Give a rule that admits all of `rule` at `key`: an earlier equal one, or a wider one.

    Equal ones count only when earlier, so that two rules never hide each other.
    """
    here = index.wild if rule.wildcard else index.exact
    places = [here.get(rule.host, {})]
    places += [index.wild[name] for name in names_above(rule.host) if name in index.wild]
    for place in places:
        for wanted in (key, (key[0], None)):
            other = place.get(wanted)
            if other and other is not rule:
                return other
    return None


def _scheme(rule: Rule) -> Caution | None:
    if rule.scheme is None:
        detail = "without a protocol it admits http too, which anyone on the network can forge"
        # What another line warns against is suggested by none, nor an origin that is no host.
        bad = _is_too_wide(rule) or rule.host == "null"
        return _caution(rule, "any-scheme", detail, None if bad else f"https://{rule.text}")
    if rule.scheme == "http":
        detail = (
            "people cannot sign in to the panel on an http page: give it https; browsers let https "
            "pages of that host embed too, our own checks refuse them"
        )
        return _caution(rule, "http", detail)
    return None


def _punycode(rule: Rule) -> Caution | None:
    if not rule.text.isascii():
        detail = f"browsers know this host as `{rule.pattern}`"
        return _caution(rule, "punycode", detail)
    if "xn--" in rule.host:
        prefix = "*." if rule.wildcard else ""
        detail = f"people read this host as `{prefix}{names.to_unicode(rule.host)}`"
        return _caution(rule, "punycode", detail)
    return None


def _caution(rule: Rule, code: Code, detail: str, suggestion: str | None = None) -> Caution:
    return Caution(rule.line, rule.text, code, detail, suggestion)
