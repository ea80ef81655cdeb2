"""Parse JSON that strangers send, within limits, and name the place of each fault.

Bodies are read by msgspec: strict JSON (no NaN, no lone surrogate, no trailing comma, UTF-8
only). Of two members with one name the last wins; nobody else reads the text, so no two readers
can disagree about it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from adapter.errors import MalformedInput, PayloadTooLarge, Place

MAX_DEPTH = 32
"""Objects and arrays inside each other; real events have 3 to 6."""
MAX_INTEGER = 2**64 - 1
MIN_INTEGER = -(2**63)

_ANY = msgspec.json.Decoder()
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_LENIENT = json.JSONDecoder(strict=False, parse_int=float)
"""Finds where a value ends that msgspec refuses; what it gives nobody uses."""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
_LONE = re.compile(
    rb"(?:[^\\]++|\\u[dD][89abAB]%(h)b\\u[dD][c-fC-F]%(h)b|\\(?!u[dD][89a-fA-F]%(h)b).)*+"
    rb"\\u[dD][89a-fA-F]%(h)b" % {b"h": rb"[0-9a-fA-F]{2}"},
    re.DOTALL,
)
"""Up to the first half of a surrogate pair that stands alone."""
_SPACE = re.compile(r"[ \t\r\n]*")
_RUN = re.compile(rb"\[+|\]+")
_PASSES = 8
_OPENING = ord("[")
_BRACES = bytes.maketrans(b"{}", b"[]")
_NOT_BRACES = bytes(sorted(set(range(256)) - set(b"[]{}")))


def fault(at: str, detail: str) -> MalformedInput:
    """Make the error for one place: `at` is a JSON pointer (RFC 6901) or the name of a header."""
    return MalformedInput(f"{at}: {detail}" if at else detail, (Place(at, detail),))


def pointer(parent: str, key: str | int) -> str:
    """Go one step down a JSON pointer; long keys are cut, because they land in answers."""
    return f"{parent}/{str(key)[:80].replace('~', '~0').replace('/', '~1')}"


def parse(body: bytes | msgspec.Raw, what: str = "The body") -> Any:
    """Read one JSON text; `what` names it where it is none.

    Raises `PayloadTooLarge` for nesting deeper than `MAX_DEPTH`, `MalformedInput` for what is no
    JSON and for U+0000 in a string (PostgreSQL stores no text with it).
    """
    octets = bytes(body)
    check_depth(octets)
    try:
        value = _ANY.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json(octets, error, what) from error
    except RecursionError as error:  # pragma: no cover - only from an already deep call stack
        raise _too_deep() from error
    if b"\\u0000" in octets and _NUL.search(octets):
        raise fault(_nul_at(value), "a string may not hold U+0000")
    return value


def items(body: bytes, *, most: int) -> list[msgspec.Raw]:
    """Split a JSON array into its elements, each still text, so that one fault spoils only one."""
    try:
        elements = _ITEMS.decode(body)
    except msgspec.ValidationError as error:
        raise fault("", "expected an array") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        found = _split(body, most)
        if found is None:
            raise not_json(body, error) from error
        elements = found
    except RecursionError as error:
        raise _too_deep() from error
    if len(elements) > most:
        detail = f"{len(elements)} events in one request, at most {most} are taken"
        raise PayloadTooLarge(detail, (Place("", detail),))
    return elements


def _split(body: bytes, most: int) -> list[msgspec.Raw] | None:
    """Find the elements of an array, though one is no strict JSON; None where it cannot be told.

    Stops beyond `most` elements.
    """
    text = body.decode("latin-1")  # a byte is a character, and what JSON is made of is ASCII
    elements: list[msgspec.Raw] = []
    at, sign = _after_space(text, 0)
    if sign != "[":
        return None
    while sign != "]":
        start, _ = _after_space(text, at + 1)
        try:
            _, end = _LENIENT.raw_decode(text, start)
        except ValueError:
            return None
        except RecursionError as error:
            raise _too_deep() from error
        elements.append(msgspec.Raw(body[start:end]))
        at, sign = _after_space(text, end)
        if sign not in (",", "]"):
            return None
        if len(elements) > most:
            return elements
    return elements if _after_space(text, at + 1)[1] == "" else None


def _after_space(text: str, at: int) -> tuple[int, str]:
    """Give where the next sign stands, and the sign; an empty one at the end."""
    found = _SPACE.match(text, at)
    at = found.end() if found else at
    return at, text[at : at + 1]


def check_depth(body: bytes) -> None:
    """Refuse JSON text nested deeper than `MAX_DEPTH`, without recursion and mostly at C speed.

    The strings are cut out and all braces made alike. Each pass then removes the innermost pairs,
    which takes one off the depth; what is left after a few passes has few runs of braces to walk.
    A hostile megabyte costs some ten milliseconds, an event nothing.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    braces = _STRING.sub(b"", body).translate(_BRACES, _NOT_BRACES)
    for _ in range(_PASSES):
        braces = braces.replace(b"[]", b"")
    depth = 0
    for run in _RUN.finditer(braces):
        length = run.end() - run.start()
        depth += length if braces[run.start()] == _OPENING else -length
        if depth + _PASSES > MAX_DEPTH:
            raise _too_deep()


