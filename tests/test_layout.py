"""The tree keeps its shape: what every module has, and what none may be called."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

from tests.conftest import ROOT
from tests.documents import named, read, rows, section

ADAPTER = ROOT / "adapter"
MODULES = sorted(
    path
    for path in ADAPTER.rglob("*.py")
    if path.stat().st_size and path.stem != "__main__" and "versions" not in path.parts
)
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
LONGEST = 500
"""Lines: at 400 ask which two things a file is; a table of data may be longer."""


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_every_module_opens_with_what_it_is_for() -> None:
    first = {
        path: (ast.get_docstring(ast.parse(read(path))) or "").split("\n")[0] for path in MODULES
    }
    assert not [named(path) for path, line in first.items() if not line.endswith((".", "`"))]


def test_every_module_is_short() -> None:
    assert not [named(path) for path in MODULES if len(read(path).splitlines()) > LONGEST]


def test_no_module_is_named_after_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "manager", "base"}
    assert not [named(path) for path in [*MODULES, *TESTS] if path.stem in nothing]


def test_every_test_is_named_by_a_sentence() -> None:
    short = re.compile(r"^(?:async )?def (test_[a-z0-9]+(?:_[a-z0-9]+)?)\(", re.MULTILINE)
    assert not [(named(path), name) for path in TESTS for name in short.findall(read(path))]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_every_module_is_reached_by_a_test() -> None:
    """Either a test imports it, or what a test imports or starts does.

    What git does not have yet is still being built, and so is a folder of which nothing is reached.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "adapter"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    kept = {ROOT / name for name in listed.stdout.split("\0")} if listed.stdout else set(MODULES)
    by_name = {module(path): path for path in MODULES if path in kept}
    # Tests start the program; Alembic loads its environment by its place.
    todo = {"adapter.cli.main", "adapter.store.migrations.env"}
    for path in (ROOT / "tests").rglob("*.py"):
        if "node_modules" not in path.parts:
            todo |= _imports(path)
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in by_name and name not in seen:
            seen.add(name)
            todo |= _imports(by_name[name])
    begun = {by_name[name].parent for name in seen}
    assert not [name for name in by_name if name not in seen and by_name[name].parent in begun]


def test_the_readme_shows_every_layer_of_the_tree() -> None:
    contracts = tomllib.loads(read(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    parts = {name.strip(" ()") for layer in layers for name in re.split(r"[|:]", layer)}
    table = section(read(ROOT / "README.md"), "## The tree")
    shown = {
        each for row in rows(table) for each in re.findall(r"`([a-z0-9_]+)(?:/|\.py)`", row[0])
    }
    assert parts - {"__main__"} == shown - {"static", "templates", "locales"}
