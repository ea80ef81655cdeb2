"""Decide which pages may show the adapter: the tenant's domain rules, and what they match."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from adapter.domain_rules import cautions, grammar
from adapter.domain_rules.cautions import Caution
from adapter.domain_rules.crm_hosts import PRESETS
from adapter.domain_rules.grammar import Problem, Rule, RuleError
from adapter.domain_rules.index import NearMisses, RuleIndex
from adapter.errors import InvalidSettings

__all__ = [
    "HEADER_LIMIT",
    "PRESETS",
    "Caution",
    "Decision",
    "DomainRules",
    "Problem",
    "Rule",
    "RuleError",
    "suggest",
]

HEADER_LIMIT = 8000
"""Bytes of `frame-ancestors` that may be saved: common proxies give up at 8 KB of headers."""

_SAFE = re.compile(r"[a-z0-9.:/*' -]+")
"""One other byte makes browsers drop the whole directive, which lets every site embed."""

_NOBODY = "'none'"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an origin may embed, by which rule, and why in plain words.

    `rule` is the first line that admits it, None when none does; `near_miss` then is the line
    that an admin may have meant.
    """

    allowed: bool
    rule: Rule | None
    reason: str
    near_miss: Rule | None = None


@dataclass(frozen=True)
class DomainRules:
    """The rules of one tenant, never changed: replacing them is replacing the object.

    Its length and iteration are those of the rules. No rule means nobody.
    """

    text: str
    rules: tuple[Rule, ...]

    @classmethod
    def parse(cls, text: str) -> DomainRules:
        """Read one rule a line; raise `RuleError` with `.problems`, one for each bad line."""
        return cls(text, grammar.parse_rules(text))

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def __bool__(self) -> bool:
        return True  # `rules or other` must not swap an empty list, which means nobody

    def allows(self, origin: str) -> bool:
        """Tell whether a page of `origin` (as browsers write it) may embed.

        Never raises: what is no text is no origin.
        """
        read = grammar.parse_origin(origin)
        return read is not None and self._index.find(read) is not None

    def explain(self, origin: str) -> Decision:
        """Say what `allows` answers, by which line, and why; never raises."""
        read = grammar.parse_origin(origin)
        if read is None:
            return Decision(False, None, grammar.why_no_origin(origin))
        rule = self._index.find(read)
        if rule:
            return Decision(True, rule, f"{rule} admits it")
        if read.is_address:
            return Decision(False, None, "an IP address is not a domain: no rule matches one")
        if not self.rules:
            return Decision(False, None, "there are no rules: nobody may embed")
        near = self._near_misses.find(read)
        if near:
            return Decision(False, None, f"no rule matches; near miss: {near.reason}", near.rule)
        return Decision(False, None, "no rule matches")

    def frame_ancestors(self) -> str:
        """Give the value of `frame-ancestors`: `'self' https://…`, or `'none'` without rules.

        `'self'` because the adapter frames its own pages, and every ancestor is checked.
        """
        return self._emitted if self.header_fault is None else _NOBODY

    @property
    def header_fault(self) -> str | None:
        """What a header could not carry (never, by the grammar): log it, since nobody is let in."""
        return None if _SAFE.fullmatch(self._emitted) else f"unsafe value: {self._emitted!r}"

    def header_bytes(self) -> int:
        """Count the bytes of the directive, name included."""
        return len(f"frame-ancestors {self.frame_ancestors()}".encode())

    def require_header_fits(self, limit: int = HEADER_LIMIT) -> None:
        """Raise `InvalidSettings` when the directive is longer than `limit` bytes."""
        size = self.header_bytes()
        if size > limit:
            raise InvalidSettings(
                f"these {len(self)} rules make a header of {size} bytes, more than the {limit} "
                "that proxies and browsers carry: use a wildcard for hosts that belong together"
            )

    @cached_property
    def warnings(self) -> tuple[Caution, ...]:
        """Name what is valid and still may not be meant, line by line."""
        return tuple(cautions.cautions(self.rules, self._index))

    @cached_property
    def _index(self) -> RuleIndex:
        return RuleIndex.build(self.rules)

    @cached_property
    def _near_misses(self) -> NearMisses:
        return NearMisses.build(self._index, self.rules)

    @cached_property
    def _emitted(self) -> str:
        # A dictionary drops doubles and keeps the order.
        sources = dict.fromkeys(source for rule in self.rules for source in rule.sources)
        return " ".join(["'self'", *sources]) if sources else _NOBODY


def suggest(origin: str) -> str:
    """Give the line that admits exactly this origin, or "" where no rule can (`null`, addresses).

    >>> suggest("https://contoso.crm4.dynamics.com")
    'https://contoso.crm4.dynamics.com'
    """
    read = grammar.parse_origin(origin)
    if read is None:
        return ""
    line = str(read)
    try:
        DomainRules.parse(line)
    except RuleError:
        return ""
    return line
