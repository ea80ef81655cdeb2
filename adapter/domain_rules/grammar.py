"""Read one domain rule, or one origin, exactly as written: nothing is guessed or repaired."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from adapter.domain_rules import names
from adapter.errors import InvalidSettings, Place

Scheme = Literal["http", "https"]
ANY_PORT: Literal["*"] = "*"
DEFAULT_PORTS: dict[Scheme, int] = {"https": 443, "http": 80}
MAX_PORT = 65535

_PORT = re.compile("[0-9]+")  # not \d and not str.isdigit(): both take other scripts' digits

_PORT_FORM = f"after a `:` stands a port from 1 to {MAX_PORT}, or `*` for any"

_ORIGIN = re.compile(
    r"(https?)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
)
"""The serialisation browsers use: lower case, punycode, no path. An empty label is no host name;
`_` and a hyphen at an edge are what real hosts have, so an origin may have them."""

_NO_DOMAIN_CHARACTER = {
    "/": "a rule ends after the domain or the port: no path, and a protocol is followed by `://`",
    "?": "a rule has no query",
    "#": "a rule has no fragment, and there are no comments",
    "@": "a rule has no user name",
    "'": "keywords and quotes are not domains",
    '"': "keywords and quotes are not domains",
    ";": "`;` would end the header's directive",
    ",": "one rule a line: `,` would end the header's policy",
    "_": "`_` is not allowed in a domain",
    "%": "percent escapes are not allowed in a domain",
    "[": "an IPv6 address is not a domain, and browsers cannot match one",
}

_NO_ORIGIN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), reason)
    for pattern, reason in (
        (r"\Z", "the origin is empty"),
        (r"null\Z", "`null` is an opaque origin (a sandboxed, data: or hidden page)"),
        (r"(?!(?i:https?):)[A-Za-z][A-Za-z0-9+.-]*:(?![0-9]*\Z)",
         "only http and https pages have a domain that a rule could match"),
        (r".*[\x00-\x1f\x7f]", "there is a control character in it"),
        (r".*[, ]", "there is white space or more than one origin in it"),
        (r".*[^\x00-\x7e]", "browsers write an international domain in punycode (`xn--…`)"),
        (r"(?!(?i:https?)://)", "an origin is written `https://host` or `https://host:port`"),
        (r"[^/]+//[^/?#]*[/?#]", "an origin ends after the host or the port: no path"),
        (r".*@", "an origin has no user name"),
        (r".*[A-Z]", "browsers write origins in lower case"),
        (r".*\*", "an origin names one host: a wildcard belongs into a rule"),
        (r".*%", "browsers write no percent escapes in an origin"),
        (r"[^/]+//(:|\Z)", "there is no host"),
        (r"[^/]+//(\.|.*\.\.)", "there is an empty label in the host"),
        (r".*:\Z", "there is no port after the `:`"),
        (r".*:[0-9]+\Z", f"a port is a number up to {MAX_PORT}"),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the allow list.

    `line` counts from 1 and `text` is the line as typed, trimmed. `host` is ASCII (punycode) and
    lower case, without the wildcard. `scheme` None admits http and https; `port` None is the
    default port of the origin's scheme, `"*"` any.
    """

    line: int
    text: str
    scheme: Scheme | None
    wildcard: bool
    host: str
    port: int | Literal["*"] | None

    def __str__(self) -> str:
        return f"line {self.line} `{self.text}`"

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        return ("https", "http") if self.scheme is None else (self.scheme,)

    @property
    def pattern(self) -> str:
        """The host as a header writes it: `*.` and the domain, or the domain."""
        return f"*.{self.host}" if self.wildcard else self.host

    @property
    def admitted(self) -> tuple[tuple[Scheme, int | None], ...]:
        """Every scheme and port that it admits; None is any port."""
        if self.port == ANY_PORT:
            return tuple((scheme, None) for scheme in self.schemes)
        if self.port is None:
            return tuple((scheme, DEFAULT_PORTS[scheme]) for scheme in self.schemes)
        return tuple((scheme, self.port) for scheme in self.schemes)

    @property
    def sources(self) -> tuple[str, ...]:
        """The rule as CSP host sources.

        Two for a rule without a protocol: a source without one means the adapter's own scheme or
        better, so an adapter on https would refuse http (CSP 3, section 6.7.2.8).
        """
        port = "" if self.port is None else f":{self.port}"
        return tuple(f"{scheme}://{self.pattern}{port}" for scheme in self.schemes)


@dataclass(frozen=True, slots=True)
class Problem:
    """One bad line: its number from 1, the line as typed, and what is wrong in plain words."""

    line: int
    text: str
    reason: str


