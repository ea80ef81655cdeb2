"""The tree keeps its shape: what every module has, and what none may be called."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents import read

ADAPTER = ROOT / "adapter"
MODULES = sorted(
    path for path in ADAPTER.rglob("*.py") if path.stat().st_size and "versions" not in path.parts
)
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
LONGEST = 500
"""Lines: at 400 ask which two things a file is; a table of data may be longer."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_opens_with_what_it_is_for(path: Path) -> None:
    told = ast.get_docstring(ast.parse(read(path)))
    assert told
    assert told.splitlines()[0].endswith((".", "`")), told


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_is_short(path: Path) -> None:
    assert len(read(path).splitlines()) <= LONGEST


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=named)
def test_no_module_is_named_after_nothing(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "manager", "base"}


@pytest.mark.parametrize("path", TESTS, ids=named)
def test_every_test_is_named_by_a_sentence(path: Path) -> None:
    for name in re.findall(r"^(?:async )?def (test_\w+)", read(path), re.MULTILINE):
        assert name.count("_") >= 3, name


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_every_module_is_reached_by_a_test() -> None:
    """Either a test imports it, or what a test imports or starts does."""
    by_name = {module(path): path for path in MODULES}
    todo = {"adapter.__main__", "adapter.cli.main"}  # tests start the program
    for path in (ROOT / "tests").rglob("*.py"):
        todo |= _imports(path)
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in by_name and name not in seen:
            seen.add(name)
            todo |= _imports(by_name[name])
    assert set(by_name) - seen == set()


def test_the_readme_shows_every_part_of_the_tree() -> None:
    table = read(ROOT / "README.md")
    parts = {
        path.name + ("/" if path.is_dir() else "")
        for path in ADAPTER.iterdir()
        if not path.name.startswith("__") and (path.is_dir() or path.suffix == ".py")
    }
    shown = set(re.findall(r"`([a-z_]+(?:\.py|/))`", table))
    assert parts <= shown, parts - shown
    there = {path.name + ("/" if path.is_dir() else "") for path in ADAPTER.rglob("*")}
    there |= {path.name + "/" for path in ROOT.iterdir() if path.is_dir()}
    assert shown <= there, shown - there
