"""Read `$expand`: navigation properties, each with its own options in parentheses."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.demo.simulated.dataverse.refusals import bad_url, not_simulated

_INSIDE = {"$select", "$filter", "$orderby", "$top"}


def parse(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """List (navigation property, options). Raises a 400, or a 501 for an expand in an expand."""
    for part in split(text, ","):
        name, opening, rest = part.partition("(")
        if opening and not rest.endswith(")"):
            raise bad_url(f"Syntax error in the $expand option '{text}'.")
        options: dict[str, str] = {}
        for option in split(rest.removesuffix(")"), ";"):
            key, _, value = option.partition("=")
            if key.strip() not in _INSIDE:
                raise not_simulated(f"The option '{key.strip()}' inside $expand")
            options[key.strip()] = value.strip()
        yield name.strip(), options


def split(text: str, mark: str) -> list[str]:
    """Split at a mark that stands outside of parentheses and quotes."""
    parts, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == "'"
        if not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
        if character == mark and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]
