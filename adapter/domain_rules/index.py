"""Find the rule that admits an origin by its labels, and the rule that nearly does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from adapter.domain_rules import names, public_suffixes
from adapter.domain_rules.grammar import DEFAULT_PORTS, Origin, Rule, Scheme

Key = tuple[Scheme, int | None]
"""A scheme and a port that a rule admits; None is any port."""

Admitted = dict[Key, Rule]
"""What is admitted at one host, each by the first rule that says so."""

_REGION = re.compile(r"(?:^|(?<=\.))crm[0-9]*(?=\.dynamics\.com\Z)")
"""The label that names the region of a Dynamics 365 organisation."""


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """Rules by host: `exact` for the host itself, `wild` for the names below it."""

    exact: Mapping[str, Admitted]
    wild: Mapping[str, Admitted]

    @classmethod
    def build(cls, rules: Iterable[Rule]) -> RuleIndex:
        exact: dict[str, Admitted] = {}
        wild: dict[str, Admitted] = {}
        for rule in rules:
            admitted = (wild if rule.wildcard else exact).setdefault(rule.host, {})
            for key in rule.admitted:
                admitted.setdefault(key, rule)
        return cls(exact, wild)

    def find(self, origin: Origin) -> Rule | None:
        """Give the first line that admits `origin`: one probe a label, whatever the rules."""
        found: Rule | None = None
        for admitted in self.places(origin.host):
            for port in (origin.port, None):
                rule = admitted.get((origin.scheme, port))
                if rule and (found is None or rule.line < found.line):
                    found = rule
        return found

    def places(self, host: str) -> Iterator[Admitted]:
        """Give what is admitted at `host` itself, then at each name above it."""
        if host in self.exact:
            yield self.exact[host]
        for above in names_above(host):
            if above in self.wild:
                yield self.wild[above]


def names_above(host: str) -> Iterator[str]:
    """Give `b.c` and `c` for `a.b.c`; no name that is too long to stand in a rule."""
    dot = host.find(".", max(0, len(host) - names.MAX_DOMAIN - 1))
    while dot != -1:
        yield host[dot + 1 :]
        dot = host.find(".", dot + 1)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """The rule that an admin may have meant, and in plain words why it does not match."""

    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class NearMisses:
    """Search for near misses by dictionary probes only: explaining stays cheap at 10,000 rules.

    `below` gives the first rule under each name, `regions` the first rule by its host with the
    Dynamics region taken out.
    """

    index: RuleIndex
    below: Mapping[str, Rule]
    regions: Mapping[str, Rule]

    @classmethod
    def build(cls, index: RuleIndex, rules: Iterable[Rule]) -> NearMisses:
        below: dict[str, Rule] = {}
        regions: dict[str, Rule] = {}
        for rule in rules:
            for above in names_above(rule.host):
                below.setdefault(above, rule)
            if _REGION.search(rule.host):
                regions.setdefault(_without_region(rule.pattern), rule)
        return cls(index, below, regions)

    def find(self, origin: Origin) -> NearMiss | None:
        """Give the nearest rule to an origin that no rule admits."""
        for search in (
            self._trailing_dot,
            self._other_scheme_or_port,
            self._apex,
            self._name_below,
            self._other_region,
            self._foreign_end,
            self._same_letters,
            self._same_site,
        ):
            found = search(origin)
            if found:
                return found
        return None

    def _trailing_dot(self, origin: Origin) -> NearMiss | None:
        if not origin.host.endswith("."):
            return None
        rule = self.index.find(origin._replace(host=origin.host[:-1]))
        if rule is None:
            return None
        return NearMiss(rule, f"the trailing dot makes another host than the one {rule} is for")

    def _other_scheme_or_port(self, origin: Origin) -> NearMiss | None:
        other: Scheme = "http" if origin.scheme == "https" else "https"
        usual = origin.port == DEFAULT_PORTS[origin.scheme]
        port = DEFAULT_PORTS[other] if usual else origin.port
        for admitted in self.index.places(origin.host):
            rule = admitted.get((other, port)) or admitted.get((other, None))
            if rule and origin.scheme not in rule.schemes:
                return NearMiss(rule, f"scheme {origin.scheme}, {rule} wants {other}")
            # What has the right scheme is nearer: min() takes the first of equals.
            (scheme, wanted), rule = min(
                admitted.items(), key=lambda item: item[0][0] != origin.scheme
            )
            said = "the default port " if rule.port is None else "port "
            also = f" and scheme {scheme}" if scheme != origin.scheme else ""
            return NearMiss(rule, f"port {origin.port}, {rule} wants {said}{wanted}{also}")
        return None

    def _apex(self, origin: Origin) -> NearMiss | None:
        rule = _first(self.index.wild.get(origin.host))
        if rule is None:
            return None
        return NearMiss(rule, f"{rule} does not match the apex `{origin.host}` itself")

    def _name_below(self, origin: Origin) -> NearMiss | None:
        for above in names_above(origin.host):
            rule = _first(self.index.exact.get(above))
            if rule:
                detail = f"{rule} matches only that host: names below it need `*.{above}`"
                return NearMiss(rule, detail)
        return None

    def _other_region(self, origin: Origin) -> NearMiss | None:
        region = _REGION.search(origin.host)
        if region is None:
            return None
        host = _without_region(origin.host)
        patterns = (host, *(f"*.{above}" for above in names_above(host)))
        rule = next((self.regions[name] for name in patterns if name in self.regions), None)
        if rule is None:
            return None
        wanted = _REGION.search(rule.host)
        said = wanted.group() if wanted else rule.host
        return NearMiss(rule, f"{region.group()} is another region: {rule} is for {said}")

    def _foreign_end(self, origin: Origin) -> NearMiss | None:
        """Recognise `crm.example.com.evil.test`: an allowed name in front of another's domain."""
        labels = origin.host.split(".")[:8]  # enough for a real name; the work is quadratic
        for end in range(len(labels) - 1, 1, -1):
            for start in range(end - 1):
                name = ".".join(labels[start:end])
                rule = _first(self.index.exact.get(name)) or _first(self.index.wild.get(name))
                if rule:
                    detail = f"`{name}` of {rule} stands in front of another domain: a look-alike"
                    return NearMiss(rule, detail)
        return None

    def _same_letters(self, origin: Origin) -> NearMiss | None:
        """Recognise `evilcrm.example.com` beside `*.crm.example.com`: no dot where one belongs."""
        host = origin.host
        for start in range(max(1, len(host) - names.MAX_DOMAIN), host.rfind(".")):
            name = host[start:]
            rule = _first(self.index.exact.get(name)) or _first(self.index.wild.get(name))
            if rule and "." in name:
                detail = f"`{host}` ends in the letters of {rule}, but is no name below `{name}`"
                return NearMiss(rule, detail)
        return None

    def _same_site(self, origin: Origin) -> NearMiss | None:
        for name in (origin.host, *names_above(origin.host)):
            rule = self.below.get(name) if "." in name else None
            if rule and not public_suffixes.is_public_suffix(name):
                return NearMiss(rule, f"{rule} is for another host under `{name}`")
        return None


def _first(admitted: Admitted | None) -> Rule | None:
    return next(iter(admitted.values())) if admitted else None


def _without_region(host: str) -> str:
    return _REGION.sub("crm", host)
