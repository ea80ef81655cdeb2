"""Join the modules, and the style sheets, of one page into one file each.

They stay apart in `static/`, where people read and test them. A page of fifty files costs fifty
answers' heads, compresses worse and starts later; joined while the server starts, it needs no build
step either.

Each module becomes a function that gives what it exports. It takes only the few forms of import and
export that our modules use, and refuses every other one, so that nothing is joined into a program
that means something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

_IMPORT = re.compile(r'^import \{([^{}]*)\} from "(\./[\w./-]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function\*?|class|const) ([\w$]+)", re.MULTILINE)
_OTHER = re.compile(r"^\s*(?:(?:import|export)\b(?!\()|\}? ?from \").*", re.MULTILINE)
_BLANK = re.compile(r"\n\s*\n")


def modules(sources: Mapping[str, str], entry: str) -> str:
    """Give one module that does what `entry` (a path in `sources`) and all that it imports do.

    Raises ValueError for an import of what is not there, for a ring of imports, and for a form of
    import or export that it does not know.
    """
    order: list[str] = []
    _visit(sources, entry, order, ())
    names = {path: f"$m{at}" for at, path in enumerate(order)}
    parts = [_wrapped(sources, path, names) for path in order[:-1]]
    parts.append(_body(sources, entry, names))
    return _BLANK.sub("\n", "".join(parts))


def sheets(sources: Mapping[str, str], order: tuple[str, ...]) -> str:
    """Give one style sheet that does what those of `order` do, one after the other.

    Raises ValueError where one of them points to another file: it would point elsewhere.
    """
    for path in order:
        if re.search(r"url\(|@import|@charset", sources[path]):
            raise ValueError(f"{path}: a joined style sheet may name no other file")
    return "".join(sources[path].rstrip() + "\n" for path in order)


def _visit(sources: Mapping[str, str], path: str, order: list[str], above: tuple[str, ...]) -> None:
    if path in above:
        raise ValueError(f"a ring of imports: {' > '.join((*above, path))}")
    if path in order:
        return
    if path not in sources:
        raise ValueError(f"{above[-1] if above else 'nothing'} imports {path}, which is not there")
    for found in _IMPORT.finditer(sources[path]):
        _visit(sources, _beside(path, found[2]), order, (*above, path))
    order.append(path)


def _wrapped(sources: Mapping[str, str], path: str, names: Mapping[str, str]) -> str:
    given = ", ".join(found[2] for found in _EXPORT.finditer(sources[path]))
    body = _body(sources, path, names)
    return f"const {names[path]} = (() => {{\n{body}\nreturn {{ {given} }};\n}})();\n"


def _body(sources: Mapping[str, str], path: str, names: Mapping[str, str]) -> str:
    def taken(found: re.Match[str]) -> str:
        wanted = ", ".join(_renamed(found[1]))
        return f"const {{ {wanted} }} = {names[_beside(path, found[2])]};"

    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub(taken, sources[path]))
    if other := _OTHER.search(body):
        raise ValueError(f"{path}: cannot join {other[0].strip()!r}")
    return body


def _renamed(wanted: str) -> Iterator[str]:
    """`a, b as c` of an import is `a, b: c` of an object."""
    for name in filter(None, (each.strip() for each in wanted.split(","))):
        yield re.sub(r"\s+as\s+", ": ", name)


def _beside(path: str, relative: str) -> str:
    return str(PurePosixPath(path).parent / relative.removeprefix("./"))
