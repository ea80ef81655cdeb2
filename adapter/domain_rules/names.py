"""Turn a domain as a person types it into the ASCII form that browsers compare."""

from __future__ import annotations

import re
import unicodedata

import idna

MAX_DOMAIN = 253
"""Octets of a whole name, without a trailing dot (RFC 1035, section 2.3.4)."""

MAX_LABEL = 63
"""Octets of one label (RFC 1035, section 2.3.4)."""

_MAX_TYPED = 1024
"""Characters we are willing to look at: `idna` refuses more, and no name is that long."""

_DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""What UTS 46 maps to a dot, in every version of it."""

_LETTERS_DIGITS_HYPHENS = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""The URL standard reads a host whose last label looks so as an IPv4 address."""

_JOINERS = "\u200c\u200d"

_UNSTABLE = re.compile(
    "[\u04c0\u10a0-\u10c5\u115f\u1160\u17b4\u17b5\u180e\u1e9e\u2024-\u2026\u2061-\u2063"
    "\u206a-\u206f\u2132\u2183\u3164\uffa0\U0001d173-\U0001d17a"
    "\U0002f868\U0002f874\U0002f91f\U0002f95f\U0002f9bf]"
)
"""What UTS 46 mapped otherwise, or not at all, before Unicode 15.1 or 16 (its tables for 11, 13,
15, 15.1, 16 and 18 compared): two browsers may mean two hosts by the same text, so none is safe."""

_INVISIBLE = re.compile(
    "[\u034f\u180b-\u180f\u200b\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
"""What UTS 46 drops and nobody sees, such as the byte order mark of a file. A soft hyphen shows at
the end of a line, so it is dropped as browsers drop it."""

_PLAIN_WORDS = {
    "hyphen_start_end": "starts or ends with a hyphen",
    "hyphen_3_4": "has `--` as its third and fourth character",
    "leading_combiner": "starts with a combining mark",
    "label_too_long": f"is longer than {MAX_LABEL} octets",
}
"""What `idna` calls a fault, in words for an admin; other codes name the character instead."""


class DomainError(ValueError):
    """The text is no domain name; the message says why."""


def refuse_invisible(typed: str) -> None:
    """Raise `DomainError` that names the first character which nobody would see, if any."""
    found = _INVISIBLE.search(typed)
    if found:
        raise DomainError(
            f"there is an invisible character (U+{ord(found.group()):04X}) in the rule"
        )


def to_ascii(domain: str) -> str:
    """Map `domain` by UTS 46 ToASCII (non-transitional, STD3) and check every label of it.

    Stricter than a browser where browsers differ: a label that was not ASCII must also be valid by
    IDNA 2008 (no emoji), and no character may be one whose mapping changed. Laxer in one point: an
    ASCII label may have `--` as its third and fourth character (Salesforce's sandboxes do).
    Source: https://www.unicode.org/reports/tr46/#ToASCII and RFC 5891, section 4.2.
    """
    if len(domain) > _MAX_TYPED:
        raise DomainError(f"the domain is longer than {MAX_DOMAIN} octets")
    typed = _DOTS.split(domain)
    if "" in typed:
        raise DomainError(_where_empty(typed))
    labels = [_label(label) for label in typed]
    name = ".".join(labels)
    if len(name) > MAX_DOMAIN:
        raise DomainError(f"the domain is longer than {MAX_DOMAIN} octets")
    if is_number(labels[-1]):
        raise DomainError("a name that ends in a number is an IP address, not a domain")
    _check_direction(labels)
    return name


def to_unicode(name: str) -> str:
    """Show an ASCII name that `to_ascii` made as a person reads it."""
    return ".".join(_decoded(label) for label in name.split("."))


def is_number(label: str) -> bool:
    """Tell whether the URL standard would read a host that ends in `label` as an IPv4 address."""
    return _NUMBER.fullmatch(label) is not None


def _where_empty(labels: list[str]) -> str:
    if not any(labels):
        return "there is no domain"
    if labels[-1] == "" and all(labels[:-1]):
        return "a trailing dot makes it another host, which browsers treat differently"
    return "there is an empty label (two dots in a row, or a dot at the start)"


def _label(typed: str) -> str:
    if not typed.isascii():
        return _mapped(typed)
    # Not through `idna`: it refuses `ab--cd`, which Salesforce has.
    label = typed.lower()
    if len(label) > MAX_LABEL:
        raise DomainError(f"the label `{label}` is longer than {MAX_LABEL} octets")
    if label.strip("-") != label:
        raise DomainError(f"the label `{label}` starts or ends with a hyphen")
    if _LETTERS_DIGITS_HYPHENS.fullmatch(label) is None:
        raise DomainError(f"the label `{label}` may have only letters, digits and hyphens")
    if label.startswith("xn--") and not _is_punycode(label):
        raise DomainError(f"the label `{label}` is not valid punycode")
    return label


def _mapped(typed: str) -> str:
    unstable = _UNSTABLE.search(typed)
    if unstable:
        raise DomainError(f"browsers disagree about {_character(unstable.group())}")
    try:
        mapped = idna.uts46_remap(typed, std3_rules=True)
        if mapped == "":
            raise DomainError("there is an empty label (it holds only invisible characters)")
        return idna.alabel(mapped).decode("ascii")
    except idna.IDNAError as error:
        raise DomainError(_in_plain_words(typed, error)) from error


def _is_punycode(label: str) -> bool:
    """Apply the validity criteria of UTS 46, section 4.1, to what an `xn--` label stands for."""
    try:
        decoded = _decoded(label)
        if decoded.isascii() or _encoded(decoded) != label:
            return False
        idna.check_hyphen_ok(decoded)
        idna.check_initial_combiner(decoded)
        idna.check_bidi(decoded)
        joiners = [at for at, character in enumerate(decoded) if character in _JOINERS]
        unchanged = idna.uts46_remap(decoded, std3_rules=True) == decoded
        return unchanged and all(idna.valid_contextj(decoded, at) for at in joiners)
    except ValueError:  # UnicodeError is one, and so is every error of `idna`
        return False


def _check_direction(labels: list[str]) -> None:
    """Hold every label to the Bidi Rule once one runs right to left (RFC 5893, section 2)."""
    if not any(label.startswith("xn--") for label in labels):
        return
    decoded = [_decoded(label) for label in labels]
    if not any(unicodedata.bidirectional(c) in {"R", "AL", "AN"} for c in "".join(decoded)):
        return
    try:
        for label in decoded:
            idna.check_bidi(label, check_ltr=True)
    except idna.IDNAError as error:
        detail = "left-to-right and right-to-left labels are mixed in a way browsers refuse"
        raise DomainError(detail) from error


def _decoded(label: str) -> str:
    return label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label


def _encoded(label: str) -> str:
    return "xn--" + label.encode("punycode").decode("ascii")


def _in_plain_words(typed: str, error: idna.IDNAError) -> str:
    if error.codepoint is not None and error.code not in _PLAIN_WORDS:
        return f"{_character(chr(error.codepoint))} is not allowed in a domain"
    words = _PLAIN_WORDS.get(error.code or "", "is not a valid international domain label")
    return f"the label `{typed}` {words}"


def _character(character: str) -> str:
    shown = f" ({character})" if character.isprintable() and not character.isspace() else ""
    return f"U+{ord(character):04X}{shown}"