class RuleError(InvalidSettings):
    """The text cannot be saved: `problems` names every bad line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "; ".join(f"line {problem.line}: {problem.reason}" for problem in problems)
        places = [Place(f"line {problem.line}", problem.reason) for problem in problems]
        super().__init__(f"the domain rules are not valid: {lines}", places)


class Origin(NamedTuple):
    """A page's origin with its port filled in. `host` may end in a dot or be an IP address."""

    scheme: Scheme
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def is_address(self) -> bool:
        return self.host.startswith("[") or names.is_number(self.host.rpartition(".")[2])


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read one rule a line, blank lines skipped; raise `RuleError` that names every bad line."""
    rules: list[Rule] = []
    problems: list[Problem] = []
    # Not splitlines() and strip(): those split on and trim more than LF, CRLF, space and tab.
    for number, line in enumerate(text.split("\n"), start=1):
        typed = line.removesuffix("\r").strip(" \t")
        if not typed:
            continue
        try:
            rules.append(_parse_rule(number, typed))
        except names.DomainError as error:
            problems.append(Problem(number, typed, str(error)))
    if problems:
        raise RuleError(problems)
    return tuple(rules)


def parse_origin(text: object) -> Origin | None:
    """Read an origin as browsers serialise it; None for everything else (`null`, `file:`, paths).

    A host is no longer than a name can be, so that an origin never costs more than a rule.

    Source: https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin
    """
    if not isinstance(text, str):
        return None
    match = _ORIGIN.fullmatch(text)  # not `$`, which matches before a final newline
    if match is None or _is_long(match[2]):
        return None
    scheme: Scheme = "https" if match[1] == "https" else "http"
    port = int(match[3]) if match[3] else DEFAULT_PORTS[scheme]
    return Origin(scheme, match[2], port) if port <= MAX_PORT else None


def why_no_origin(text: object) -> str:
    """Say in plain words why `parse_origin` gave None."""
    if not isinstance(text, str):
        return f"an origin is a text, not a value of type {type(text).__name__}"
    match = _ORIGIN.fullmatch(text)
    if match and _is_long(match[2]):
        return f"the host is longer than {names.MAX_DOMAIN} octets"
    for pattern, reason in _NO_ORIGIN:
        if pattern.match(text):
            return reason
    return "it is not an origin as browsers write them"


def _is_long(host: str) -> bool:
    return len(host.removesuffix(".")) > names.MAX_DOMAIN


def _parse_rule(line: int, typed: str) -> Rule:
    names.refuse_invisible(typed)
    protocol, separator, rest = typed.partition("://")
    scheme = _scheme(protocol) if separator else None
    rest = rest if separator else typed
    if rest.startswith("["):
        raise names.DomainError(_NO_DOMAIN_CHARACTER["["])
    host, colon, port = rest.partition(":")
    _refuse_characters(host)
    wildcard, domain = _wildcard(host)
    read_port = _port(port) if colon else None
    return Rule(line, typed, scheme, wildcard, names.to_ascii(domain), read_port)


def _scheme(protocol: str) -> Scheme:
    lower = protocol.lower()
    if lower == "https":
        return "https"
    if lower == "http":
        return "http"
    if "*" in protocol:
        raise names.DomainError("the protocol is never a wildcard: leave it out for both")
    if re.fullmatch("[a-z][a-z0-9+.-]*", lower):
        detail = f"no page has the protocol `{lower}`, the rule could never match"
        raise names.DomainError(detail)
    raise names.DomainError("before `://` stands http or https")


def _wildcard(host: str) -> tuple[bool, str]:
    # Before the mapping: UTS 46 would turn a full-width asterisk into a real one.
    wildcard = host.startswith("*.")
    domain = host[2:] if wildcard else host
    if host == "*" or (wildcard and not domain):
        raise names.DomainError("a wildcard needs a domain after it: `*.example.com`")
    if "*" in domain:
        detail = "a wildcard stands once, as the whole first label: `*.example.com`"
        raise names.DomainError(detail)
    return wildcard, domain


def _port(typed: str) -> int | Literal["*"]:
    if typed == ANY_PORT:
        return ANY_PORT
    if not typed:
        raise names.DomainError("there is no port after the `:`")
    if _PORT.fullmatch(typed) is None:
        _refuse_characters(typed)
        raise names.DomainError(_PORT_FORM)
    digits = typed.lstrip("0")
    # The length first: int() refuses thousands of digits with an error of its own.
    if not digits or len(digits) > len(str(MAX_PORT)) or int(digits) > MAX_PORT:
        raise names.DomainError(_PORT_FORM)
    return int(digits)


def _refuse_characters(typed: str) -> None:
    for character in typed:
        if character in _NO_DOMAIN_CHARACTER:
            raise names.DomainError(_NO_DOMAIN_CHARACTER[character])
        if character.isspace():
            detail = f"there is white space (U+{ord(character):04X}) inside the rule"
            raise names.DomainError(detail)
        if not character.isprintable() and character.isascii():
            detail = f"there is a control character (U+{ord(character):04X}) in the rule"
            raise names.DomainError(detail)