def not_json(text: bytes, error: Exception, what: str = "The body") -> MalformedInput:
    """Make the error of a text that msgspec refused to read as whatever JSON it is."""
    if isinstance(error, msgspec.ValidationError):
        # The one thing that it can find wrong with a value of which nothing is expected.
        return fault(_infinite_at(text), "expected a number of at most 1.8e308")
    found = why_not(text, error)
    return MalformedInput(f"{what} is not JSON: {found}", (Place("", found),))


def why_not(text: bytes, error: Exception) -> str:
    """Say in plain words why msgspec could not read a text, and near which byte."""
    if not text.strip():
        return "it is empty"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 (byte {_first_no_text(text)})"
    said = str(error)
    if ("escape" in said or "surrogate" in said or "truncated" in said) and (
        lone := _LONE.match(text)
    ):
        at = lone.end() - len("\\ud800")
        return f"{text[at : lone.end()].decode('latin-1')} is half a character (byte {at})"
    if said == "Input data was truncated":
        return f"it ends too early (byte {len(text)})"
    return said.removeprefix("JSON is malformed: ")


def unstorable(value: Any, at: str) -> MalformedInput:
    """Find the integer beyond 64 bits that made MessagePack refuse `value`."""
    for place, found in walk(value, at):
        if isinstance(found, int) and not MIN_INTEGER <= found <= MAX_INTEGER:
            return fault(place, "expected an integer of at most 64 bits")
    return fault(at, "cannot be stored")


def walk(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Give every value inside `value` with its JSON pointer, without recursion."""
    waiting = [(at, value)]
    while waiting:
        place, found = waiting.pop()
        yield place, found
        if isinstance(found, dict):
            waiting.extend((pointer(place, key), inner) for key, inner in found.items())
        elif isinstance(found, list):
            waiting.extend((pointer(place, index), inner) for index, inner in enumerate(found))


def _nul_at(value: Any) -> str:
    for place, found in walk(value, ""):
        if isinstance(found, str) and "\0" in found:
            return place
        if isinstance(found, dict) and any("\0" in key for key in found):
            return place
    return ""  # only under a doubled key, whose first value is gone


def _first_no_text(text: bytes) -> int:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _infinite_at(text: bytes) -> str:
    try:
        value = json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        return ""  # there is another fault further on
    numbers = (place for place, found in walk(value, "") if found in (math.inf, -math.inf))
    return next(numbers, "")


def _too_deep() -> PayloadTooLarge:
    detail = f"nested deeper than {MAX_DEPTH} levels"
    return PayloadTooLarge(f"The body is {detail}", (Place("", detail),))
