from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import adapter
from tests.conftest import ROOT

DATA = ("static", "templates", "locales", "store/migrations")
"""Folders below `adapter/` that a server needs beside its code."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a release does, from this tree and without a network."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


def files_of_the_tree() -> set[str]:
    folder = ROOT / "adapter"
    return {
        str(path.relative_to(ROOT))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("adapter/")}
    assert packed == files_of_the_tree()


@pytest.mark.parametrize("folder", DATA)
def test_the_wheel_holds_what_is_no_code(wheel: Path, folder: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert any(name.startswith(f"adapter/{folder}/") for name in archive.namelist())


def test_the_installed_wheel_runs_away_from_its_tree(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True)
    # -P and our own path: what an editable install left must not answer for the wheel.
    code = (
        f"import sys; sys.path.insert(0, {str(target)!r}); "
        "from adapter.cli.main import run; import adapter; print(adapter.__file__); "
        "run(['--version'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        str(target / "adapter" / "__init__.py"),
        f"screenpop {adapter.__version__}",
    ]
    assert (target / "bin" / "screenpop").exists()
